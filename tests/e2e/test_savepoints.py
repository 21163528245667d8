#!/usr/bin/env python3
"""Savepoints as users meet them: every verb, in words and JSON; new versions of a job; what cannot be is one sentence."""

import collections
import json
import os
import pathlib
import re

import cluster as kit
from cluster import ClusterTest, wait_for


class LedgerTest(ClusterTest):
    """jobs/ledger.c: keeps an account per key; each version of it something else."""

    slots = 4

    def setUp(self):
        super().setUp()
        self.input, self.output, self.saved = self.dir / "in", self.dir / "out", self.dir / "saved"
        self.input.mkdir()
        self.sent = 0
        self.files = 0

    def drop_rows(self, n):
        """n more entries of 7 keys, in one file that appears whole."""
        beside = self.dir / "beside"
        rows = [{"id": i, "key": i % 7, "amount": i % 100} for i in range(self.sent, self.sent + n)]
        beside.write_text("".join(json.dumps(row) + "\n" for row in rows))
        os.rename(beside, self.input / f"{self.files:04d}.json")
        self.sent += n
        self.files += 1

    def flags(self, **more):
        options = {
            "execution.checkpointing.interval": "1 h",
            "execution.checkpointing.dir": self.dir / "checkpoints",
            "restart-strategy.exponential-delay.initial-backoff": "50 ms",
        } | more
        return [word for key, value in options.items() for word in ("-D", f"{key}={value}")]

    def ledger(self, version):
        path = self.dir / f"ledger-{version}.so"
        return path if path.exists() else self.library(self.job("ledger.c"), f"-DVERSION={version}", name=path.name)

    def arguments(self, *more):
        return ["--in", self.input, "--out", self.output, *more]

    def begin(self, *options, version=1, job_args=(), **more):
        return self.cluster.submit(self.ledger(version), *self.flags(**more), *options, job_args=self.arguments(*job_args))

    def refuse(self, *options, version=1, job_args=()):
        """A run that does not begin."""
        return self.cluster.run(self.ledger(version), *self.flags(), *options, job_args=self.arguments(*job_args))

    def take_in(self, job_id, n):
        """n rows more have gone through the job."""
        done = self.cluster.job(job_id)["records-out"]
        self.drop_rows(n)
        wait_for(f"{n} more rows", lambda: self.cluster.job(job_id)["records-out"] >= done + n)

    def cli(self, *words):
        run = kit.cli(self.dir, *words) if words[0] == "state" else self.cluster.cli(*words)
        self.assertEqual(run.code, 0, str(run))
        return run

    def path_of(self, run):
        """Where the savepoint is that a verb in words told of."""
        return pathlib.Path(re.search(r"Path: file:(/\S+)", run.out).group(1))

    def stop(self, job_id, *options):
        path = self.path_of(self.cli("stop", "-p", self.saved, *options, job_id))
        self.cluster.wait_state(job_id, "FINISHED")
        return path

    def results(self):
        """The visible rows; each file is whole."""
        for path in self.output.glob("part-*"):
            self.assertTrue(path.read_text().endswith("\n"), f"{path.name} ends with a torn line")
        return kit.json_rows(self.output)

    def check_results(self, eur=None):
        """Each entry once: with the sum and the number of entries of its key so far."""
        want, sums, seen = collections.Counter(), collections.Counter(), collections.Counter()
        for i in range(self.sent):
            sums[i % 7] += i % 100
            seen[i % 7] += 1
            want[(i % 7, sums[i % 7], seen[i % 7])] += 1
        got = collections.Counter((row["key"], row["sum"], row["seen"]) for row in self.results())
        self.assertEqual(got - want, collections.Counter(), "rows that should not be there, or are there twice")
        self.assertEqual(want - got, collections.Counter(), "rows that are missing")


