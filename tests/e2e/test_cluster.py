#!/usr/bin/env python3
"""A cluster of real processes, as its users meet it: scripts, REST and the command line."""

import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

import cluster as kit
from cluster import ClusterTest, E2ETest, say, wait_for

WORDS = ["to be or not to be", "that is the question", "", "to die to sleep"]
COUNTS = {"to": 4, "be": 2, "or": 1, "not": 1, "that": 1, "is": 1, "the": 1, "question": 1, "die": 1, "sleep": 1}


class RunningCluster(ClusterTest):
    def texts(self):
        directory = self.dir / "texts"
        directory.mkdir(exist_ok=True)
        (directory / "a.txt").write_text("\n".join(WORDS[:2]) + "\n")
        (directory / "b.txt").write_text("\n".join(WORDS[2:]))  # no line end at the end
        return directory

    def words_graph(self, out):
        return {
            "name": "words",
            "schemas": {"line": {"line": "STRING"}},
            "operators": [
                {"name": "lines", "source": "file", "schema": "line", "options": {"path": str(self.texts()), "format": "raw"}},
                {"name": "words", "split": {"field": "line", "as": "word"}},
                {"name": "out", "sink": "file", "options": {"path": str(out), "format": "json"}},
            ],
        }

    # -- the cluster --

    def test_overview_tells_of_all_taskmanagers_and_slots(self):
        seen = self.cluster.overview()
        self.assertEqual((seen["taskmanagers"], seen["slots-total"], seen["slots-available"]), (2, 4, 4))
        self.assertEqual(seen["jobs-running"], 0)
        processes = self.cluster.processes()
        self.assertEqual(set(processes), {"supervisor", "jobmanager", "taskmanager-1", "taskmanager-2"})
        registered = self.cluster.rest("/taskmanagers")["taskmanagers"]
        self.assertEqual({tm["pid"] for tm in registered}, {processes[f"taskmanager-{i}"].pid for i in (1, 2)})
        self.assertEqual([tm["slotsNumber"] for tm in registered], [2, 2])

    def test_everything_listens_on_loopback_only(self):
        ours = {f"socket:[{inode}]" for inode in self.socket_inodes()}
        for name in ("tcp", "tcp6"):
            for line in pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                listening = fields[3] == "0A"
                if listening and f"socket:[{fields[9]}]" in ours:
                    self.assertEqual((name, fields[1].split(":")[0]), ("tcp", "0100007F"), line)

    def socket_inodes(self):
        found = set()
        for process in self.cluster.processes().values():
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                target = os.readlink(entry.path)
                if target.startswith("socket:["):
                    found.add(target[len("socket:[") : -1])
        return found

    # -- running jobs --

    def test_library_runs_attached_and_its_rows_come_to_the_standard_output(self):
        library = kit.BIN_DIR.parent / "examples/wordcount_files.so"
        run = self.cluster.run(library, "-p", "2", job_args=["--in", self.texts()])
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual({row["word"]: row["count"] for row in run.rows()}, COUNTS)
        self.assertIn("Job has been submitted with JobID", run.err)
        self.assertIn("Program execution finished", run.err)
        self.assertEqual(self.cluster.state(run.job_id()), "FINISHED")

    def test_source_is_compiled_and_writes_files(self):
        out = self.dir / "counts"
        run = self.cluster.run(
            self.source("examples/wordcount/wordcount_files.c"), "-p", "2", job_args=["--in", self.texts(), "--out", out]
        )
        self.assertEqual(run.code, 0, str(run))
        self.assertRegex(run.out, r"\AJob has been submitted with JobID [0-9a-f]{32}\nProgram execution finished\n")
        self.assertRegex(run.out, r"Job with JobID [0-9a-f]{32} has finished\.\nJob Runtime: \d+ ms\n")
        self.assertEqual({row["word"]: row["count"] for row in kit.json_rows(out)}, COUNTS)

    def test_json_graph_runs_without_a_compiler(self):
        out = self.dir / "words"
        run = self.cluster.run(self.graph(self.words_graph(out)), "-p", "2")
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual(sorted(row["word"] for row in kit.json_rows(out)), sorted(" ".join(WORDS).split()))

    def test_relative_paths_are_meant_from_where_the_command_is_given(self):
        graph = self.words_graph(self.dir / "out")
        graph["operators"][0]["options"]["path"] = "texts"
        graph["operators"][2]["options"]["path"] = "out"
        run = self.cluster.cli("run", self.graph(graph).name, cwd=self.dir)
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual(len(kit.json_rows(self.dir / "out")), len(" ".join(WORDS).split()))

    def test_graph_may_be_submitted_over_rest_alone(self):
        out = self.dir / "words"
        body = json.dumps(self.words_graph(out))
        status, answer = self.cluster.request("/wiesel/v1/jobs", "POST", body, {"Content-Type": "application/json"})
        self.assertEqual(status, 202, answer)
        self.cluster.wait_state(json.loads(answer)["jobid"], "FINISHED")
        self.assertEqual(len(kit.json_rows(out)), len(" ".join(WORDS).split()))

    def test_many_collected_rows_arrive_each_once_and_in_order(self):
        run = self.cluster.run(self.job("numbers.c"), job_args=["--n", "300000"])
        self.assertEqual(run.code, 0, str(run)[:2000])
        self.assertEqual([int(line[5:-1]) for line in run.out.splitlines()], list(range(300000)))

    def test_detached_run_returns_at_once_and_the_job_goes_on_until_canceled(self):
        run = self.cluster.cli("run", "-d", "--name", "for ever", self.job("numbers.c"), "--", "--rate", "100", "--sink", "print")
        self.assertEqual(run.code, 0, str(run))
        self.assertRegex(run.out, r"\AJob has been submitted with JobID [0-9a-f]{32}\n\Z")
        job_id = run.job_id()
        self.cluster.wait_running(job_id)
        wait_for("printed rows", lambda: {"n": 3} in self.cluster.printed())
        listed = self.cluster.cli("list")
        self.assertRegex(listed.out, rf"(?m)^\d\d\.\d\d\.\d{{4}} \d\d:\d\d:\d\d : {job_id} : for ever \(RUNNING\)$")
        canceled = self.cluster.cancel(job_id)
        self.assertEqual(canceled.out, f"Cancelling job {job_id}.\nCancelled job {job_id}.\n")
        self.assert_time("cancel of a running job", canceled.seconds, 1.0)
        self.assertEqual(self.cluster.state(job_id), "CANCELED")
        self.assertRegex(self.cluster.cli("list", "-a").out, rf"{job_id} : for ever \(CANCELED\)")
        self.assertNotIn(job_id, self.cluster.cli("list").out)
        self.cluster.wait_slots()

    def test_interrupt_of_an_attached_run_cancels_the_job(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            attached = self.cluster.attach(self.job("numbers.c"), job_args=["--rate", "1000"])
            job_id = attached.job_id()
            self.cluster.wait_running(job_id)
            wait_for("rows", lambda: attached.text()[0].count("\n") > 10)
            began = time.monotonic()
            attached.signal(number)
            run = attached.end()
            self.assert_time("from the signal to the end of the attached run", time.monotonic() - began, 1.0)
            self.assertEqual(run.code, kit.EXIT_INTERRUPTED, str(run))
            self.assertIn(f"Cancelling job {job_id}.", run.err)
            self.assertEqual(self.cluster.state(job_id), "CANCELED")
            rows = [row["n"] for row in run.rows()]
            self.assertEqual(rows, list(range(len(rows))), "what was collected is without gaps")

    def test_attached_run_shows_a_live_line(self):
        attached = self.cluster.attach(self.job("numbers.c"), job_args=["--rate", "5000", "--sink", "blackhole"])
        self.cluster.wait_running(attached.job_id())

        def live_line():
            lines = [line for line in attached.text()[1].splitlines() if line.startswith("RUNNING")]
            return [line for line in lines if " in " in line and not line.split("out ")[1].startswith("0/s")]

        line = wait_for("a live line with a rate", live_line)[-1]
        self.assertRegex(line, r"^RUNNING +in [\d.]+[kM]?/s  out [\d.]+[kM]?/s  .*\d+:\d\d:\d\d$")
        attached.signal(signal.SIGINT)
        self.assertEqual(attached.end().code, kit.EXIT_INTERRUPTED)

    def test_attached_run_of_a_job_that_another_cancels_ends_with_it(self):
        attached = self.cluster.attach(self.job("numbers.c"), job_args=["--rate", "10", "--sink", "blackhole"])
        job_id = attached.job_id()
        self.cluster.wait_running(job_id)
        self.cluster.cancel(job_id[:12])  # the first digits will do
        run = attached.end()
        self.assertEqual(run.code, kit.EXIT_FAILED, str(run))
        self.assertIn(f"Job with JobID {job_id} was canceled.", run.out)

    def test_local_run_needs_no_cluster(self):
        before = len(self.cluster.rest("/jobs")["jobs"])
        run = kit.cli(self.dir, "run", "--local", "-p", "2", self.job("numbers.c"), "--", "--n", "1000")
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual(sorted(row["n"] for row in run.rows()), list(range(1000)))
        self.assertEqual(len(self.cluster.rest("/jobs")["jobs"]), before)

    def test_job_options_are_taken_from_the_command_line(self):
        job_id = self.cluster.submit(
            self.job("numbers.c"), "-p", "2", "-D", "execution.buffer-timeout.interval=5 ms", job_args=["--rate", "10", "--sink", "blackhole"]
        )
        self.cluster.wait_running(job_id)
        config = self.cluster.rest(f"/jobs/{job_id}/config")["execution-config"]
        self.assertEqual(config["job-parallelism"], 2)
        self.assertEqual(config["user-config"]["execution.buffer-timeout.interval"], "5 ms")

    def test_slots_of_a_job_are_spread_over_the_taskmanagers(self):
        job_id = self.cluster.submit(self.job("numbers.c"), "-p", "2", job_args=["--rate", "10", "--sink", "blackhole"])
        self.cluster.wait_running(job_id)
        self.assertEqual([tm["freeSlots"] for tm in self.cluster.rest("/taskmanagers")["taskmanagers"]], [1, 1])

    def test_job_that_lacks_slots_waits_says_so_and_begins_when_they_are_free(self):
        endless = ["--rate", "10", "--sink", "blackhole"]
        five = self.cluster.submit(self.job("numbers.c"), "-p", "5", job_args=endless)
        wait_for("the reason", lambda: self.cluster.job(five)["waiting"])
        self.assertRegex(self.cluster.cli("list").out, rf"Scheduled Jobs(.|\n)*{five}(.|\n)*needs 5 slots, 4 free")
        self.cluster.cancel(five)

        first = self.cluster.submit(self.job("numbers.c"), "-p", "3", job_args=endless)
        self.cluster.wait_running(first)
        second = self.cluster.submit(self.job("numbers.c"), "-p", "2", job_args=endless)
        wait_for("the reason", lambda: "needs 2 slots, 1 free" in self.cluster.job(second)["waiting"])
        self.assertEqual(self.cluster.state(first), "RUNNING")
        self.cluster.cancel(first)
        self.cluster.wait_running(second)
        self.assertEqual(self.cluster.job(second)["waiting"], "")

    def test_info_shows_the_plan_and_starts_nothing(self):
        out = self.dir / "never"
        before = self.cluster.rest("/jobs")
        args = ["-p", "2", self.source("examples/wordcount/wordcount_files.c"), "--", "--in", self.texts(), "--out", out]
        run = kit.cli(self.dir, "info", *args)
        self.assertEqual(run.code, 0, str(run))
        for operator in ("lines", "words", "counts", "out"):
            self.assertIn(operator, run.out)
        plan = kit.cli(self.dir, "info", "--json", *args).json()
        self.assertEqual(plan["slots"], 2)
        nodes = plan["plan"]["nodes"]
        self.assertEqual(len(nodes), 2, "source with flat map, and behind the key the count with the sink")
        self.assertEqual([node["parallelism"] for node in nodes], [2, 2])
        graph = kit.cli(self.dir, "info", "--json", self.graph(self.words_graph(out)))
        self.assertEqual(len(graph.json()["plan"]["nodes"]), 1, str(graph))
        self.assertFalse(out.exists())
        self.assertEqual(self.cluster.rest("/jobs"), before)

    def test_many_jobs_leave_nothing_behind_in_the_processes(self):
        library = self.library(self.job("numbers.c"))

        def look():
            processes = self.cluster.processes().items()
            return {name: (process.rss(), len(os.listdir(f"/proc/{process.pid}/fd"))) for name, process in processes}

        def run_jobs(n):
            began = time.monotonic()
            for i in range(n):
                sink = ("collect", "blackhole", str(self.dir / f"out-{i}"))[i % 3]
                run = self.cluster.run(library, "-p", "4", job_args=["--n", "2000", "--sink", sink])
                self.assertEqual(run.code, 0, str(run))
            return (time.monotonic() - began) / n

        run_jobs(60)  # the JobManager keeps some ended jobs
        before = look()
        seconds = run_jobs(90)
        after = look()
        say(f"{1000 * seconds:.1f} ms for an attached run; RSS grew by {sum(after[name][0] - before[name][0] for name in after) / 2**20:.1f} MB in all")
        for name, (rss, descriptors) in after.items():
            self.assertLessEqual(descriptors, before[name][1], f"descriptors of {name}")
            if not kit.SANITIZED:
                self.assertLess(rss - before[name][0], 3 << 20, f"RSS of {name}")

    # -- what scripts rely on --

    def test_every_verb_speaks_json(self):
        attached = self.cluster.run(self.job("numbers.c"), "--json", job_args=["--n", "10", "--sink", "blackhole"])
        self.assertEqual(attached.code, 0, str(attached))
        self.assertEqual(attached.json()["state"], "FINISHED")
        self.assertRegex(attached.json()["jobid"], r"^[0-9a-f]{32}$")
        self.assertEqual(attached.err, "")

        detached = self.cluster.cli("run", "-d", "--json", self.job("numbers.c"), "--", "--rate", "10", "--sink", "blackhole")
        job_id = detached.json()["jobid"]
        self.cluster.wait_running(job_id)
        jobs = {job["jid"]: job for job in self.cluster.cli("list", "-a", "--json").json()["jobs"]}
        self.assertEqual(jobs[job_id]["state"], "RUNNING")
        self.assertEqual(jobs[attached.json()["jobid"]]["state"], "FINISHED")
        running = self.cluster.cli("list", "-r", "--json").json()["jobs"]
        self.assertEqual([job["jid"] for job in running], [job_id])
        self.assertEqual(self.cluster.cli("list", "-s", "--json").json(), {"jobs": []})
        self.assertEqual(self.cluster.cli("cancel", "--json", job_id).json(), {"jobid": job_id, "state": "CANCELED"})

        waited = self.cluster.cli("wait", "--json", "--taskmanagers", "2", "--slots", "4").json()
        self.assertEqual((waited["taskmanagers"], waited["slots"]), (2, 4))
        version = kit.cli(self.dir, "version", "--json").json()
        self.assertEqual(version["version"], self.cluster.overview()["flink-version"])
        self.assertIsInstance(version["abi"], int)

    def test_errors_are_json_too_if_asked(self):
        for args, code in (
            (("cancel", "--json", "0" * 32), kit.EXIT_NOT_FOUND),
            (("run", "--json", "/nowhere/job.so"), kit.EXIT_NOT_FOUND),
            (("run", "--json", "-p", "0", self.job("numbers.c")), kit.EXIT_USAGE),
            (("list", "--json", "--nope"), kit.EXIT_USAGE),
        ):
            run = self.cluster.cli(*args)
            self.assertEqual(run.code, code, str(run))
            said = json.loads(run.out.splitlines()[-1])
            self.assertEqual(said["exit_code"], code)
            self.assertGreater(len(said["error"]), 10)

    def test_exit_codes_tell_what_happened(self):
        trap = [self.job("trap.c"), "--", "--how", "error", "--rate", "100000"]
        for code, args in (
            (kit.EXIT_OK, ["list"]),
            (kit.EXIT_FAILED, ["run", *trap]),
            (kit.EXIT_USAGE, ["run"]),
            (kit.EXIT_USAGE, ["run", "--parallelism"]),
            (kit.EXIT_USAGE, ["run", "--paralelism", "2", self.job("numbers.c")]),
            (kit.EXIT_USAGE, ["run", self.dir]),
            (kit.EXIT_USAGE, ["run", "-D", "nonsense", self.job("numbers.c")]),
            (kit.EXIT_USAGE, ["run", "-D", "no.such.option=1", self.job("numbers.c")]),
            (kit.EXIT_USAGE, ["run", self.job("numbers.c"), "--", "--no-such-argument", "1"]),
            (kit.EXIT_USAGE, ["cancel"]),
            (kit.EXIT_USAGE, ["cancel", "not-an-id"]),
            (kit.EXIT_NOT_FOUND, ["run", self.dir / "missing.so"]),
            (kit.EXIT_NOT_FOUND, ["cancel", "f" * 32]),
        ):
            run = self.cluster.cli(*args)
            self.assertEqual(run.code, code, str(run))
            if code != kit.EXIT_OK:
                self.assertEqual(len(run.errors()), 1, str(run))
        for args in (["frobnicate"], []):
            run = kit.cli(self.dir, *args)
            self.assertEqual((run.code, run.out), (kit.EXIT_USAGE, ""), str(run))

    def test_suggestions_name_what_was_meant(self):
        self.assertIn("list", kit.cli(self.dir, "lsit").err)
        self.assertIn("--parallelism", self.cluster.cli("run", "--paralelism", "2", "x.so").err)
        self.assertIn("pipeline.name", self.cluster.cli("run", "-D", "pipeline.nmae=x", self.job("numbers.c")).err)

    def test_compiler_errors_are_shown(self):
        run = self.cluster.run(self.job("broken.c"))
        self.assertEqual(run.code, kit.EXIT_USAGE, str(run))
        self.assertIn("wsl_env_set_nmae", run.err)
        self.assertIn("broken.c", self.assert_one_sentence(run, "does not compile"))


class Scripts(E2ETest):
    """Starting and stopping."""

    def test_stop_leaves_nothing_behind_though_jobs_run(self):
        cluster = kit.Cluster()
        cluster.start()
        job_id = cluster.submit(self.job("numbers.c"), "-p", "4", job_args=["--sink", "blackhole"])
        cluster.wait_running(job_id)
        seen = cluster.processes()
        self.assertEqual(len(seen), 4)
        port = cluster.rest_port.number
        began = time.monotonic()
        cluster.stop()  # judges processes, pid files, sockets and other temporary files
        self.assert_time("stop-cluster.sh with a job at full speed", time.monotonic() - began, 6.0) # 0.6 s alone; other tests run beside it
        self.assertFalse(any(process.alive() for process in seen.values()))
        self.assertEqual(kit.cli(self.dir, "list", "-m", f"127.0.0.1:{port}").code, kit.EXIT_UNREACHABLE)

    def test_stop_of_nothing_says_so(self):
        run = subprocess.run(
            [str(kit.SOURCE_DIR / "deploy/stop-cluster.sh"), "--run-dir", str(self.dir)], env=kit.cli_env(self.dir), capture_output=True, text=True
        )
        self.assertEqual((run.returncode, run.stdout), (0, f"No cluster runs from {self.dir}\n"))

    def test_clusters_stand_side_by_side(self):
        one = self.start_cluster(taskmanagers=1, slots=1)
        two = self.start_cluster(taskmanagers=1, slots=3)
        self.assertEqual((one.overview()["slots-total"], two.overview()["slots-total"]), (1, 3))
        run = two.run(self.job("numbers.c"), "-p", "3", job_args=["--n", "30"])
        self.assertEqual(len(run.rows()), 30, str(run))
        self.assertEqual(one.rest("/jobs"), {"jobs": []})

    def test_one_directory_is_one_cluster(self):
        first = self.start_cluster(taskmanagers=1, slots=1)
        pids = {name: process.pid for name, process in first.processes().items()}
        ports = kit.Port(), kit.Port()
        args = [*first.start_args(), "--rest-port", ports[0].number, "--rpc-port", ports[1].number]
        run = first.script("start-cluster.sh", *args)
        self.assertNotEqual(run.code, 0, str(run))
        self.assertIn("already runs", run.err)
        self.assertIn("stop-cluster.sh", run.err)
        self.assertEqual({name: process.pid for name, process in first.processes().items()}, pids)
        self.assertEqual(first.overview()["taskmanagers"], 1)
        for port in ports:
            port.release()

    def test_wrong_options_start_nothing(self):
        for args, words in (
            (["--taskmanagers", "two"], "whole number"),
            (["--slots"], "needs a value"),
            (["--taskmanager", "2"], "unknown option"),
            (["--conf", self.dir / "nowhere.yaml"], "no configuration"),
        ):
            run = subprocess.run(
                [str(kit.SOURCE_DIR / "deploy/start-cluster.sh"), "--run-dir", str(self.dir / "run"), *map(str, args)],
                env=kit.cli_env(self.dir), capture_output=True, text=True,
            )
            self.assertEqual(run.returncode, 2, run)
            self.assertIn(words, run.stderr)
            self.assertEqual(len(run.stderr.splitlines()), 1, run)
        self.assertFalse((self.dir / "run/supervisor.pid").exists())

    def test_mistake_in_the_configuration_is_told_with_its_line_and_starts_nothing(self):
        cluster = kit.Cluster(taskmanagers=1)
        self.addCleanup(cluster.stop)
        cluster.conf.write_text("# mine\nrest.port: 8081\ntaskmanager.numberOfTaskSlot: 3\n")
        run = cluster.script("start-cluster.sh", *cluster.start_args())
        self.assertEqual(run.code, 1, str(run))
        self.assertRegex(run.err, r"taskmanager\.numberOfTaskSlot'.*wiesel\.yaml:3.*taskmanager\.numberOfTaskSlots'")
        self.assertEqual(len(run.err.splitlines()), 1, str(run))
        self.assertEqual(cluster.processes(), {})

    def test_extra_program_is_kept_running_beside_the_cluster(self):
        mark = self.dir / "mark"
        cluster = self.start_cluster(
            taskmanagers=1, slots=1, extra=["helper", "/bin/sh", "-c", f"echo started >> {mark}; exec sleep 1000"]
        )
        wait_for("the program", lambda: mark.exists())
        first = wait_for("its pid file", lambda: cluster.process("helper"))
        first.kill(signal.SIGKILL)
        wait_for("a second start", lambda: mark.read_text().count("started") == 2)
        second = wait_for("its pid file", lambda: (cluster.process("helper") or first).pid != first.pid and cluster.process("helper"))
        cluster.script("stop-cluster.sh", "--run-dir", cluster.run_dir)
        self.assertFalse(second.alive())

    def test_configuration_reaches_all_processes(self):
        cluster = self.start_cluster(taskmanagers=1, slots=3, defines=["heartbeat.interval=777 ms", "taskmanager.memory.network.size=16 mb"])
        config = {entry["key"]: entry["value"] for entry in cluster.rest("/jobmanager/config")}
        self.assertIn("777", config["heartbeat.interval"])
        self.assertEqual(cluster.rest("/taskmanagers")["taskmanagers"][0]["memoryConfiguration"]["networkMemory"], 16 << 20)


if __name__ == "__main__":
    kit.main()
