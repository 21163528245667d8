#!/usr/bin/env python3
"""What breaks, what is said about it, and what goes on: kill -9, frozen processes, crashing and failing jobs."""

import re
import signal
import time

import cluster as kit
from cluster import E2ETest, Process, wait_for

ENDLESS = ["--rate", "1000", "--sink", "blackhole"]


class Failures(E2ETest):
    def setUp(self):
        super().setUp()
        self.cluster = self.start_cluster(taskmanagers=2, slots=2)

    def registered(self):
        return {tm["pid"]: tm for tm in self.cluster.rest("/taskmanagers")["taskmanagers"]}

    def runs_again(self):
        """All slots are back, and a job finishes on all of them."""
        self.cluster.wait_slots()
        run = self.cluster.run(self.job("numbers.c"), "-p", "4", job_args=["--n", "1000"])
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual(sorted(row["n"] for row in run.rows()), list(range(1000)))

    def failure_of(self, job_id, timeout=kit.PATIENCE_S):
        return self.cluster.wait_state(job_id, "FAILED", timeout=timeout, pause=0.002)["failure"]

    # -- TaskManagers that die --

    def test_killed_taskmanager_is_noticed_and_named_and_comes_back(self):
        attached = self.cluster.attach(self.job("numbers.c"), "-p", "4", "--name", "victim", job_args=ENDLESS)
        job_id = attached.job_id()
        self.cluster.wait_running(job_id)
        victim = self.cluster.process("taskmanager-1")
        name = self.registered()[victim.pid]["id"]

        began = time.monotonic()
        victim.kill(signal.SIGKILL)
        failure = self.failure_of(job_id)
        noticed = time.monotonic() - began
        self.assert_time("from kill -9 of a TaskManager to FAILED over REST", noticed, 1.0)
        self.assertIn(f"TaskManager {name} was lost", failure)
        self.assertRegex(failure, r"\b2 of the job's 4 tasks\b")

        run = attached.end()
        self.assertEqual(run.code, kit.EXIT_FAILED, str(run))
        self.assert_one_sentence(run, job_id, re.escape(name))
        self.assertRegex(self.cluster.cli("list", "-a").out, rf"{job_id} : victim \(FAILED\)")
        listed = {job["jid"]: job for job in self.cluster.cli("list", "-a", "--json").json()["jobs"]}
        self.assertIn(name, listed[job_id]["failure"])
        history = self.cluster.rest(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
        self.assertEqual((history[0]["exceptionName"], history[0]["taskManagerId"]), ("TaskManagerLost", name))

        self.cluster.wait_slots()
        self.assert_time("from kill -9 to all slots back", time.monotonic() - began, 3.0)
        self.assertNotIn(victim.pid, self.registered())
        self.assertNotEqual(self.cluster.process("taskmanager-1").pid, victim.pid)
        self.runs_again()

    def test_killed_idle_taskmanager_is_noticed(self):
        victim = self.cluster.process("taskmanager-2")
        began = time.monotonic()
        victim.kill(signal.SIGKILL)
        wait_for("it is struck off", lambda: victim.pid not in self.registered(), pause=0.002)
        self.assert_time("from kill -9 of an idle TaskManager to its slots gone", time.monotonic() - began, 1.0)
        self.runs_again()

    def test_jobs_elsewhere_go_on_when_a_taskmanager_dies(self):
        lucky = self.cluster.submit(self.job("numbers.c"), job_args=ENDLESS)
        self.cluster.wait_running(lucky)
        unlucky = self.cluster.submit(self.job("numbers.c"), job_args=ENDLESS)  # spread: on the other one
        self.cluster.wait_running(unlucky)
        [where] = self.cluster.rest(f"/jobs/{unlucky}/vertices/{self.cluster.vertices(unlucky)[0]['id']}/taskmanagers")["taskmanagers"]
        pid = next(pid for pid, tm in self.registered().items() if tm["id"] == where["taskmanager-id"])
        Process(pid).kill(signal.SIGKILL)
        self.failure_of(unlucky)
        before = self.cluster.job(lucky)["records-out"]
        self.cluster.wait_slots(free=3)
        wait_for("the other job goes on", lambda: self.cluster.job(lucky)["records-out"] > before + 500)
        self.assertEqual(self.cluster.state(lucky), "RUNNING")

    def test_all_taskmanagers_killed_at_once(self):
        job_id = self.cluster.submit(self.job("trap.c"), "-p", "4", job_args=["--rate", "10000"])
        self.cluster.wait_running(job_id)
        for name in ("taskmanager-1", "taskmanager-2"):
            self.cluster.process(name).kill(signal.SIGKILL)
        self.failure_of(job_id)
        self.runs_again()

    def test_waiting_job_begins_on_the_taskmanager_that_came_back(self):
        first = self.cluster.submit(self.job("numbers.c"), "-p", "4", job_args=ENDLESS)
        self.cluster.wait_running(first)
        second = self.cluster.submit(self.job("numbers.c"), "-p", "4", job_args=ENDLESS)
        wait_for("it waits", lambda: "needs 4 slots" in self.cluster.job(second)["waiting"])
        self.cluster.process("taskmanager-1").kill(signal.SIGKILL)
        self.failure_of(first)
        self.cluster.wait_running(second)

    # -- jobs that take their process down --

    def crash(self, how):
        mate = self.cluster.submit(self.job("numbers.c"), job_args=ENDLESS)
        self.cluster.wait_running(mate)
        jobmanager = self.cluster.process("jobmanager").pid
        before = {tm["id"] for tm in self.registered().values()}
        run = self.cluster.run(self.job("trap.c"), job_args=["--how", how, "--rate", "1000"])
        self.assertEqual(run.code, kit.EXIT_FAILED, str(run))
        sentence = self.assert_one_sentence(run, "TaskManager .* was lost")
        lost = [name for name in before if name in sentence]
        self.assertEqual(len(lost), 1, sentence)
        self.cluster.wait_slots(free=3)
        after = {tm["id"] for tm in self.registered().values()}
        self.assertEqual(len(before & after), 1, "the other TaskManager has not noticed")
        self.assertEqual(self.cluster.process("jobmanager").pid, jobmanager)
        self.assertEqual(self.cluster.state(mate), "RUNNING")
        self.cluster.cancel(mate)
        self.runs_again()

    def test_segfault_takes_down_only_its_taskmanager(self):
        self.crash("segv")

    def test_abort_takes_down_only_its_taskmanager(self):
        self.crash("abort")

    def test_exit_takes_down_only_its_taskmanager(self):
        self.crash("exit")

    def test_orderly_exit_of_user_code_takes_down_only_its_taskmanager(self):
        self.crash("quit")
        said = [path.read_text() for path in self.cluster.log_dir.glob("taskmanager-?.out")]
        self.assertTrue(any("the code of a job called exit(0)" in text for text in said), said)

    # -- jobs that fail --

    def test_error_of_user_code_names_operator_subtask_row_and_reason(self):
        run = self.cluster.run(self.job("trap.c"), "-p", "2", job_args=["--how", "error", "--at", "123", "--rate", "100000"])
        self.assertEqual(run.code, kit.EXIT_FAILED, str(run))
        sentence = self.assert_one_sentence(run, "careless", r"number 123 is a trap", r'"?n"?[:=] ?123', r"subtask|\([12]/2\)")
        history = self.cluster.rest(f"/jobs/{run.job_id()}/exceptions")["exceptionHistory"]["entries"][0]
        self.assertEqual(history["exceptionName"], "TaskFailed")
        self.assertIn("number 123 is a trap", history["stacktrace"])
        self.assertRegex(history["taskName"], r"careless.*\([12]/2\)")
        self.assertIn("number 123 is a trap", sentence)
        self.runs_again()

    def test_attached_run_ends_when_its_job_fails(self):
        attached = self.cluster.attach(self.job("trap.c"), job_args=["--how", "error", "--at", "2000", "--rate", "1000"])
        self.cluster.wait_running(attached.job_id())
        run = attached.end()
        self.assertEqual(run.code, kit.EXIT_FAILED, str(run))
        self.assert_one_sentence(run, "number 2000 is a trap")

    # -- processes that fall silent --

    def test_killed_supervisor_leaves_nothing_behind(self):
        processes = self.cluster.processes()
        processes["supervisor"].kill(signal.SIGKILL)
        wait_for("all are gone", lambda: not any(process.alive() for process in processes.values()))
        run = self.cluster.script("start-cluster.sh", *self.cluster.start_args())
        self.assertEqual(run.code, 0, str(run))
        self.runs_again()


class SilentProcesses(E2ETest):
    """Heartbeats: for what no broken connection tells of."""

    def setUp(self):
        super().setUp()
        self.cluster = self.start_cluster(defines=["heartbeat.interval=100 ms", "heartbeat.timeout=600 ms"])

    def test_frozen_taskmanager_is_given_up_and_taken_back(self):
        job_id = self.cluster.submit(self.job("numbers.c"), "-p", "4", job_args=ENDLESS)
        self.cluster.wait_running(job_id)
        frozen = self.cluster.process("taskmanager-1")
        began = time.monotonic()
        frozen.kill(signal.SIGSTOP)
        try:
            failure = self.cluster.wait_state(job_id, "FAILED")["failure"]
            self.assert_time("from SIGSTOP of a TaskManager (heartbeat.timeout 0.6 s) to FAILED", time.monotonic() - began, 2.0)
            self.assertRegex(failure, r"TaskManager \S+ was lost.*(silen|heard|heartbeat)")
            self.cluster.wait_slots(slots=2)
        finally:
            frozen.kill(signal.SIGCONT)
        self.cluster.wait_slots()
        run = self.cluster.run(self.job("numbers.c"), "-p", "4", job_args=["--n", "1000"])
        self.assertEqual(len(run.rows()), 1000, str(run))

    def test_killed_jobmanager_comes_back_with_its_taskmanagers(self):
        job_id = self.cluster.submit(self.job("numbers.c"), "-p", "2", job_args=ENDLESS)
        self.cluster.wait_running(job_id)
        taskmanagers = {self.cluster.process(f"taskmanager-{i}").pid for i in (1, 2)}
        began = time.monotonic()
        self.cluster.process("jobmanager").kill(signal.SIGKILL)

        def back():
            try:
                seen = self.cluster.overview()
            except OSError:
                return None
            return seen if seen["slots-available"] == 4 else None

        wait_for("all slots are free at the new JobManager", back)
        self.assert_time("from kill -9 of the JobManager to all slots free at the new one", time.monotonic() - began, 5.0)
        self.assertEqual({self.cluster.process(f"taskmanager-{i}").pid for i in (1, 2)}, taskmanagers)
        run = self.cluster.run(self.job("numbers.c"), "-p", "4", job_args=["--n", "1000"])
        self.assertEqual(len(run.rows()), 1000, str(run))


class StuckJobs(E2ETest):
    def test_task_that_never_returns_is_canceled_with_its_taskmanager(self):
        cluster = self.start_cluster(defines=["task.cancellation.timeout=700 ms"])
        mate = cluster.submit(self.job("numbers.c"), job_args=ENDLESS)
        cluster.wait_running(mate)
        job_id = cluster.submit(self.job("trap.c"), job_args=["--how", "loop", "--at", "10"])
        cluster.wait_running(job_id)
        vertex = cluster.vertices(job_id)[-1]["id"]
        wait_for("it is stuck", lambda: cluster.metrics(job_id, vertex, 0, "busyTimeMsPerSecond").get("busyTimeMsPerSecond", 0) > 900)
        began = time.monotonic()
        canceled = cluster.cli("cancel", job_id)
        self.assert_time("cancel of a task that never returns (task.cancellation.timeout 0.7 s)", time.monotonic() - began, 3.0)
        self.assertEqual(canceled.code, 0, str(canceled))
        self.assertEqual(cluster.state(job_id), "CANCELED")
        self.assertEqual(cluster.state(mate), "RUNNING")
        cluster.wait_slots(free=3)
        cluster.cancel(mate)
        run = cluster.run(self.job("numbers.c"), "-p", "4", job_args=["--n", "1000"])
        self.assertEqual(len(run.rows()), 1000, str(run))


if __name__ == "__main__":
    kit.main()
