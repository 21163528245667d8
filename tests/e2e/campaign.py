"""campaign - a job that is killed, frozen, stopped and moved at random moments, and writes what it would have written anyway.

A test class says which job it is (Campaign.prepare); `Campaign.campaign` runs it in rounds, each on a cluster of its own: seeded
events, one after the other, at moments found by counting checkpoints (never by time), then the job may run to its end, and its files are
compared, line by line as multisets, with those of a run without failure and with an independent computation.

    WIESEL_CAMPAIGN_SEED=7       begin with this seed instead of 1: a round prints its seed and what it does
    WIESEL_CAMPAIGN_ROUNDS=1     so many rounds, whatever the number of kills
    WIESEL_CAMPAIGN_VERBOSE=1    what each round did, and when
    WIESEL_CAMPAIGN_KEEP=1       a failed round's directories stay (and are named)
    WIESEL_TEST_LONG=1           75 kills per class instead of 6

The order of events follows from the seed; the moments within a checkpoint or a restore do not, so a seed that failed is worth many
repetitions.
"""

import collections
import os
import pathlib
import random
import shutil
import signal
import statistics
import tempfile
import time

import cluster as kit
from cluster import Cluster, E2ETest, say, wait_for
from followed import PATIENCE_S, Followed, flags_of

LONG = os.environ.get("WIESEL_TEST_LONG", "") not in ("", "0")
SEED = int(os.environ.get("WIESEL_CAMPAIGN_SEED", "1"))
ROUNDS = int(os.environ.get("WIESEL_CAMPAIGN_ROUNDS", "0"))
KEEP = os.environ.get("WIESEL_CAMPAIGN_KEEP", "") not in ("", "0")
VERBOSE = os.environ.get("WIESEL_CAMPAIGN_VERBOSE", "") not in ("", "0")
KILLS = 75 if LONG else 6  # of each class, at least

# A silent process is given up after this long; a busy one must not be.
HEARTBEAT_TIMEOUT_MS = 3000 if kit.SANITIZED else 1500


class Recovery(collections.namedtuple("Recovery", "event noticed running restore first_row")):
    """Seconds from a failure to the moment it was noticed, to all tasks running again and to the first new row; restore: of the slowest task."""