class Verbs(LedgerTest):
    def test_savepoint_of_a_job_that_goes_on(self):
        job_id = self.begin("-p", "2")
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 100)
        run = self.cli("savepoint", job_id, self.saved)
        path = self.path_of(run)
        self.assertRegex(path.name, rf"savepoint-{job_id[:6]}-[0-9a-f]{{12}}$")
        self.assertEqual(path.parent, self.saved)
        self.assertTrue((path / "_metadata").is_file())
        self.assertIn(f"Triggering savepoint for job {job_id}.\nWaiting for response...\n", run.out)
        self.assertIn("You can resume your program from this savepoint with the run command.", run.out)
        self.assertEqual(self.cluster.state(job_id), "RUNNING")

        second = self.cli("savepoint", "--json", job_id[:8], self.saved).json()
        self.assertEqual(second["jobid"], job_id)
        self.assertNotEqual(second["location"], f"file:{path}")

        asked = self.cli("savepoint", "--detached", "--json", job_id, self.saved).json()["request-id"]
        done = wait_for(
            "the detached one",
            lambda: (s := self.cluster.rest(f"/jobs/{job_id}/savepoints/{asked}"))["status"]["id"] == "COMPLETED" and s,
        )
        self.assertTrue(done["operation"]["location"].startswith("file:/"))
        self.assertIn("triggerId", self.cli("savepoint", "-detached", job_id, self.saved).out)

        number = self.cli("checkpoint", job_id, "--json").json()["checkpointId"]
        self.assertIn(f"Checkpoint {number + 1} for job {job_id} completed.", self.cli("checkpoint", job_id).out)

        self.look_at(path, job_id)
        self.dispose(path, pathlib.Path(second["location"][5:]))
        self.cluster.cancel(job_id)

    def look_at(self, path, job_id):
        listed = self.cli("checkpoint", "list", self.saved, "--json").json()["checkpoints"]
        self.assertIn(str(path), [row["path"] for row in listed])
        self.assertIn("savepoint", self.cli("checkpoint", "list", self.saved).out)
        shown = self.cli("checkpoint", "show", path, "--json").json()
        self.assertEqual((shown["job-id"], shown["job-name"], shown["is_savepoint"]), (job_id, "ledger", True))
        self.assertEqual({op["uid"] for op in shown["operators"]}, {"entries", "accounts", "results"})
        self.assertIn("states account, last", self.cli("checkpoint", "show", path).out)
        self.assertIn("every record read", self.cli("checkpoint", "verify", path).out)
        self.assertTrue(self.cli("checkpoint", "verify", path, "--json").json()["verified"])
        accounts = self.cli("state", "export", path, "--operator", "accounts", "--state", "account").rows()
        self.assertEqual({row["key"]["key"]: row["value"]["amount"] for row in accounts}, self.sums())
        self.assertEqual(len(self.cli("state", "export", path, "--state", "last").rows()), self.sent)

    def sums(self):
        sums = collections.Counter()
        for i in range(self.sent):
            sums[i % 7] += i % 100
        return dict(sums)

    def dispose(self, in_words, in_json):
        run = self.cli("savepoint", "--dispose", in_words)
        self.assertIn(f"Savepoint '{in_words}' disposed.", run.out)
        self.assertFalse(in_words.exists())
        run = self.cli("savepoint", "-d", f"file://{in_json}", "--json")
        self.assertEqual(run.json(), {"disposed": f"file://{in_json}"})
        self.assertFalse(in_json.exists())

    def test_stop_and_go_on(self):
        job_id = self.begin("-p", "2")
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 150)
        path = self.stop(job_id)
        self.check_results()
        again = self.begin("-p", "2", "-s", path)
        self.cluster.wait_running(again)
        restored = self.cluster.rest(f"/jobs/{again}/checkpoints")["latest"]["restored"]
        self.assertEqual((restored["is_savepoint"], restored["external_path"]), (True, str(path)))
        self.take_in(again, 50)
        answer = self.cluster.cli("stop", "--json", "--drain", "-p", self.saved, again).json()
        self.cluster.wait_state(again, "FINISHED")
        self.check_results()
        self.assertEqual(answer["jobid"], again)
        self.assertTrue(path.exists(), "what a job began with stays unless it was claimed")

    def test_cancel_with_a_savepoint(self):
        saved = {"execution.checkpointing.savepoint-dir": self.saved}
        job_id = self.begin(**saved)
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 20)
        run = self.cli("cancel", "-s", job_id)
        path = pathlib.Path(re.search(r"Savepoint stored in file:(\S+)\.", run.out).group(1))
        self.assertEqual((path.parent, self.cluster.state(job_id)), (self.saved, "CANCELED"))
        again = self.begin("-s", path)
        self.cluster.wait_running(again)
        elsewhere = self.dir / "elsewhere"
        answer = self.cli("cancel", "--json", "-s", elsewhere, again).json()
        self.assertEqual((answer["jobid"], answer["state"]), (again, "CANCELED"))
        self.assertTrue(answer["location"].startswith(f"file:{elsewhere}/savepoint-"))

    def test_paths_are_meant_from_where_the_command_is_given(self):
        job_id = self.begin()
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 10)
        run = self.cluster.cli("stop", "-p", "here", job_id, cwd=self.dir)
        path = self.path_of(run)
        self.assertEqual(path.parent, self.dir / "here", str(run))
        run = self.cluster.cli("run", "-d", *self.flags(), "-s", f"here/{path.name}", self.ledger(1), "--", *self.arguments(), cwd=self.dir)
        self.assertEqual(run.code, 0, str(run))
        self.cluster.wait_running(run.job_id())
        self.cluster.cancel(run.job_id())
        run = self.cluster.cli("savepoint", "--dispose", f"here/{path.name}", cwd=self.dir)
        self.assertEqual(run.code, 0, str(run))

    def test_resume_latest_by_name(self):
        kept = {"execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION"}
        job_id = self.begin("-p", "2", **kept)
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 60)
        self.cli("checkpoint", job_id)
        run = self.refuse("--resume", "latest")
        self.assertEqual(run.code, 2)
        self.assert_one_sentence(run, "no complete checkpoint of an ended job 'ledger'", "one of that name still runs")
        self.cluster.cancel(job_id)
        again = self.begin("-p", "3", "--resume", "latest", **kept)
        self.cluster.wait_running(again)
        self.take_in(again, 40)
        self.cli("checkpoint", again)
        self.check_results()
        self.cluster.cancel(again)

    def test_claim_modes(self):
        job_id = self.begin()
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 10)
        path = self.stop(job_id)
        for mode, flag in (("no_claim", "--claim-mode"), ("legacy", "--restoreMode"), ("claim", "-cm")):
            with self.subTest(mode=mode):
                again = self.begin("-s", path, flag, mode)
                self.cluster.wait_running(again)
                if mode != "claim":
                    run = self.cluster.cli("savepoint", "--dispose", path)
                    self.assertEqual(run.code, 1, str(run))
                    self.assert_one_sentence(run, "is not disposed", f"job {again} began with it")
                self.take_in(again, 5)
                self.cli("checkpoint", again)
                if mode == "claim":
                    wait_for("a claimed savepoint is not needed any more", lambda: not path.exists())
                self.assertEqual(path.exists(), mode != "claim")
                self.cluster.cancel(again)

    def test_what_cannot_be_is_one_sentence(self):
        job_id = self.begin()
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 30)
        path = self.path_of(self.cli("savepoint", job_id, self.saved))
        plain = self.dir / "plain"
        plain.mkdir()
        (plain / "file").write_text("not a savepoint\n")

        def no(code, run, *parts):
            self.assertEqual(run.code, code, str(run))
            self.assert_one_sentence(run, *parts)

        no(4, self.cluster.cli("savepoint", "0" * 32), "no job")
        no(4, self.cluster.cli("stop", "0" * 32), "no job")
        no(2, self.cluster.cli("savepoint"), "give the id of a job")
        no(2, self.cluster.cli("stop"), "the id of the job to stop")
        no(2, self.cluster.cli("savepoint", job_id), "no directory for the savepoint: name one, or set execution.checkpointing.savepoint-dir")
        no(2, self.cluster.cli("savepoint", job_id, "s3://bucket/x"), "say file:///dir or /dir")
        no(2, self.cluster.cli("savepoint", "--type", "fancy", job_id), "--type is canonical or native")
        no(4, self.cluster.cli("savepoint", "--dispose", self.dir / "nowhere"), "is not disposed: there is no checkpoint")
        no(4, self.cluster.cli("savepoint", "--dispose", plain), "is not disposed: there is no checkpoint")
        self.assertTrue((plain / "file").exists())
        number = self.cli("checkpoint", job_id, "--json").json()["checkpointId"]
        checkpoint = self.dir / "checkpoints" / job_id / f"chk-{number}"
        no(2, self.cluster.cli("savepoint", "--dispose", checkpoint), "is a checkpoint, not a savepoint")
        no(2, self.refuse("-s", self.dir / "nowhere"), "cannot begin with", "does not exist")
        no(2, self.refuse("-s", plain), "cannot begin with", "there is no checkpoint")
        no(2, self.refuse("-s", path, "-D", "pipeline.max-parallelism=64"), "maximum parallelism of 64", "written with 128")
        no(2, self.refuse("-s", path, "-p", "200"), "parallelism", "128")
        no(2, self.refuse("-s", path, "--claim-mode", "mine"), "NO_CLAIM|CLAIM|LEGACY")
        no(2, self.refuse("-s", path, job_args=["--uid", "books"]), "uid 'accounts'", "which the job does not have")
        no(2, self.refuse("--resume", "latest"), "one of that name still runs")

        metadata = path / "_metadata"
        good = metadata.read_bytes()
        metadata.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        no(2, self.refuse("-s", path), "is damaged")
        no(1, self.cluster.cli("checkpoint", "verify", path), "is damaged")
        no(1, kit.cli(self.dir, "state", "export", path), "is damaged")
        metadata.write_bytes(good)

        self.cluster.cancel(job_id)
        no(1, self.cluster.cli("savepoint", job_id, self.saved), "is CANCELED; only a running job can be asked")
        no(1, self.cluster.cli("stop", "-p", self.saved, job_id), "is CANCELED")
        no(1, self.cluster.cli("checkpoint", job_id), "is CANCELED")
        self.good_job()


