#!/usr/bin/env python3
"""The newest checkpoint is damaged on the disk before a kill: the job goes back to an older one, says so, and its files are exact."""

import json
import random
import signal

import cluster as kit
from counting import Counting
from cluster import wait_for


def flip_a_bit(rng, path):
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data) * 8)
    data[at // 8] ^= 1 << at % 8
    path.write_bytes(data)


def cut(rng, path):
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def remove(rng, path):
    path.unlink()


def swap(rng, path):
    """With a file of the same checkpoint, or of the one before."""
    others = [p for p in path.parent.iterdir() if p != path] or list(path.parent.parent.glob("chk-*/*"))
    other = rng.choice([p for p in others if p != path and p.read_bytes() != path.read_bytes()])
    mine, its = path.read_bytes(), other.read_bytes()
    path.write_bytes(its)
    other.write_bytes(mine)


class DamagedCheckpoints(Counting):
    """Checkpoints are taken when the test asks, so that the newest is the one that it damages."""

    options = {
        "execution.checkpointing.interval": "1 h",
        "execution.checkpointing.num-retained": 3,
        "execution.checkpointing.data-inline-threshold": "0 b",
    }
    # Rows that the damaged checkpoint made visible would come again (connector/file/README.md), so no part is rolled before the end.
    one_part = ["--roll", "false", "--roll-size", "1gb"]

    def take(self, job):
        """A checkpoint now; its directory."""
        status, body = job.cluster.request(f"/jobs/{job.id}/checkpoints", "POST", b"{}", {"Content-Type": "application/json"})
        self.assertEqual(status, 202, body)
        request = json.loads(body)["request-id"]

        def done():
            answer = job.cluster.rest(f"/jobs/{job.id}/checkpoints/{request}")
            return answer["operation"] if answer["status"]["id"] == "COMPLETED" else None

        self.assertNotIn("failure-cause", job.wait("the checkpoint asked for", done))
        return self.checkpoints / job.id / f"chk-{job.last_checkpoint()}"

    def said(self, cluster):
        return "".join(path.read_text() for path in cluster.log_dir.glob("jobmanager*"))

    def rows_move(self, job):
        """Rows have come through since the last look."""
        before = job.cluster.job(job.id)["records-out"]
        job.wait("more rows", lambda: job.cluster.job(job.id)["records-out"] > before + 10)

    def kill(self, job):
        before = job.restarts()
        job.workers()[0].kill(signal.SIGKILL)
        job.wait("restarts", lambda: job.restarts() > before)

    def run_with(self, damage, of):
        rng = random.Random(f"{damage.__name__} {of}")
        cluster = self.start_cluster(taskmanagers=2, slots=2, defines=["metrics.fetcher.update-interval=100 ms"])
        job = self.submit(cluster, self.options, *self.one_part)
        job.wait_running()
        for _ in range(3):
            self.rows_move(job)
            newest = self.take(job)
        files = sorted(newest.glob("*.state") if of == "state" else newest.glob("_metadata"))
        self.assertGreater(len(files), 0, list(newest.iterdir()))
        path = rng.choice(files)
        damage(rng, path)
        self.rows_move(job)
        self.kill(job)
        job.wait("it runs again", lambda: job.is_running() and job.checkpoints()["latest"]["restored"])
        self.assertLess(job.checkpoints()["latest"]["restored"]["id"], int(newest.name.removeprefix("chk-")))
        self.assertRegex(self.said(cluster), rf"ERROR.*checkpoint\.damaged.*{newest}")
        self.rows_move(job)
        self.take(job)
        self.finish(job)

    def test_a_bit_of_a_state_file(self):
        self.run_with(flip_a_bit, "state")

    def test_a_state_file_that_is_cut(self):
        self.run_with(cut, "state")

    def test_a_state_file_that_is_gone(self):
        self.run_with(remove, "state")

    def test_state_files_that_changed_places(self):
        self.run_with(swap, "state")

    def test_all_of_them_damaged(self):
        """Nothing is left to go back to: beginning empty would lose rows silently."""
        cluster = self.start_cluster(taskmanagers=2, slots=2, defines=["metrics.fetcher.update-interval=100 ms"])
        job = self.submit(cluster, self.options, *self.one_part)
        job.wait_running()
        for _ in range(3):
            self.rows_move(job)
            self.take(job)
        for path in self.checkpoints.glob("*/chk-*/*.state"):
            cut(random.Random(1), path)
        job.workers()[0].kill(signal.SIGKILL)
        failure = cluster.wait_state(job.id, "FAILED")["failure"]
        self.assertRegex(failure, "every checkpoint that was kept is damaged")


if __name__ == "__main__":
    kit.main()