class Round:
    """One cluster, one job on it, and what happens to them."""

    def __init__(self, test, seed, setting):
        self.test, self.seed, self.setting, self.rng = test, seed, setting, random.Random(f"{type(test).__name__} {seed}")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="wiesel-campaign-"))
        self.out, self.checkpoints, self.savepoints, self.go = (self.dir / name for name in ("out", "checkpoints", "savepoints", "go"))
        self.kills, self.recoveries, self.story, self.began = 0, [], [], time.monotonic()
        self.parallelism = self.rng.choice((2, 3, 4))
        self.options = {
            "execution.checkpointing.interval": self.rng.choice(("50 ms", "100 ms", "200 ms")),
            "execution.checkpointing.dir": self.checkpoints,
            "execution.checkpointing.num-retained": self.rng.choice((1, 2, 3)),
            "execution.checkpointing.tolerable-failed-checkpoints": 1000,
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 1000,
            "restart-strategy.fixed-delay.delay": self.rng.choice(("0 ms", "50 ms")),
            "watermark.emit": "per-record",
            **setting,
        }
        self.job_args = ["--roll-on-checkpoint", self.rng.choice(("true", "false"))]
        self.cluster = None
        self.job = None

    # -- life --

    def start(self):
        heartbeats = [f"heartbeat.interval={HEARTBEAT_TIMEOUT_MS // 10} ms", f"heartbeat.timeout={HEARTBEAT_TIMEOUT_MS} ms"]
        self.cluster = Cluster(taskmanagers=3, slots=2, defines=[*heartbeats, "metrics.fetcher.update-interval=100 ms"]).start()

    def tell(self, text):
        self.story.append(f"{time.monotonic() - self.began:7.2f} s  {text}")

    def submit(self, *more):
        args = [*self.test.job_args(self), "--pause-us", self.test.pause_us, "--go", self.go, *self.job_args]
        job_id = self.cluster.submit(self.test.library, "-p", self.parallelism, *flags_of(self.options), *more, job_args=args)
        self.job = Followed(self.cluster, job_id, may_finish=self.go.exists)
        self.tell(f"job {job_id} at parallelism {self.parallelism}")

    def stop(self, failed):
        if failed and KEEP:
            say(f"kept: {self.dir}")
        elif not failed:
            shutil.rmtree(self.dir, ignore_errors=True)
        if failed and self.cluster is not None:
            self.keep_logs()
        if self.cluster is not None:
            self.cluster.stop(check=not failed)
        if failed and not KEEP:
            shutil.rmtree(self.dir, ignore_errors=True)

    def keep_logs(self):
        if KEEP:
            shutil.copytree(self.cluster.log_dir, self.dir / "log", dirs_exist_ok=True)

    # -- failures --

    def recovered(self, event, before, began):
        """Waits for the end of what began then, when there were `before` restarts."""
        job = self.job
        job.wait("the failure is noticed", lambda: job.restarts() > before)
        noticed = time.monotonic() - began
        job.wait_running()
        running, restore = time.monotonic() - began, job.restore_seconds()
        job.wait_rows()
        self.recoveries.append(Recovery(event, noticed, running, restore, time.monotonic() - began))

    def kill(self, victims):
        for victim in victims:
            victim.kill(signal.SIGKILL)
            self.kills += 1

    def kill_some(self, event, n):
        before, victims = self.job.restarts(), self.job.workers()
        victims = self.rng.sample(victims, min(n, len(victims)))
        began = time.monotonic()
        self.kill(victims)
        self.recovered(event, before, began)

    def kill_one(self):
        self.kill_some("one", 1)

    def kill_two(self):
        self.kill_some("two at once", 2)

    def kill_all(self):
        """Every TaskManager, whether the job uses it or not."""
        before = self.job.restarts()
        began = time.monotonic()
        self.kill(self.taskmanagers())
        self.recovered("all TaskManagers", before, began)

    def kill_in_checkpoint(self):
        before, victims = self.job.restarts(), self.job.workers()
        self.job.wait_pending()
        began = time.monotonic()
        self.kill(self.rng.sample(victims, 1))
        self.recovered("in a checkpoint", before, began)

    def kill_in_restore(self):
        """Another one while the job comes back from the loss of the first."""
        before = self.job.restarts()
        self.kill(self.rng.sample(self.job.workers(), 1))

        def comes_back():
            job = self.job.look()
            return job["restarts"] > before and any(v["status"] in ("DEPLOYING", "INITIALIZING", "RUNNING") for v in job["vertices"])

        self.job.wait("it comes back", comes_back, pause=0)
        before, victims = self.job.restarts(), self.job.workers()
        began = time.monotonic()
        self.kill(self.rng.sample(victims, 1))
        self.recovered("in a restore", before, began)

    # -- the JobManager --

    def taskmanagers(self):
        return [process for name, process in self.cluster.processes().items() if name.startswith("taskmanager")]

    def kill_with_jobmanager(self, event, others):
        """Perhaps while a checkpoint is under way."""
        before, jobmanager = self.job.restarts(), self.cluster.process("jobmanager")
        if self.rng.random() < 0.5:
            self.job.wait_pending()
        began = time.monotonic()
        self.kill(self.rng.sample([jobmanager, *others], 1 + len(others)))
        self.recovered(event, before, began)

    def kill_jobmanager(self):
        self.kill_with_jobmanager("JobManager", [])

    def kill_jobmanager_and_one(self):
        self.kill_with_jobmanager("JobManager, one", self.rng.sample(self.job.workers(), 1))

    def kill_everything(self):
        self.kill_with_jobmanager("everything", self.taskmanagers())

    # -- processes that are taken for dead --

    def freeze(self):
        """A process that is taken for dead, and goes on when the job has gone on without it."""
        before, victim = self.job.restarts(), self.rng.choice(self.job.workers())
        began = time.monotonic()
        victim.kill(signal.SIGSTOP)
        try:
            self.recovered("frozen", before, began)
            self.job.wait_checkpoints(self.rng.randrange(3))
        finally:
            victim.kill(signal.SIGCONT)
        slots = self.cluster.taskmanagers * self.cluster.slots
        wait_for("it is back", lambda: self.cluster.overview()["slots-total"] == slots, PATIENCE_S)

    def times_lost(self):
        """How often TaskManagers gave the JobManager up."""
        logs = self.cluster.log_dir.glob("taskmanager-*.log")
        return sum(path.read_text(errors="replace").count(" jobmanager.lost ") for path in logs)

    def freeze_jobmanager(self):
        """Until a TaskManager has given it up; if the job had tasks there, it starts again."""
        lost, last, jobmanager = self.times_lost(), self.job.last_checkpoint(), self.cluster.process("jobmanager")
        jobmanager.kill(signal.SIGSTOP)
        try:
            self.job.wait("TaskManagers give it up", lambda: self.times_lost() > lost)
        finally:
            jobmanager.kill(signal.SIGCONT)
        # one checkpoint may have been under way
        self.job.wait("checkpoints again", lambda: self.job.look() and self.job.last_checkpoint() > last + 1)
        self.job.wait_running()

    EVENTS = (
        kill_one,
        kill_two,
        kill_all,
        kill_in_checkpoint,
        kill_in_restore,
        kill_jobmanager,
        kill_jobmanager_and_one,
        kill_everything,
        freeze,
        freeze_jobmanager,
    )

    def run(self, events):
        """The whole round."""
        self.start()
        self.submit()
        self.job.wait_running()
        for event in events:
            between = self.rng.randrange(4)
            self.tell(f"{between} checkpoints, then {event.__name__}")
            self.job.wait_checkpoints(between)
            event(self)
        self.tell("goes on to its end")
        self.go.touch()
        self.job.wait_finished()
        self.tell("compared")
        self.test.compare(self)


