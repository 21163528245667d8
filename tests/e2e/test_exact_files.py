#!/usr/bin/env python3
"""Files are exactly those of a run without failure, whatever is killed: kill -9 of TaskManagers in use."""

import collections
import json
import signal
import subprocess

import cluster as kit
from cluster import E2ETest, Process, wait_for

FILES, ROWS_PER_FILE, KEYS = 8, 400, 7
ROWS = FILES * ROWS_PER_FILE


class CountedFiles(E2ETest):
    """Files of rows, a job that counts them per key, and what it must have written."""

    taskmanagers, slots = 3, 2

    def setUp(self):
        super().setUp()
        self.cluster = self.start_cluster(taskmanagers=self.taskmanagers, slots=self.slots)
        self.input, self.output = self.dir / "in", self.dir / "out"
        self.input.mkdir()
        ids = iter(range(ROWS))
        for i in range(FILES):
            rows = [json.dumps({"id": n, "key": n % KEYS}) for _, n in zip(range(ROWS_PER_FILE), ids)]
            (self.input / f"{i}.json").write_text("".join(row + "\n" for row in rows))

    def submit(self, pause_us=2000, **more):
        options = {
            "execution.checkpointing.interval": "100 ms",
            "execution.checkpointing.dir": self.dir / "checkpoints",
            **more,
        }
        flags = [word for key, value in options.items() for word in ("-D", f"{key}={value}")]
        return self.cluster.submit(
            self.job("count_files.c"), "-p", "2", *flags, job_args=["--in", self.input, "--out", self.output, "--pause-us", pause_us, "--hurry", self.dir / "hurry"]
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


class ExactFiles(CountedFiles):
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


class FewerSlots(CountedFiles):
    """jobmanager.scheduler: adaptive, and a TaskManager that no supervisor starts again."""

    taskmanagers, slots = 1, 1

    def start_taskmanager(self):
        settings = {
            "jobmanager.rpc.port": self.cluster.rpc_port.number,
            "taskmanager.numberOfTaskSlots": 1,
            "io.tmp.dirs": self.dir,
            "env.log.dir": self.dir,
        }
        flags = [word for key, value in settings.items() for word in ("-D", f"{key}={value}")]
        popen = subprocess.Popen([str(kit.BIN_DIR / "wiesel-taskmanager"), *flags], stdin=subprocess.DEVNULL)

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
        job_id = self.submit(pause_us=20000, **{
            "jobmanager.scheduler": "adaptive",
            f"{scheduler}.submission.resource-stabilization-timeout": "300 ms",
            f"{scheduler}.executing.resource-stabilization-timeout": "100 ms",
            f"{scheduler}.executing.cooldown-after-rescaling": "0 s",
        })
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
        (self.dir / "hurry").touch()
        self.cluster.wait_state(job_id, "FINISHED", timeout=2 * kit.PATIENCE_S)
        self.check_output()


if __name__ == "__main__":
    kit.main()
