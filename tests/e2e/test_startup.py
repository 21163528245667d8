#!/usr/bin/env python3
"""Milliseconds to start, milliseconds to the first output, megabytes at rest.

The aims are those of the project; what is asserted leaves room for busy machines. All numbers are printed.
"""

import http.client
import json
import statistics
import subprocess
import time

import cluster as kit
from cluster import BIN_DIR, E2ETest, Process, say, wait_for

RUNS = 5
UP_AIM_S, UP_LIMIT_S = 0.3, 1.0
OUTPUT_AIM_S, OUTPUT_LIMIT_S = 0.2, 1.0
IDLE_RSS_LIMIT = 20 << 20


class Startup(E2ETest):
    def judge(self, what, seconds, aim, limit):
        middle = statistics.median(seconds)
        say(f"{what}: median {middle:.3f} s of {' '.join(f'{s:.3f}' for s in seconds)} (aim {aim:g}, limit {limit:g})")
        if not kit.SANITIZED:
            self.assertLess(middle, limit, what)

    def test_three_processes_are_up_and_registered_at_once(self):
        """From the first exec to all slots registered, with nothing but the three processes."""
        seconds = []
        for _ in range(RUNS):
            rest, rpc = kit.Port(), kit.Port()
            began = time.monotonic()
            common = ["-D", f"rest.port={rest.number}", "-D", f"jobmanager.rpc.port={rpc.number}", "-D", f"io.tmp.dirs={self.dir}"]
            argvs = [["wiesel-jobmanager", *common]] + 2 * [["wiesel-taskmanager", *common, "-D", "taskmanager.numberOfTaskSlots=2"]]
            processes = [
                subprocess.Popen([BIN_DIR / argv[0], *argv[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for argv in argvs
            ]
            try:
                wait_for("four slots", lambda: self.slots(rest.number) == 4, pause=0.001)
                seconds.append(time.monotonic() - began)
            finally:
                for process in reversed(processes):
                    process.terminate()
                codes = [process.wait(kit.PATIENCE_S) for process in processes]
            self.assertEqual(codes, [0, 0, 0], "SIGTERM is an orderly end")
            rest.release()
            rpc.release()
        self.judge("three processes up, four slots registered", seconds, UP_AIM_S, UP_LIMIT_S)
        self.assertEqual(list(self.dir.iterdir()), [])

    @staticmethod
    def slots(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=kit.PATIENCE_S)
        try:
            connection.request("GET", "/overview")
            return json.loads(connection.getresponse().read())["slots-total"]
        except OSError:
            return 0
        finally:
            connection.close()

    def test_start_cluster_returns_soon(self):
        seconds = []
        for _ in range(3):
            cluster = kit.Cluster()
            try:
                cluster.start()
                seconds.append(cluster.started_seconds)
            finally:
                cluster.stop()
        self.judge("start-cluster.sh", seconds, UP_AIM_S, UP_LIMIT_S)

    def test_first_output_comes_at_once(self):
        cluster = self.start_cluster()
        library = self.library(self.job("numbers.c"))
        graph = {
            "schemas": {"number": {"n": "BIGINT"}},
            "operators": [
                {"name": "numbers", "source": "datagen", "schema": "number", "options": {"fields": "n sequence 0", "rows-per-second": 1000}},
                {"name": "out", "sink": "file", "options": {"path": "", "single-file": True, "format": "json"}},
            ],
        }
        for what in ("library", "JSON graph"):
            seconds = []
            for i in range(RUNS):
                out = self.dir / f"{what}-{i}"
                graph["operators"][1]["options"]["path"] = str(out)
                job = library if what == "library" else self.graph(graph)
                argv = [BIN_DIR / "wiesel", "run", "-d", "-m", cluster.address, job]
                argv += ["--", "--sink", out, "--rate", "1000"] if what == "library" else []
                began = time.monotonic()
                run = subprocess.Popen(argv, env=kit.cli_env(self.dir), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
                wait_for("the first row", lambda: out.exists() and b"\n" in out.read_bytes()[:100], pause=0.001)
                seconds.append(time.monotonic() - began)
                text, _ = run.communicate(timeout=kit.PATIENCE_S)
                self.assertTrue(out.read_text().startswith('{"n":0}\n'))
                cluster.cancel(kit.JOB_ID.search(text).group(0))
            self.judge(f"wiesel run -d of a {what} to the first row in a file", seconds, OUTPUT_AIM_S, OUTPUT_LIMIT_S)

    def test_processes_at_rest_are_small(self):
        cluster = self.start_cluster()
        sizes = {name: process.rss() for name, process in cluster.processes().items()}
        say("idle RSS in MB: " + ", ".join(f"{name} {size / 2**20:.1f}" for name, size in sizes.items()))
        self.assertEqual(len(sizes), 4)
        if not kit.SANITIZED:
            for name, size in sizes.items():
                self.assertLessEqual(size, IDLE_RSS_LIMIT, name)

    def test_processes_at_rest_use_no_cpu(self):
        cluster = self.start_cluster()
        job_id = cluster.submit(self.job("numbers.c"), "-p", "2", job_args=["--rate", "1", "--sink", "blackhole"])
        cluster.wait_running(job_id)
        processes = cluster.processes()
        before = {name: process.cpu_seconds() for name, process in processes.items()}
        began = time.monotonic()
        time.sleep(3)  # the time that is measured, not a wait for a result
        seconds = time.monotonic() - began
        used = {name: (process.cpu_seconds() - before[name]) / seconds for name, process in processes.items()}
        say("CPU of an idle job: " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in used.items()))
        if not kit.SANITIZED:
            self.assertLess(sum(used.values()), 0.1, "a tenth of a core for all of them")


if __name__ == "__main__":
    kit.main()
