#!/usr/bin/env python3
"""deploy/quickstart.sh from a clean clone, unattended. It builds everything: only in long campaigns (WIESEL_TEST_LONG)."""

import os
import re
import subprocess
import unittest

import cluster as kit
from cluster import E2ETest, Port, Process, wait_for

BUILD_TIMEOUT_S = 1500


@unittest.skipUnless(os.environ.get("WIESEL_TEST_LONG"), "builds everything; set WIESEL_TEST_LONG=1")
class Quickstart(E2ETest):
    def setUp(self):
        super().setUp()
        self.clone = self.dir / "clone"
        subprocess.run(["git", "clone", "-q", str(kit.SOURCE_DIR), str(self.clone)], check=True, timeout=kit.PATIENCE_S)
        self.port = Port()
        self.addCleanup(self.port.release)
        self.addCleanup(self.script, "stop-cluster.sh")
        self.env = {k: v for k, v in kit.cli_env(self.dir, TMPDIR=str(self.dir)).items() if k != "WIESEL_BIN_DIR"}

    def script(self, name, *args, timeout=kit.PATIENCE_S):
        argv = [self.clone / "deploy" / name, *args]
        return subprocess.run(argv, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    def check_running(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreaterEqual(len(re.findall(r'(?m)^ +(?:\d+> )?\{"symbol":"[A-Z]+","net_qty":-?\d+,"trades":\d+\}$', done.stdout)), 8, done.stdout)
        address = f"127.0.0.1:{self.port.number}"
        self.assertIn(f"http://{address}", done.stdout)
        listed = subprocess.run([self.clone / "build/release/bin/wiesel", "list", "-m", address], env=self.env, capture_output=True, text=True)
        self.assertEqual(len(re.findall(r"\(RUNNING\)", listed.stdout)), 1, listed.stdout)

    def test_two_commands_do_everything(self):
        self.check_running(self.script("quickstart.sh", "--rest-port", str(self.port.number), timeout=BUILD_TIMEOUT_S))
        pids = [Process(int(path.read_text())) for path in (self.clone / "build/run").glob("*.pid")]
        self.assertEqual(len(pids), 5, "supervisor, JobManager, two TaskManagers, the generator of trades")
        self.check_running(self.script("quickstart.sh", "--rest-port", str(self.port.number), timeout=BUILD_TIMEOUT_S))
        wait_for("the first cluster is replaced", lambda: not any(process.alive() for process in pids))
        pids = [Process(int(path.read_text())) for path in (self.clone / "build/run").glob("*.pid")]
        stopped = self.script("stop-cluster.sh")
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertFalse(any(process.alive() for process in pids))
        self.assertEqual(list(self.dir.glob("wiesel-*")), [])


if __name__ == "__main__":
    kit.main()