def lines_of(directory):
    """Of all visible files below it, by directory: {name: Counter of lines}. None may be torn."""
    found = collections.defaultdict(collections.Counter)
    for path in sorted(directory.rglob("part-*")):
        text = path.read_text()
        if not text.endswith("\n"):
            raise AssertionError(f"{path} ends with a torn line: {text[-80:]!r}")
        found[str(path.parent.relative_to(directory))].update(text.splitlines())
    return dict(found)


class Campaign(E2ETest):
    """A class per job. `job` is its source; prepare() makes its input."""

    job_name, pause_us = "", 1000

    def prepare(self):
        raise NotImplementedError

    def job_args(self, a_round):
        """What goes behind --, but for pacing."""
        raise NotImplementedError

    def problems(self, out):
        """What an independent computation finds wrong with the files."""
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        self.library = self.library_of(self.job_name)
        self.expected = None
        self.recoveries, self.kills = [], 0

    def library_of(self, name):
        return self.library(self.job(name), "-Wall", name=f"{pathlib.Path(name).stem}.so")

    # -- without failure --

    def without_failure(self, a_round):
        """The lines of a run that nothing happens to."""
        plain = Round(self, 0, {})
        plain.cluster, plain.parallelism = a_round.cluster, 2
        try:
            plain.go.touch()
            plain.submit()
            plain.job.wait_finished()
            self.assertEqual(self.problems(plain.out), [], "without failure")
            return lines_of(plain.out)
        finally:
            shutil.rmtree(plain.dir, ignore_errors=True)

    # -- comparing --

    def compare(self, a_round):
        got = lines_of(a_round.out)
        if self.expected is None:
            self.expected = self.without_failure(a_round)
        self.assertEqual(set(got), set(self.expected), "directories of results")
        for name, want in self.expected.items():
            self.assertEqual(dict((want - got[name]).most_common(5)), {}, f"{name}: lines that are missing")
            self.assertEqual(dict((got[name] - want).most_common(5)), {}, f"{name}: lines that should not be there, or are there twice")
        self.assertEqual(self.problems(a_round.out), [], "against the independent computation")
        self.assertEqual([path for path in a_round.out.rglob(".*") if path.is_file()], [], "hidden files are left")

    # -- rounds --

    def campaign(self, *settings):
        """Rounds until there were kills enough, with one of the settings (job options) each, by turns."""
        self.prepare()
        number = 0
        while number < ROUNDS or (ROUNDS == 0 and (self.kills < KILLS or number < len(settings))):
            self.one_round(SEED + number, settings[number % len(settings)])
            number += 1
        self.print_table()

    def one_round(self, seed, setting):
        a_round = Round(self, seed, setting)
        events = list(Round.EVENTS)
        a_round.rng.shuffle(events)
        failed = True
        try:
            a_round.run(events)
            failed = False
        except Exception as error:
            logs = a_round.cluster.logs() if a_round.cluster and not KEEP else ""
            story = "\n  ".join(a_round.story)
            raise AssertionError(f"seed {seed}, options {a_round.options}, {a_round.job_args}:\n  {story}\n{error}\n{logs}") from error
        finally:
            a_round.stop(failed)
        self.recoveries += a_round.recoveries
        self.kills += a_round.kills
        say(f"seed {seed}: {a_round.kills} kills, exact after {time.monotonic() - a_round.began:.1f} s")
        if VERBOSE:
            say("\n      ".join(["", *a_round.story]))

    def print_table(self):
        say(f"{type(self).__name__}: {self.kills} kills; seconds from the failure (median, largest):")
        say(f"{'':18}{'n':>4}{'noticed':>16}{'running':>16}{'restore':>16}{'first row':>16}")
        by_event = collections.defaultdict(list)
        for recovery in self.recoveries:
            by_event[recovery.event].append(recovery)
        for event, found in by_event.items():
            numbers = "".join(
                f"{statistics.median(values):9.3f}{max(values):7.3f}" for values in list(zip(*found))[1:]
            )
            say(f"{event:18}{len(found):4}{numbers}")
