#!/usr/bin/env python3
"""Functions that block have a thread of their own: who sleeps is busy, who is before it backpressured, and nobody else notices."""

import time

import cluster as kit
from cluster import ClusterTest, E2ETest, wait_for

QUICK_ROWS = 1_000_000


class Blocking(ClusterTest):
    taskmanagers, slots = 1, 2
    defines = ["metrics.fetcher.update-interval=200 ms"]

    def submit(self, *job_args, parallelism=1):
        job_id = self.cluster.submit(self.job("sleepy.c"), "-p", parallelism, job_args=job_args)
        self.cluster.wait_running(job_id)
        return job_id

    def vertices(self, job_id):
        """By what is in their names."""
        found = {}
        for vertex in self.cluster.vertices(job_id):
            for name in ("Source: slow", "sleeps", "Source: quick", "passes"):
                if name in vertex["name"]:
                    found[name] = vertex["id"]
        self.assertEqual(len(found), 4, "the function that blocks begins a chain of its own")
        return found

    def number(self, job_id, vertex, name):
        return self.cluster.metrics(job_id, vertex, 0, name).get(name, 0)

    def test_the_sleeper_is_busy_its_source_backpressured_and_others_go_on(self):
        job_id = self.submit()
        vertex = self.vertices(job_id)
        wait_for("the sleeper is busy", lambda: self.number(job_id, vertex["sleeps"], "busyTimeMsPerSecond") > 900)
        wait_for("its source waits", lambda: self.number(job_id, vertex["Source: slow"], "backPressuredTimeMsPerSecond") > 900)

        began, before = time.monotonic(), self.number(job_id, vertex["passes"], "passes.passed")
        slept = self.number(job_id, vertex["sleeps"], "sleeps.slept")
        wait_for("rows of the other chain", lambda: self.number(job_id, vertex["passes"], "passes.passed") > before + QUICK_ROWS)
        seconds, naps = time.monotonic() - began, self.number(job_id, vertex["sleeps"], "sleeps.slept") - slept
        kit.say(f"{QUICK_ROWS} rows in {seconds:.2f} s beside {naps} calls that take 0.5 s each, in the same slot")
        self.assertLessEqual(naps, seconds * 2 + 2)

        began = time.monotonic()
        canceled = self.cluster.cli("cancel", job_id)
        self.assertEqual(canceled.code, 0, str(canceled))
        self.assert_time("cancel while a call takes 0.5 s", time.monotonic() - began, 1.0)

    def test_a_call_that_does_not_return_keeps_only_its_own_task(self):
        pid = self.cluster.process("taskmanager-1").pid
        job_id = self.submit("--us", "6000000", "--once")
        sleeper = self.vertices(job_id)["sleeps"]
        wait_for("it sleeps", lambda: self.number(job_id, sleeper, "busyTimeMsPerSecond") > 900)
        self.cluster.request(f"/jobs/{job_id}?mode=cancel", "PATCH")

        def states():
            counts = {vertex["id"]: vertex["tasks"] for vertex in self.cluster.vertices(job_id)}
            others = [tasks["CANCELED"] for vertex, tasks in counts.items() if vertex != sleeper]
            return counts if all(others) else None

        counts = wait_for("all others are canceled", states)
        self.assertEqual(counts[sleeper]["CANCELING"], 1, counts)
        self.assertEqual(self.cluster.state(job_id), "CANCELLING")
        run = self.cluster.run(self.job("numbers.c"), "-p", "1", job_args=["--n", "1000"])
        self.assertEqual(len(run.rows()), 1000, str(run))
        self.assertEqual(self.cluster.state(job_id), "CANCELLING", "a whole job ran on the same TaskManager meanwhile")
        self.cluster.wait_state(job_id, "CANCELED")
        self.assertEqual(self.cluster.process("taskmanager-1").pid, pid)

    def test_a_job_that_blocks_comes_to_its_end(self):
        run = self.cluster.run(self.job("sleepy.c"), "-p", "2", job_args=["--us", "1000", "--rows", "200"])
        self.assertEqual(run.code, 0, str(run))


class Stuck(E2ETest):
    def test_a_call_that_never_returns_takes_its_taskmanager_down_after_the_timeout(self):
        cluster = self.start_cluster(taskmanagers=1, defines=["task.cancellation.timeout=700 ms"])
        pid = cluster.process("taskmanager-1").pid
        job_id = cluster.submit(self.job("sleepy.c"), job_args=["--us", "1000000000", "--once"])
        cluster.wait_running(job_id)
        vertex = next(vertex["id"] for vertex in cluster.vertices(job_id) if "sleeps" in vertex["name"])
        name = "busyTimeMsPerSecond"
        wait_for("it is stuck", lambda: cluster.metrics(job_id, vertex, 0, name).get(name, 0) > 900)
        began = time.monotonic()
        canceled = cluster.cli("cancel", job_id)
        self.assert_time("cancel of a call that never returns (task.cancellation.timeout 0.7 s)", time.monotonic() - began, 3.0)
        self.assertEqual(canceled.code, 0, str(canceled))
        cluster.wait_slots()
        self.assertNotEqual(cluster.process("taskmanager-1").pid, pid)


if __name__ == "__main__":
    kit.main()
