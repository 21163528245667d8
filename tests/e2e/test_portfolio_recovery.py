#!/usr/bin/env python3
"""examples/portfolio/portfolio.c killed, moved to other parallelisms and given damaged checkpoints: its results are those of a run
to which nothing happened, as expected_portfolio.py computes them."""

import json
import os
import re
import shutil
import signal

import cluster as kit
import expected
import expected_portfolio
from cluster import E2ETest, Process, wait_for

BOUND = 15000  # the job's out-of-orderness
SENTINEL = {"symbol": "LAST", "side": "buy", "quantity": 1, "price": 1.0}


class PortfolioTest(E2ETest):
    """Trades are fed file by file into a directory that the job watches; prices are there before the first of them."""

    taskmanagers, slots = 3, 4

    def setUp(self):
        super().setUp()
        self.cluster = self.start_cluster(taskmanagers=self.taskmanagers, slots=self.slots)
        self.trades, self.prices, self.out = self.dir / "trades", self.dir / "prices", self.dir / "out"
        self.trades.mkdir()
        self.prices.mkdir()
        made = kit.gen("trades", self.dir / "made-trades", seed=11, count=3000, rate=5, symbols=60, files=6)
        self.waiting = sorted(path for path in made.iterdir() if path.name[0] not in "._")
        kit.gen("prices", self.dir / "made-prices", seed=11, count=300, rate=1, symbols=50, files=2)
        for path in sorted((self.dir / "made-prices").iterdir()):
            if path.name[0] not in "._":
                shutil.copyfile(path, self.prices / path.name)
        self.n_prices = len(expected.rows_of(self.prices))
        self.fed = 0

    # -- feeding --

    def appear(self, name, text):
        beside = self.dir / "beside"
        beside.write_text(text)
        os.rename(beside, self.trades / name)

    def feed(self, files):
        for _ in range(files):
            path = self.waiting.pop(0)
            self.fed += 1
            self.appear(f"{self.fed:04d}.json", path.read_text())

    def feed_marker(self):
        """A trade far ahead of all others: where the watermark is behind it, everything before it was taken in. Its watermark."""
        latest = max(row["ts"] for row in expected.rows_of(self.trades))
        self.fed += 1
        ts = latest + 3600000
        self.appear(f"{self.fed:04d}.json", json.dumps(SENTINEL | {"ts": ts}) + "\n")
        return ts - BOUND - 1

    # -- the job --

    def begin(self, parallelism, *options, **more):
        settings = {
            "execution.checkpointing.interval": "100 ms",
            "execution.checkpointing.dir": self.dir / "checkpoints",
            "execution.checkpointing.data-inline-threshold": "0",
            "restart-strategy.exponential-delay.initial-backoff": "50 ms",
            "watermark.emit": "per-record",
        } | more
        flags = [word for key, value in settings.items() for word in ("-D", f"{key}={value}")]
        job_args = ["--trades", self.trades, "--prices", self.prices, "--out", self.out]
        job = self.source("examples/portfolio/portfolio.c")
        job_id = self.cluster.submit(job, "-p", parallelism, *flags, *options, job_args=job_args)
        self.cluster.wait_running(job_id)
        return job_id

    def vertex(self, job_id, name):
        return next(v for v in self.cluster.job(job_id)["vertices"] if name in v["name"])

    def wait_for_prices(self, job_id, parallelism):
        """Every subtask knows all prices."""
        wanted = self.n_prices * parallelism
        wait_for("prices everywhere", lambda: self.vertex(job_id, "value-at-market")["records-in"] >= wanted)

    def wait_taken_in(self, job_id, watermark):
        def look():
            at = self.vertex(job_id, "net-position")["watermark"]
            return at is not None and at >= watermark

        wait_for("all trades so far", look)

    def wait_for_some(self, job_id):
        """Some trades have gone through this attempt."""
        wait_for("some trades", lambda: self.vertex(job_id, "net-position")["records-in"] > 20)

    def checkpoint(self, job_id):
        run = self.cluster.cli("checkpoint", "--json", job_id)
        self.assertEqual(run.code, 0, str(run))
        return run.json()["checkpointId"]

    def stop(self, job_id, *options):
        run = self.cluster.cli("stop", "--json", "-p", self.dir / "saved", *options, job_id)
        self.assertEqual(run.code, 0, str(run))
        self.cluster.wait_state(job_id, "FINISHED")
        return run.json()["location"]

    def check(self):
        """What is visible is exactly what is expected of all that was fed."""
        want = expected_portfolio.compute(self.trades, self.prices)
        self.assertEqual({row["fallback"] for row in want["market-value"]}, {True, False})
        self.assertGreater(len(want["alerts"]), 100)
        self.assertGreater(len(want["notional"]), 300)
        for path in self.out.glob("*/part-*"):
            self.assertTrue(path.read_text().endswith("\n"), f"{path} ends with a torn line")
        self.assertEqual(expected.compare(want, self.out), [])

    # -- trouble --

    def failures(self, job_id):
        return self.cluster.rest(f"/jobs/{job_id}/exceptions?maxExceptions=100")["exceptionHistory"]["entries"]

    def workers_of(self, job_id):
        names = set()
        for vertex in self.cluster.vertices(job_id):
            found = self.cluster.rest(f"/jobs/{job_id}/vertices/{vertex['id']}/taskmanagers")["taskmanagers"]
            names |= {tm["taskmanager-id"] for tm in found}
        return [tm["pid"] for tm in self.cluster.rest("/taskmanagers")["taskmanagers"] if tm["id"] in names]

    def kill_one(self, job_id):
        """kill -9 of a TaskManager in use; returns when the job runs again."""
        before = len(self.failures(job_id))
        Process(self.workers_of(job_id)[0]).kill(signal.SIGKILL)
        wait_for("the loss is noticed", lambda: len(self.failures(job_id)) > before)
        self.cluster.wait_running(job_id)


