#!/usr/bin/env python3
"""Files are exactly those of a run without failure, whatever is killed: kill -9 of TaskManagers in use."""

import collections
import json
import signal

import cluster as kit
from cluster import E2ETest, Process, wait_for

FILES, ROWS_PER_FILE, KEYS = 8, 400, 7
ROWS = FILES * ROWS_PER_FILE


class ExactFiles(E2ETest):
    def setUp(self):
        super().setUp()
        self.cluster = self.start_cluster(taskmanagers=3, slots=2)
        self.input, self.output = self.dir / "in", self.dir / "out"
        self.input.mkdir()
        ids = iter(range(ROWS))
        for i in range(FILES):
            rows = [json.dumps({"id": n, "key": n % KEYS}) for _, n in zip(range(ROWS_PER_FILE), ids)]
            (self.input / f"{i}.json").write_text("".join(row + "\n" for row in rows))

    def submit(self):
        options = {
            "execution.checkpointing.interval": "100 ms",
            "execution.checkpointing.dir": self.dir / "checkpoints",
            "restart-strategy.exponential-delay.initial-backoff": "50 ms",
        }
        flags = [word for key, value in options.items() for word in ("-D", f"{key}={value}")]
        return self.cluster.submit(
            self.job("count_files.c"), "-p", "2", *flags, job_args=["--in", self.input, "--out", self.output, "--pause-us", "2000"]
        )

    def visible(self):
        """Lines of the visible files; each is whole."""
        lines = []
        for path in sorted(self.output.glob("part-*")):
            text = path.read_text()
            self.assertTrue(text.endswith("\n"), f"{path.name} ends with a torn line")
            lines += text.splitlines()
        return lines

    def workers_of(self, job_id):
        """Process ids of the TaskManagers that run tasks of the job."""
        names = set()
        for vertex in self.cluster.vertices(job_id):
            found = self.cluster.rest(f"/jobs/{job_id}/vertices/{vertex['id']}/taskmanagers")["taskmanagers"]
            names |= {tm["taskmanager-id"] for tm in found}
        return [tm["pid"] for tm in self.cluster.rest("/taskmanagers")["taskmanagers"] if tm["id"] in names]

    def check_output(self):
        expected = collections.Counter(
            (key, n) for key in range(KEYS) for n in range(1, ROWS // KEYS + (key < ROWS % KEYS) + 1)
        )
        got = collections.Counter((row["key"], row["n"]) for row in map(json.loads, self.visible()))
        self.assertEqual(got - expected, collections.Counter(), "rows that should not be there, or are there twice")
        self.assertEqual(expected - got, collections.Counter(), "rows that are missing")
        self.assertEqual(list(self.output.glob(".*")), [], "hidden files are left behind")

    def test_taskmanagers_in_use_are_killed(self):
        job_id = self.submit()
        for _ in range(3):
            self.cluster.wait_running(job_id)
            before = len(self.visible())
            wait_for("a checkpoint shows more rows", lambda: len(self.visible()) > before)
            job = self.cluster.job(job_id)
            self.assertNotEqual(job["state"], "FINISHED", "it ended too early to be killed")
            attempt = len(self.cluster.rest(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"])
            Process(self.workers_of(job_id)[0]).kill(signal.SIGKILL)
            wait_for(
                "the loss is noticed",
                lambda: len(self.cluster.rest(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]) > attempt,
            )
        self.cluster.wait_state(job_id, "FINISHED", timeout=2 * kit.PATIENCE_S)
        self.check_output()


if __name__ == "__main__":
    kit.main()
