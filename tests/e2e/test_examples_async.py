#!/usr/bin/env python3
"""examples/async-enrich against a web server of this process that takes its time and fails now and then."""

import contextlib
import importlib.util
import json
import threading

import cluster as kit
import expected
import expected_async_enrich
from cluster import ClusterTest, wait_for

TRADES = 600


def load_server():
    path = kit.SOURCE_DIR / "examples/async-enrich/server.py"
    spec = importlib.util.spec_from_file_location("server", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def serving(**options):
    server = load_server().Instruments(**options)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class AsyncEnrich(ClusterTest):
    defines = ["metrics.fetcher.update-interval=200 ms"]

    def trades(self, **more):
        """Generated ones, and some of an instrument that nobody knows."""
        directory = kit.gen("trades", self.dir / "trades", **(dict(seed=7, count=TRADES, rate=5, symbols=40, files=4) | more))
        unknown = {"symbol": "X/ &?", "side": "buy", "quantity": 5, "price": 9.5, "ts": 1767225600000}
        (directory / "unknown.json").write_text((json.dumps(unknown) + "\n") * 3)
        return directory

    def run_job(self, server, parallelism, directory, *job_args):
        out = self.dir / f"out-{len(list(self.dir.iterdir()))}"
        job_args = ["--in", directory, "--out", out, "--bounded", "--url", server.url, *job_args]
        job = self.source("examples/async-enrich/async_enrich.c")
        run = self.cluster.run(job, "-p", parallelism, "-D", "watermark.emit=per-record", job_args=job_args)
        self.assertEqual(run.code, 0, str(run)[:3000])
        return out

    def test_all_are_answered_whatever_fails_in_between(self):
        directory = self.trades()
        want = expected_async_enrich.compute(**{"in": directory})
        for parallelism in (1, 4):
            for how in ([], ["--ordered"]):
                with self.subTest(parallelism=parallelism, how=how), serving(delay_ms=10, fail=0.1) as server:
                    out = self.run_job(server, parallelism, directory, "--capacity", "16", "--timeout", "60s", *how)
                    self.assertEqual(expected.compare(want, out), [])
                    self.assertGreater(server.counts["failures"], 10)
                    self.assertEqual(server.counts["requests"], TRADES + 3 + server.counts["failures"], "one more for each failure")
                    self.assertGreater(server.counts["most_at_once"], 4)
                    self.assertLessEqual(server.counts["most_at_once"], 16 * parallelism)

    def test_ordered_results_come_in_the_order_of_the_trades(self):
        directory = self.trades()
        want = expected_async_enrich.compute(**{"in": directory})["enriched"]
        with serving(delay_ms=10, fail=0.1) as server:
            out = self.run_job(server, 1, directory, "--ordered", "--timeout", "60s")
        self.assertEqual(expected.written(out, "enriched"), want)

    def test_who_is_never_answered_leaves_without_when_the_time_is_up(self):
        directory = self.trades(count=200)
        hang = expected.rows_of(directory)[0]["symbol"]
        want = expected_async_enrich.compute(hang=hang, **{"in": directory})
        with serving(delay_ms=0, fail=0, hang=hang) as server:
            out = self.run_job(server, 2, directory, "--capacity", "500", "--timeout", "1500ms")
            self.assertGreater(server.counts["hung"], 0)
        self.assertEqual(expected.compare(want, out), [])

    def test_a_server_that_is_not_there_fails_the_job_with_the_trade(self):
        directory = self.trades(count=20)
        with serving() as server:
            url = server.url
        job_args = ["--in", directory, "--bounded", "--url", url]
        run = self.cluster.run(self.source("examples/async-enrich/async_enrich.c"), "-p", "1", job_args=job_args)
        self.assertNotEqual(run.code, 0)
        self.assert_one_sentence(run, "enrich", "attempt 6 of 6", "symbol=", "connect")

    def test_a_slow_server_holds_the_trades_back_and_cancel_does_not_wait_for_it(self):
        directory = self.trades(count=20000)
        with serving(delay_ms=200, fail=0) as server:
            job_args = ["--in", directory, "--url", server.url, "--capacity", "4", "--timeout", "60s"]
            job_id = self.cluster.submit(self.source("examples/async-enrich/async_enrich.c"), "-p", "1", job_args=job_args)
            self.cluster.wait_running(job_id)
            source = self.cluster.vertices(job_id)[0]["id"]
            name = "backPressuredTimeMsPerSecond"
            wait_for("the source feels it", lambda: self.cluster.metrics(job_id, source, 0, name).get(name, 0) > 800)
            enricher, busy = self.cluster.vertices(job_id)[1]["id"], "busyTimeMsPerSecond"
            wait_for("who waits for the server is busy", lambda: self.cluster.metrics(job_id, enricher, 0, busy).get(busy, 0) > 800)
            self.assertLessEqual(server.counts["most_at_once"], 4)
            canceled = self.cluster.cli("cancel", job_id, timeout=20)
            self.assertEqual(canceled.code, 0, str(canceled))


if __name__ == "__main__":
    kit.main()