class Kill(PortfolioTest):
    def test_a_taskmanager_in_use_is_killed_and_everything_goes_on_where_it_was(self):
        job_id = self.begin(2)
        self.wait_for_prices(job_id, 2)
        self.feed(2)
        self.wait_taken_in(job_id, self.feed_marker())
        saved = self.checkpoint(job_id)  # behind all that was fed

        self.kill_one(job_id)
        restored = self.cluster.rest(f"/jobs/{job_id}/checkpoints")["latest"]["restored"]
        self.assertGreaterEqual(restored["id"], saved)
        self.feed(2)
        self.wait_taken_in(job_id, self.feed_marker())
        fresh = sum(len((self.trades / f"{i:04d}.json").read_text().splitlines()) for i in range(4, 7))
        self.assertEqual(self.vertex(job_id, "net-position")["records-in"], fresh, "files are not read again")
        wait_for("the trades at the market", lambda: self.vertex(job_id, "value-at-market")["records-in"] >= fresh)
        self.assertEqual(self.vertex(job_id, "value-at-market")["records-in"], fresh, "nor are prices, which are still known")

        self.feed(2)  # and in the middle of it
        self.wait_for_some(job_id)
        self.kill_one(job_id)
        self.wait_taken_in(job_id, self.feed_marker())
        self.assertIn("was lost", self.failures(job_id)[0]["stacktrace"])
        self.stop(job_id, "--drain")
        self.check()


class Rescale(PortfolioTest):
    taskmanagers = 2

    def test_from_2_to_4_to_1(self):
        saved = None
        for parallelism in (2, 4, 1):
            options = ["-s", saved] if saved else []
            job_id = self.begin(parallelism, *options)
            if saved is None:
                self.wait_for_prices(job_id, parallelism)
            self.feed(2)
            self.wait_for_some(job_id)
            if parallelism == 1:
                self.wait_taken_in(job_id, self.feed_marker())
            saved = self.stop(job_id, *(["--drain"] if parallelism == 1 else []))
        self.check()


class Damage(PortfolioTest):
    def test_the_newest_checkpoint_is_damaged_and_an_older_one_does(self):
        kept = {"execution.checkpointing.num-retained": "3", "execution.checkpointing.interval": "1 h"}
        job_id = self.begin(2, **kept)
        self.wait_for_prices(job_id, 2)
        self.feed(2)
        self.wait_taken_in(job_id, self.feed_marker())
        older = self.checkpoint(job_id)
        self.feed(2)
        self.wait_taken_in(job_id, self.feed_marker())
        newest = self.checkpoint(job_id)
        self.assertGreater(newest, older)
        directory = self.dir / "checkpoints" / job_id / f"chk-{newest}"
        damaged = sorted(directory.glob("*.state"))
        self.assertGreater(len(damaged), 0)
        for path in damaged:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 0x10
            path.write_bytes(content)
        run = kit.cli(self.dir, "checkpoint", "verify", directory)
        self.assertEqual(run.code, 1, str(run))

        Process(self.workers_of(job_id)[0]).kill(signal.SIGKILL)

        def restored():
            found = self.cluster.rest(f"/jobs/{job_id}/checkpoints")["latest"]["restored"]
            return found if found and found["id"] == older else None

        wait_for("the older checkpoint is taken", restored)
        self.cluster.wait_running(job_id)
        told = [entry["stacktrace"] for entry in self.failures(job_id)]
        self.assertTrue(any(re.search(rf"chk-{newest}/\S+\.state is damaged", text) for text in told), told)
        log = "".join(path.read_text() for path in self.cluster.log_dir.glob("jobmanager*"))
        self.assertRegex(log, rf"checkpoint\.damaged .*\bid={newest} .*it is left out from now on")

        self.feed(2)
        self.wait_taken_in(job_id, self.feed_marker())
        self.checkpoint(job_id)
        self.stop(job_id, "--drain")
        self.check()


if __name__ == "__main__":
    kit.main()
