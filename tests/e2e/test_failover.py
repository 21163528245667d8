#!/usr/bin/env python3
"""wiesel-bench failover: kill -9 of TaskManagers in use, and new rows soon after."""

import json
import subprocess

import cluster as kit
from cluster import E2ETest


class Failover(E2ETest):
    def measure(self, *flags):
        argv = [str(kit.BIN_DIR / "wiesel-bench"), "failover", *flags]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=4 * kit.PATIENCE_S, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        [line] = done.stdout.splitlines()
        return json.loads(line)

    def test_new_rows_come_soon_after_each_kill(self):
        seen = self.measure("--kills", "3")
        self.assertEqual((seen["workload"], seen["state"], seen["parallelism"], seen["kills"]), ("failover", "small", 2, 3))
        for phase in ("new_row", "all_new_rows", "notice", "stop", "restore", "first_row"):
            figures = seen["ms"][phase]
            self.assertLessEqual(figures["min"], figures["median"], phase)
            self.assertLessEqual(figures["median"], figures["max"], phase)
        self.assertGreater(seen["ms"]["new_row"]["min"], 0)
        self.assertGreater(seen["state_bytes"], 0)
        self.assert_time("from kill -9 of a TaskManager to the first new row, median of 3", seen["ms"]["new_row"]["median"] / 1000, 3.0)

    def test_what_cannot_be_is_said(self):
        done = subprocess.run([str(kit.BIN_DIR / "wiesel-bench"), "failover", "--kills", "none"], capture_output=True, timeout=kit.PATIENCE_S, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--kills takes a number from 1", done.stderr)


if __name__ == "__main__":
    kit.main()
