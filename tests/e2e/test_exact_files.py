#!/usr/bin/env python3
"""Files are exactly those of a run without failure, whatever is killed: kill -9 of TaskManagers in use. See also test_campaign.py."""

import signal
import subprocess

import cluster as kit
from cluster import wait_for
from counting import Counting
from followed import flags_of


class ExactFiles(Counting):
    def test_taskmanagers_in_use_are_killed(self):
        cluster = self.start_cluster(taskmanagers=3, slots=2)
        job = self.submit(cluster, {"execution.checkpointing.interval": "100 ms"})
        for _ in range(3):
            job.wait_running()
            before = len(self.visible())
            wait_for("a checkpoint shows more rows", lambda: len(self.visible()) > before)
            restarts = job.restarts()
            job.workers()[0].kill(signal.SIGKILL)
            job.wait_restarted(restarts)
        self.finish(job)


class Regions(Counting):
    """Subtasks that are not connected: those of a TaskManager that dies start again, the others go on."""

    def subtasks(self, job):
        [vertex] = job.cluster.vertices(job.id)
        found = job.cluster.rest(f"/jobs/{job.id}/vertices/{vertex['id']}")["subtasks"]
        return {task["subtask"]: (task["taskmanager-id"], task["attempt"]) for task in found}

    def test_only_those_of_the_killed_taskmanager_start_again(self):
        cluster = self.start_cluster(taskmanagers=3, slots=1)
        job = self.submit(cluster, {"execution.checkpointing.interval": "100 ms"}, "--apart")
        for _ in range(3):
            job.wait_running()
            before = len(self.visible())
            wait_for("a checkpoint shows more rows", lambda: len(self.visible()) > before)
            restarts, then = job.restarts(), self.subtasks(job)
            victim = then[0][0]
            [pid] = [tm["pid"] for tm in cluster.rest("/taskmanagers")["taskmanagers"] if tm["id"] == victim]
            kit.Process(pid).kill(signal.SIGKILL)
            job.wait_restarted(restarts)
            job.wait_running()
            now = self.subtasks(job)
            self.assertEqual(now[1], then[1], "it had nothing to do with that")
            self.assertEqual(now[0][1], then[0][1] + 1)
            self.assertNotEqual(now[0][0], victim)
            wait_for("all TaskManagers are back", lambda: cluster.overview()["slots-total"] == 3)
        self.finish(job)


class FewerSlots(Counting):
    """jobmanager.scheduler: adaptive, and a TaskManager that no supervisor starts again."""

    def setUp(self):
        super().setUp()
        self.cluster = self.start_cluster(taskmanagers=1, slots=1)

    def start_taskmanager(self):
        settings = {
            "jobmanager.rpc.port": self.cluster.rpc_port.number,
            "taskmanager.numberOfTaskSlots": 1,
            "io.tmp.dirs": self.dir,
            "env.log.dir": self.dir,
        }
        popen = subprocess.Popen([str(kit.BIN_DIR / "wiesel-taskmanager"), *flags_of(settings)], stdin=subprocess.DEVNULL)

        def end():
            popen.kill()
            popen.wait()

        self.addCleanup(end)
        return end

    def wait_parallelism(self, job_id, parallelism):
        def look():
            job = self.cluster.job(job_id)
            self.assertNotIn(job["state"], kit.FINAL_STATES, job["failure"])
            widths = {vertex["parallelism"] for vertex in self.cluster.vertices(job_id)}
            return job["state"] == "RUNNING" and job["tasks"]["running"] == job["tasks"]["total"] and widths == {parallelism}

        wait_for(f"the job runs at parallelism {parallelism}", look)

    def test_job_shrinks_and_grows_back(self):
        end = self.start_taskmanager()
        self.cluster.wait_slots(2)
        scheduler = "jobmanager.adaptive-scheduler"
        options = {
            "execution.checkpointing.interval": "100 ms",
            "jobmanager.scheduler": "adaptive",
            f"{scheduler}.submission.resource-stabilization-timeout": "300 ms",
            f"{scheduler}.executing.resource-stabilization-timeout": "100 ms",
            f"{scheduler}.executing.cooldown-after-rescaling": "0 s",
        }
        job = self.submit(self.cluster, options)
        job_id = job.id
        for _ in range(2):
            self.wait_parallelism(job_id, 2)
            before = len(self.visible())
            wait_for("a checkpoint shows more rows", lambda: len(self.visible()) > before)
            end()
            self.wait_parallelism(job_id, 1)
            self.assertIn("parallelism 1 of 2", self.cluster.job(job_id)["waiting"])
            before = len(self.visible())
            wait_for("it goes on", lambda: len(self.visible()) > before)
            end = self.start_taskmanager()
        self.wait_parallelism(job_id, 2)
        self.finish(job)


if __name__ == "__main__":
    kit.main()
