#!/usr/bin/env python3
"""A sink 1000 times slower than its source: memory stays flat, rates are equal, nothing is lost, cancel is quick.

Two source subtasks and two slow consumers on two TaskManagers; half of the rows cross the network. jobs/slow_sink.c fails the
job if a row is missing, doubled or out of order.
"""

import os
import time

import cluster as kit
from cluster import ClusterTest, say, wait_for

# 10 minutes by hand (WIESEL_TEST_LONG), one minute in the test run.
RUN_S = 600 if os.environ.get("WIESEL_TEST_LONG") else 60
WARM_UP_S = 10
RSS_GROWTH_LIMIT = 4 << 20
PARALLELISM = 2

# What may be under way between a source and a sink, by configuration: per channel the buffers that the producer queues and
# the exclusive ones of the consumer, per gate the floating ones; and what each side holds in its hands. A row of
# slow_sink.c has 8-byte-aligned fixed part and 128 bytes of padding: at least 176 bytes.
BUFFER_BYTES = 32 << 10
ROWS_PER_BUFFER = BUFFER_BYTES // 176
CHANNELS = PARALLELISM * PARALLELISM
BUFFERS = CHANNELS * (10 + 2) + PARALLELISM * 8 + 4 * CHANNELS


class Backpressure(ClusterTest):
    defines = ["metrics.fetcher.update-interval=200 ms"]

    def numbers(self, job_id):
        """Rows out of the sources, rows into the sinks, rows that user code has seen."""
        source, sink = self.cluster.vertices(job_id)
        out = sum(self.cluster.metrics(job_id, source["id"], i, "numRecordsOut")["numRecordsOut"] for i in range(PARALLELISM))
        into = sum(self.cluster.metrics(job_id, sink["id"], i, "numRecordsIn")["numRecordsIn"] for i in range(PARALLELISM))
        taken = sum(self.cluster.metrics(job_id, sink["id"], i, "slow.taken").get("slow.taken", 0) for i in range(PARALLELISM))
        return out, into, taken

    def load(self, job_id, vertex):
        names = "busyTimeMsPerSecond", "backPressuredTimeMsPerSecond", "idleTimeMsPerSecond"
        return [tuple(self.cluster.metrics(job_id, vertex["id"], i, *names)[name] for name in names) for i in range(PARALLELISM)]

    def watch(self, job_id):
        """Samples of (seconds, {process: RSS}, (out, into, taken)) once a second for the time of the run."""
        began, samples = time.monotonic(), []
        while (now := time.monotonic() - began) < RUN_S:
            self.assertEqual(self.cluster.state(job_id), "RUNNING", self.cluster.job(job_id)["failure"])
            rss = {name: process.rss() for name, process in self.cluster.processes().items()}
            samples.append((now, rss, self.numbers(job_id)))
            time.sleep(max(0.0, len(samples) - (time.monotonic() - began)))  # the measured time itself
        return samples

    def check_memory(self, samples):
        warm = [rss for now, rss, _ in samples if now >= WARM_UP_S]
        self.assertEqual({tuple(rss) for rss in warm}, {tuple(warm[0])}, "the same processes all the time")
        for name in warm[0]:
            first, most = warm[0][name], max(rss[name] for rss in warm)
            say(f"RSS of {name}: {first / 2**20:.1f} MB after {WARM_UP_S} s, at most {most / 2**20:.1f} MB until {RUN_S} s")
            if not kit.SANITIZED:
                self.assertLess(most - first, RSS_GROWTH_LIMIT, name)

    def check_rates(self, samples):
        (from_s, _, first), (to_s, _, last) = samples[len(samples) // 2], samples[-1]
        seconds = to_s - from_s
        out, into = (last[i] - first[i] for i in range(2))
        say(f"last {seconds:.0f} s: sources {out / seconds:.1f} rows/s, sinks {into / seconds:.1f} rows/s")
        self.assertGreater(into, seconds * 100, "the sinks do their work")
        # both ends of the interval are full: what differs is a few buffers in other places
        self.assertLess(abs(out - into), CHANNELS * 2 * ROWS_PER_BUFFER + 500)
        for _, _, (out, into, taken) in samples:
            self.assertLessEqual(into - 500, out)  # two reports of 200 ms are not of the same moment
            self.assertLessEqual(out - into, BUFFERS * ROWS_PER_BUFFER + 500)

    def test_slow_sink_holds_its_source_back(self):
        job_id = self.cluster.submit(self.job("slow_sink.c"), "-p", PARALLELISM)
        self.cluster.wait_running(job_id)
        samples = self.watch(job_id)
        self.check_memory(samples)
        self.check_rates(samples)

        source, sink = self.cluster.vertices(job_id)
        for busy, backpressured, idle in self.load(job_id, source):
            say(f"source: busy {busy:.0f}, backpressured {backpressured:.0f}, idle {idle:.0f} ms/s")
            self.assertGreater(backpressured, 900)
            self.assertAlmostEqual(busy + backpressured + idle, 1000, delta=50)
        for busy, backpressured, idle in self.load(job_id, sink):
            say(f"sink: busy {busy:.0f}, backpressured {backpressured:.0f}, idle {idle:.0f} ms/s")
            self.assertGreater(busy, 900)
            self.assertAlmostEqual(busy + backpressured + idle, 1000, delta=50)
        channels = self.cluster.rest(f"/jobs/{job_id}/vertices/{sink['id']}/subtasks/0/metrics")
        self.assertTrue([m for m in channels if m["id"].endswith(".credits")] and [m for m in channels if m["id"].endswith(".queue")])

        canceled = self.cluster.cancel(job_id)
        self.assert_time("cancel under full backpressure", canceled.seconds, 1.0)
        self.assertEqual(self.cluster.state(job_id), "CANCELED")
        out, into, taken = self.numbers(job_id)
        say(f"at the end: {out:.0f} rows out of the sources, {into:.0f} into the sinks, {taken:.0f} taken, {out - taken:.0f} were under way")
        self.assertGreater(taken, 0)
        self.assertLessEqual(taken, into)
        self.assertLessEqual(into - taken, PARALLELISM * ROWS_PER_BUFFER, "no more than one buffer in the hands of each")
        self.assertLessEqual(out - into, BUFFERS * ROWS_PER_BUFFER)

    def test_nothing_is_lost_when_the_source_ends(self):
        n = 1500
        run = self.cluster.run(self.job("slow_sink.c"), "-p", PARALLELISM, job_args=["--n", n])
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual({row["subtask"]: row["rows"] for row in run.rows()}, {i: n for i in range(PARALLELISM)})
        out, into, taken = self.numbers(run.job_id())
        self.assertEqual((out, into, taken), (PARALLELISM * n,) * 3)

    def test_nothing_is_lost_at_full_speed(self):
        n = 1000000
        run = self.cluster.run(self.job("slow_sink.c"), "-p", PARALLELISM, job_args=["--n", n, "--pause-us", "0"])
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual({row["subtask"]: row["rows"] for row in run.rows()}, {i: n for i in range(PARALLELISM)})

    def test_job_next_to_a_blocked_one_is_not_held_up(self):
        blocked = self.cluster.submit(self.job("slow_sink.c"), "-p", PARALLELISM, job_args=["--pause-us", "2000"])
        self.cluster.wait_running(blocked)
        source = self.cluster.vertices(blocked)[0]
        wait_for("full backpressure", lambda: all(load[1] > 900 for load in self.load(blocked, source)))
        run = self.cluster.run(self.job("numbers.c"), "-p", "2", job_args=["--n", "100000", "--sink", "blackhole"])
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual(self.cluster.state(blocked), "RUNNING")
        self.cluster.cancel(blocked)

    def test_cancel_does_not_wait_for_user_code_that_takes_its_time(self):
        for job_args in ([], ["--chained"]):
            job_id = self.cluster.submit(self.job("slow_sink.c"), "-p", PARALLELISM, job_args=["--pause-us", "200000", *job_args])
            wait_for("some rows", lambda: self.cluster.job(job_id)["records-in"] > 2)
            self.assert_time("cancel of a function that takes 200 ms a row", self.cluster.cancel(job_id).seconds, 1.0)


if __name__ == "__main__":
    kit.main()
