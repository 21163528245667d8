#!/usr/bin/env python3
"""Disks that are full or broken for a while, under checkpoints and under results: what is said, what goes on, and files that are exact."""

import errno
import signal
import time
import unittest

import cluster as kit
from cluster import wait_for
from counting import Counting
from failing_fs import LIBRARY, FailingDisk

NO_SPACE, BROKEN = "No space left on device", "Input/output error"
TROUBLES = {
    "full": ({"write": errno.ENOSPC}, NO_SPACE),
    "full, also for new files": ({"open": errno.ENOSPC}, NO_SPACE),
    "not synced": ({"sync": errno.EIO}, BROKEN),
    "not renamed": ({"rename": errno.EIO}, BROKEN),
}
# State files even of small state, so that TaskManagers write, too.
OPTIONS = {"execution.checkpointing.interval": "50 ms", "execution.checkpointing.data-inline-threshold": "0 b"}


@unittest.skipUnless(LIBRARY.exists(), f"{LIBRARY} is not built")
class DiskTrouble(Counting):
    def start(self, directory, **options):
        """A cluster, and the job on it; trouble comes below the directory."""
        directory.mkdir()
        self.disk = FailingDisk(self.dir / "control", directory)
        self.cluster = self.start_cluster(taskmanagers=3, slots=2, env=self.disk.env())
        job = self.submit(self.cluster, {**OPTIONS, **options})
        job.wait_running()
        job.wait_checkpoints(1)
        return job

    def failed(self, job):
        return job.checkpoints()["counts"]["failed"]

    def kill_and_recover(self, job):
        before = job.restarts()
        job.workers()[0].kill(signal.SIGKILL)
        job.wait_restarted(before)

    # -- under checkpoints --

    def test_checkpoints_fail_and_the_job_goes_on(self):
        job = self.start(self.checkpoints, **{"execution.checkpointing.tolerable-failed-checkpoints": 100000})
        for name, (trouble, words) in TROUBLES.items():
            with self.subTest(trouble=name):
                before = self.failed(job)
                self.disk.fail(**trouble)
                job.wait("checkpoints fail", lambda: self.failed(job) > before + 2)
                said = job.checkpoints()["latest"]["failed"]["failure_message"]
                self.assertIn(words, said)
                self.assertIn(str(self.checkpoints), said)
                self.disk.heal()
                job.wait_checkpoints(1)
                self.assertEqual(job.restarts(), 0, "failing checkpoints are tolerated")
        self.kill_and_recover(job)
        self.disk.fail(write=errno.ENOSPC)
        self.kill_and_recover(job)
        self.disk.heal()
        job.wait_checkpoints(1)
        self.finish(job)

    def test_more_failures_than_tolerable_fail_the_job(self):
        tolerable = {"execution.checkpointing.tolerable-failed-checkpoints": 2, "restart-strategy.type": "none"}
        job = self.start(self.checkpoints, **tolerable)
        self.disk.fail(write=errno.ENOSPC)
        failure = self.cluster.wait_state(job.id, "FAILED")["failure"]
        self.assertRegex(failure, rf"(?s)checkpoint.*{NO_SPACE}")
        self.assertEqual(job.cluster.rest(f"/jobs/{job.id}/checkpoints")["counts"]["failed"] >= 3, True)

    def test_a_job_that_restarts_for_them_is_exact(self):
        job = self.start(self.checkpoints, **{"execution.checkpointing.tolerable-failed-checkpoints": 1})
        self.disk.fail(sync=errno.EIO)
        job.wait("it restarts", lambda: job.restarts() > 0)
        self.disk.heal()
        job.wait_running()
        job.wait_checkpoints(1)
        self.finish(job)

    # -- under results --

    def test_results_that_cannot_be_written_are_written_later(self):
        job = self.start(self.output)
        for name, (trouble, words) in TROUBLES.items():
            with self.subTest(trouble=name):
                before = job.restarts()
                self.disk.fail(**trouble)
                job.wait("it fails", lambda: job.restarts() > before)
                history = self.cluster.rest(f"/jobs/{job.id}/exceptions")["exceptionHistory"]["entries"]
                self.assertIn(words, history[0]["stacktrace"])
                self.assertIn(str(self.output), history[0]["stacktrace"])
                self.disk.heal()
                job.wait_running()
                job.wait_checkpoints(1)
        self.kill_and_recover(job)
        self.finish(job)


if __name__ == "__main__":
    kit.main()
