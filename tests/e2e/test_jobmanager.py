#!/usr/bin/env python3
"""The JobManager, or everything, is killed or frozen: jobs, their results and history are there afterwards, output is exact."""

import json
import signal
import subprocess
import time

import cluster as kit
from cluster import wait_for
from counting import Counting
from followed import Followed

INTERVAL = {"execution.checkpointing.interval": "100 ms"}


class JobManagerTest(Counting):
    taskmanagers, slots, defines = 3, 2, ()

    def setUp(self):
        super().setUp()
        self.cluster = self.start_cluster(taskmanagers=self.taskmanagers, slots=self.slots, defines=self.defines)

    def begin(self):
        return self.submit(self.cluster, INTERVAL)

    def wait_more(self, job):
        """Until a checkpoint has shown more rows."""
        job.wait_running()
        before = len(self.visible())
        wait_for("a checkpoint shows more rows", lambda: len(self.visible()) > before)

    def look(self, path):
        """REST's answer, or None while nobody answers."""
        try:
            status, body = self.cluster.request(path)
        except OSError:
            return None
        return json.loads(body) if status == 200 else None

    def wait_back(self):
        wait_for("a JobManager answers", lambda: self.look("/overview"))

    def wait_attempt(self, job, restarts):
        """All tasks run, in that attempt or a later one; while nobody answers, this waits."""

        def runs():
            seen = self.look(f"/jobs/{job.id}")
            if seen is None or seen["restarts"] < restarts:
                return None
            self.assertNotIn(seen["state"], kit.FINAL_STATES, seen)
            states = {vertex["status"] for vertex in seen["vertices"]}
            return seen if seen["state"] == "RUNNING" and states <= {"RUNNING", "FINISHED"} else None

        return wait_for(f"job {job.id} runs in attempt {restarts + 1}", runs, pause=0.002)

    def history(self, job_id):
        return [entry["exceptionName"] for entry in self.cluster.rest(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]]

    def registered(self):
        return {tm["pid"] for tm in self.cluster.rest("/taskmanagers")["taskmanagers"]}

    def kill_jobmanager(self):
        self.cluster.process("jobmanager").kill(signal.SIGKILL)