class Versions(LedgerTest):
    """A new version of a job begins with what an old one kept."""

    def kept(self, n=70):
        job_id = self.begin("-p", "2")
        self.cluster.wait_running(job_id)
        self.take_in(job_id, n)
        return self.stop(job_id)

    def plan(self, version, path, *options, code=0, job_args=()):
        run = self.cluster.cli("plan", "--against", path, "--json", *options, self.ledger(version), "--", *self.arguments(*job_args))
        self.assertEqual(run.code, code, str(run))
        found = run.json()
        self.assertEqual(found["can_begin"], code == 0)
        states = {state["name"]: state for op in found["operators"] for state in op["states"]}
        return {op["uid"]: op for op in found["operators"]}, states

    def test_fields_are_added_renamed_widened_and_left_out(self):
        path = self.kept()
        operators, states = self.plan(2, path)
        self.assertEqual({uid: op["verdict"] for uid, op in operators.items()}, {"entries": "KEPT", "accounts": "CHANGED", "results": "KEPT"})
        self.assertEqual((states["last"]["verdict"], states["balance"]["verdict"]), ("KEPT", "CHANGED"))
        for part in (
            "it was called 'account'",
            "field 'cents' was called 'amount'",
            "field 'cents' was INT32 and is INT64",
            "field 'rate' was FLOAT and is DOUBLE",
            "field 'currency' is new: 'EUR' in what was kept",
            "field 'note' is left out",
        ):
            self.assertIn(part, states["balance"]["text"])
        text = self.cluster.cli("plan", "--against", path, self.ledger(2), "--", *self.arguments())
        self.assertEqual(text.code, 0, str(text))
        self.assertIn("CHANGED       accounts (keyed_process), uid accounts", text.out)
        self.assertIn("The job can begin with it.", text.out)

        job_id = self.begin("-p", "3", "-s", path, version=2)
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 30)
        saved = self.stop(job_id)
        self.check_results()
        later = [row for row in self.results() if row["seen"] > 10]
        self.assertEqual({(row["rate"], row["currency"]) for row in later}, {(1.5, "EUR")})
        rows = self.cli("state", "export", saved, "--state", "balance").rows()
        self.assertEqual({(row["value"]["rate"], row["value"]["currency"]) for row in rows}, {(1.5, "EUR")})

    def test_what_does_not_fit_is_refused_before_the_old_job_stops(self):
        job_id = self.begin("-p", "2")
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 20)
        self.cli("checkpoint", job_id)
        operators, states = self.plan(3, job_id, code=1)  # against the newest checkpoint of the running job
        self.assertEqual(operators["accounts"]["verdict"], "INCOMPATIBLE")
        self.assertEqual(states["account"]["text"], "field 'amount' was written as INT32 and cannot be read as STRING")
        run = self.cluster.cli("plan", "--against", job_id, self.ledger(3), "--", *self.arguments())
        self.assertIn("The job cannot begin with it: 1 incompatible, 0 orphaned.", run.out)
        self.assertEqual(self.cluster.state(job_id), "RUNNING")
        path = self.stop(job_id)
        run = self.refuse("-s", path, version=3)
        self.assertEqual(run.code, 2)
        self.assert_one_sentence(run, "operator 'accounts' \\(uid 'accounts'\\) cannot take over its state 'account'", "field 'amount'")

    def test_states_and_operators_that_are_gone_are_left_out_only_if_that_is_said(self):
        path = self.kept()
        _, states = self.plan(4, path, code=1)
        self.assertEqual(states["account"]["verdict"], "ORPHANED")
        run = self.refuse("-s", path, version=4)
        self.assertEqual(run.code, 2)
        self.assert_one_sentence(run, "state 'account' of operator 'accounts'", "does not declare any more")
        self.plan(4, path, "-n")
        job_id = self.begin("-p", "3", "-s", path, "-n", version=4)
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 7)
        saved = self.stop(job_id)
        self.assertEqual(sorted(row["seen"] for row in self.results())[-7:], [11] * 7, "the other state is still there")
        self.assertEqual(len(self.cli("state", "export", saved, "--state", "last").rows()), 77)
        run = kit.cli(self.dir, "state", "export", saved, "--state", "account")
        self.assertEqual(run.code, 4, str(run))

        operators, _ = self.plan(1, path, code=1, job_args=["--uid", "books"])
        self.assertEqual((operators["accounts"]["verdict"], operators["books"]["verdict"]), ("ORPHANED", "NEW"))
        job_id = self.begin("-s", path, "--allowNonRestoredState", job_args=["--uid", "books"])
        self.cluster.wait_running(job_id)
        self.take_in(job_id, 7)
        self.stop(job_id)
        self.assertEqual(sum(row["seen"] == 1 for row in self.results()), 14, "the new operator began empty")

    def test_plan_says_what_is_wrong_with_its_arguments(self):
        def no(code, run, *parts):
            self.assertEqual(run.code, code, str(run))
            self.assert_one_sentence(run, *parts)

        job = self.ledger(1)
        no(2, self.cluster.cli("plan", job), "say --against a savepoint, a checkpoint or the id of a running job")
        no(4, self.cluster.cli("plan", "--against", self.dir / "nowhere", job), "there is no checkpoint")
        no(4, self.cluster.cli("plan", "--against", "abcdef", job), "no job")
        job_id = self.begin()
        self.cluster.wait_running(job_id)
        no(4, self.cluster.cli("plan", "--against", job_id, job), "has no complete checkpoint", "wiesel savepoint")
        self.cluster.cancel(job_id)


if __name__ == "__main__":
    kit.main()