class JobManagerDies(JobManagerTest):
    def test_killed_jobmanager_goes_on_with_its_jobs(self):
        job = self.begin()
        taskmanagers = {self.cluster.process(f"taskmanager-{i + 1}").pid for i in range(self.taskmanagers)}
        times = []
        for kills in range(1, 6):
            self.wait_more(job)
            began = time.monotonic()
            self.kill_jobmanager()
            seen = self.wait_attempt(job, kills)
            times.append(time.monotonic() - began)
            self.assertEqual(seen["restarts"], kills, "every JobManager begins one new attempt")
        self.assert_time("from kill -9 of the JobManager to all tasks RUNNING again", times[0], 3.0)
        kit.say(f"and after that, with the supervisor's pauses: {', '.join(f'{t:.3f}' for t in times[1:])} s")
        self.assertEqual(self.history(job.id), 5 * ["JobManagerLost"])
        self.assertEqual({self.cluster.process(f"taskmanager-{i + 1}").pid for i in range(self.taskmanagers)}, taskmanagers)
        self.finish(job)

    def test_ended_jobs_and_their_history_outlive_the_jobmanager(self):
        job = self.begin()
        self.finish(job)
        finished = job.id
        failed = self.cluster.run(self.job("trap.c"), job_args=["--how", "error", "--at", "5", "--rate", "1000"]).job_id()
        canceled = self.cluster.submit(self.job("numbers.c"), job_args=["--n", "-1", "--rate", "1000"])
        self.cluster.wait_running(canceled)
        self.cluster.cancel(canceled)
        before = {job["jid"]: job for job in self.cluster.rest("/jobs/overview")["jobs"]}
        failure = self.cluster.rest(f"/jobs/{failed}/exceptions")
        times = self.cluster.rest(f"/jobs/{finished}")["timestamps"]
        written = self.cluster.job(finished)["records-out"]
        self.kill_jobmanager()
        self.wait_back()
        after = {job["jid"]: job for job in self.cluster.rest("/jobs/overview")["jobs"]}
        for job_id, state in ((finished, "FINISHED"), (failed, "FAILED"), (canceled, "CANCELED")):
            self.assertEqual(after[job_id]["state"], state)
            for key in ("name", "start-time", "end-time", "duration", "failure", "tasks"):
                self.assertEqual(after[job_id][key], before[job_id][key], key)
        self.assertEqual(self.cluster.rest(f"/jobs/{failed}/exceptions"), failure)
        self.assertEqual(self.cluster.rest(f"/jobs/{finished}")["timestamps"], times)
        self.assertEqual(self.cluster.job(finished)["records-out"], written)
        self.assertRegex(self.cluster.cli("list", "-a").out, rf"{failed} : .* \(FAILED\)")
        self.cluster.wait_slots()

    def test_everything_is_killed_and_started_again(self):
        job = self.begin()
        self.wait_more(job)
        processes = self.cluster.processes()
        processes["supervisor"].kill(signal.SIGSTOP)  # starts nobody again
        for process in processes.values():
            process.kill(signal.SIGKILL)
        wait_for("all are gone", lambda: not any(process.alive() for process in processes.values()))
        began = time.monotonic()
        run = self.cluster.script("start-cluster.sh", *self.cluster.start_args())
        self.assertEqual(run.code, 0, str(run))
        self.wait_attempt(job, 1)
        self.assert_time("from start-cluster.sh to all tasks of its job RUNNING", time.monotonic() - began, 3.0)
        self.finish(job)

    def test_all_but_the_supervisor_are_killed(self):
        job = self.begin()
        self.wait_more(job)
        began = time.monotonic()
        for name, process in self.cluster.processes().items():
            if name != "supervisor":
                process.kill(signal.SIGKILL)
        self.wait_attempt(job, 1)
        self.assert_time("from kill -9 of JobManager and TaskManagers to all tasks RUNNING again", time.monotonic() - began, 2.0)
        self.finish(job)

    def test_a_cluster_that_was_stopped_goes_on_when_it_is_started(self):
        job = self.begin()
        self.wait_more(job)
        self.assertEqual(self.cluster.script("stop-cluster.sh", "--run-dir", self.cluster.run_dir).code, 0)
        run = self.cluster.script("start-cluster.sh", *self.cluster.start_args())
        self.assertEqual(run.code, 0, str(run))
        self.wait_attempt(job, 1)
        self.finish(job)

    def test_a_canceled_job_stays_canceled(self):
        job = self.begin()
        self.wait_more(job)
        frozen = job.workers()[0]
        frozen.kill(signal.SIGSTOP)  # so that canceling takes its time
        try:
            status, _ = self.cluster.request(f"/jobs/{job.id}?mode=cancel", "PATCH")
            self.assertEqual(status, 202)
            self.kill_jobmanager()  # at once: what was answered is on disk
            self.wait_back()
            self.cluster.wait_state(job.id, "CANCELED")
        finally:
            frozen.kill(signal.SIGCONT)
        self.cluster.wait_slots()
        self.assertEqual(self.cluster.state(job.id), "CANCELED")

    def test_attached_run_reconnects_and_ends_with_its_job(self):
        attached = self.cluster.attach(
            self.job("count_files.c"), "-p", "2", "-D", "execution.checkpointing.interval=100 ms", "-D", f"execution.checkpointing.dir={self.checkpoints}",
            job_args=["--in", self.input, "--out", self.output, "--pause-us", "1000", "--slow-from", "8000", "--go", self.go],
        )
        job_id = attached.job_id()
        self.cluster.wait_running(job_id)
        wait_for("a checkpoint shows rows", self.visible)
        self.kill_jobmanager()
        self.wait_attempt(Followed(self.cluster, job_id), 1)
        self.go.touch()
        run = attached.end()
        self.assertEqual(run.code, kit.EXIT_OK, str(run))
        self.assertIn(f"Job with JobID {job_id} has finished.", run.out)
        self.check_output()

    def test_a_second_jobmanager_does_not_take_the_same_jobs(self):
        argv = [str(kit.BIN_DIR / "wiesel-jobmanager"), "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0"]
        argv += ["--data-dir", str(self.cluster.run_dir / "data")]
        second = subprocess.run(argv, capture_output=True, timeout=kit.PATIENCE_S, stdin=subprocess.DEVNULL)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"the JobManager of process {self.cluster.process('jobmanager').pid} keeps its jobs", second.stderr.decode())


class Zombies(JobManagerTest):
    """Processes that are taken for dead, and go on."""

    defines = ("heartbeat.interval=100 ms", "heartbeat.timeout=600 ms")

    def test_frozen_taskmanager_goes_on_after_its_job_was_restored_elsewhere(self):
        job = self.begin()
        self.wait_more(job)
        zombie = job.workers()[0]
        restarts = job.restarts()
        zombie.kill(signal.SIGSTOP)
        try:
            self.wait_attempt(job, restarts + 1)
            self.wait_more(job)
        finally:
            zombie.kill(signal.SIGCONT)
        wait_for("it is registered again", lambda: zombie.pid in self.registered())
        self.assertTrue(zombie.alive())
        self.finish(job)
        self.cluster.wait_slots()

    def test_frozen_jobmanager_goes_on(self):
        job = self.begin()
        self.wait_more(job)
        restarts = job.restarts()
        jobmanager = self.cluster.process("jobmanager")
        jobmanager.kill(signal.SIGSTOP)
        logs = self.cluster.log_dir.glob
        try:
            lost = lambda: "".join(path.read_text(errors="replace") for path in logs("taskmanager-*.log")).count("jobmanager.lost")
            wait_for("all TaskManagers give it up", lambda: lost() >= self.taskmanagers)
        finally:
            jobmanager.kill(signal.SIGCONT)
        self.wait_attempt(job, restarts + 1)
        self.assertEqual(self.cluster.process("jobmanager").pid, jobmanager.pid)
        self.finish(job)
        self.cluster.wait_slots()


if __name__ == "__main__":
    kit.main()
