#!/usr/bin/env python3
"""examples/portfolio/portfolio.c: all five pipelines against expected_portfolio.py, at parallelism 1, 2 and 4 on two TaskManagers."""

import collections
import json
import os
import re

import cluster as kit
import expected
import expected_portfolio
from cluster import ClusterTest, wait_for

PARALLELISMS = (1, 2, 4)
PRINTED = re.compile(r"([\w-]+)(?::\d+)?> (\{.*\})$")


class Portfolio(ClusterTest):
    def input(self, **trades):
        """Symbols that are silent for more than 20 s now and then, and 10 of them without a price."""
        options = dict(seed=7, count=6000, rate=5, symbols=60, files=8) | trades
        trades = kit.gen("trades", self.dir / "trades", **options)
        prices = kit.gen("prices", self.dir / "prices", seed=7, count=500, rate=1, symbols=50, files=3)
        return {"trades": trades, "prices": prices}

    def run_bounded(self, parallelism, directories, *job_args):
        out = self.dir / f"out-{parallelism}"
        job_args = ["--trades", directories["trades"], "--prices", directories["prices"], "--out", out, "--bounded", *job_args]
        job = self.source("examples/portfolio/portfolio.c")
        run = self.cluster.run(job, "-p", parallelism, "-D", "watermark.emit=per-record", job_args=job_args)
        self.assertEqual(run.code, 0, str(run)[:3000])
        return out

    def check(self, directories, want, *job_args):
        """The same results at every parallelism, and those of one symbol in the same order."""
        orders = []
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                out = self.run_bounded(parallelism, directories, *job_args)
                self.assertEqual(expected.compare(want, out), [])
                orders.append({name: self.by_symbol(expected.written(out, name)) for name in want})
        for order in orders[1:]:
            self.assertEqual(order, orders[0])

    @staticmethod
    def by_symbol(rows):
        found = collections.defaultdict(list)
        for row in rows:
            found[row["symbol"]].append(row)
        return dict(found)

    def test_results_on_fixed_files(self):
        directories = self.input()
        want = expected_portfolio.compute(**directories)
        self.assertEqual(len(want["positions"]), 6000)
        self.assertGreater(len(want["notional"]), 1000)
        self.assertEqual(want["late"], [], "15 s out of order are waited for")
        self.assertEqual({row["fallback"] for row in want["market-value"]}, {True, False})
        self.assertGreater(len(want["alerts"]), 400)
        self.check(directories, want)

    def test_late_trades_fire_again_or_are_set_aside(self):
        directories = self.input()
        want = expected_portfolio.compute(**directories, out_of_orderness=0, window=10000, lateness=5000, horizon=30000)
        windows = collections.Counter((row["symbol"], row["window_start"]) for row in want["notional"])
        self.assertGreater(max(windows.values()), 1, "some windows fire again")
        self.assertGreater(len(want["late"]), 100)
        self.check(directories, want, "--out-of-orderness", "0s", "--window", "10s", "--lateness", "5s", "--horizon", "30s")

    def test_windows_of_the_json_graph_give_the_same(self):
        directories = self.input()
        everything = expected_portfolio.compute(**directories, out_of_orderness=0, lateness=5000)
        want = {name: everything[name] for name in ("notional", "late")}
        self.assertGreater(len(want["late"]), 10)
        document = json.loads(self.source("examples/portfolio/notional.json").read_text())
        operators = {operator["name"]: operator for operator in document["operators"]}
        operators["trades"]["options"] = {"path": str(directories["trades"]), "format": "json"}
        operators["on-time"]["watermarks"]["bound"] = "0 s"
        operators["notional"]["window"]["lateness"] = "5 s"
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                out = self.dir / f"graph-{parallelism}"
                for name, sink in (("notional", "out"), ("late", "late")):
                    operators[sink].update(sink="file", options={"path": str(out / name), "format": "json", "suffix": ".jsonl"})
                run = self.cluster.run(self.graph(document), "-p", parallelism, "-D", "watermark.emit=per-record")
                self.assertEqual(run.code, 0, str(run)[:3000])
                self.assertEqual(expected.compare(want, out), [])

    def test_late_trades_are_shown_while_the_job_runs(self):
        directories = self.input()
        late = expected_portfolio.compute(**directories, out_of_orderness=0, window=10000, lateness=5000)["late"]
        job_args = ["--trades", directories["trades"], "--prices", directories["prices"], "--out", self.dir / "out"]
        job_args += ["--out-of-orderness", "0s", "--window", "10s", "--lateness", "5s"]
        options = ["-p", "2", "-D", "watermark.emit=per-record"]
        job_id = self.cluster.submit(self.source("examples/portfolio/portfolio.c"), *options, job_args=job_args)

        def shown():
            run = self.cluster.cli("late", "--json", job_id)
            self.assertEqual(run.code, 0, str(run))
            operators = [operator for operator in run.json()["operators"] if operator["count"] > 0]
            return operators[0] if operators and operators[0]["count"] == len(late) else None

        operator = wait_for("all late trades to be counted", shown)
        text = self.cluster.cli("late", job_id).out
        self.assertIn("window", text)
        samples = operator["samples"]
        self.assertEqual(len(samples), 100)
        expected_ones = {(trade["symbol"], trade["ts"]) for trade in late}
        for sample in samples:
            self.assertTrue(any(symbol in sample["key"] and ts == sample["timestamp"] for symbol, ts in expected_ones), sample)
            self.assertGreater(sample["watermark"], sample["timestamp"] + 5000)
        self.cluster.cancel(job_id)

    # -- on directories that are watched --

    def printed(self, mark):
        rows = collections.defaultdict(list)
        for path in sorted(self.cluster.log_dir.glob("taskmanager-*.out")):
            for line in path.read_bytes()[mark.get(path, 0) :].decode().splitlines():
                if found := PRINTED.match(line):
                    rows[found.group(1)].append(json.loads(found.group(2)))
        return rows

    def drop(self, directory, name, *rows):
        """A file that appears whole."""
        beside = self.dir / "beside"
        beside.write_text("".join(json.dumps(row) + "\n" for row in rows))
        os.rename(beside, directory / name)

    def test_prices_are_taken_as_they_come_and_all_is_printed(self):
        trades, prices = self.dir / "trades", self.dir / "prices"
        trades.mkdir()
        prices.mkdir()
        mark = self.cluster.print_mark()
        job_args = ["--trades", trades, "--prices", prices, "--window", "10s", "--out-of-orderness", "1s"]
        job_id = self.cluster.submit(self.source("examples/portfolio/portfolio.c"), "-p", "2", job_args=job_args)
        self.cluster.wait_running(job_id)
        sent = []

        def value_of_one_more():
            """What the next trade of 5 for 9 each is worth."""
            sent.append({"symbol": "ACME", "side": "buy", "quantity": 5, "price": 9, "ts": 1000 * (len(sent) + 1)})
            self.drop(trades, f"{len(sent):04d}.json", sent[-1])
            wait_for("the value of a trade", lambda: len(self.printed(mark)["market-value"]) == len(sent))
            return self.printed(mark)["market-value"][-1]

        row = value_of_one_more()
        self.assertEqual(row, {"symbol": "ACME", "ts": 1000, "delta": 5, "price": 9, "value": 45, "fallback": True})
        for price in (10, 12):
            self.drop(prices, f"{price}.json", {"symbol": "ACME", "price": price, "ts": 1000})
            row = wait_for(f"the price {price}", lambda: (r := value_of_one_more())["price"] == price and r)
            self.assertEqual((row["value"], row["fallback"]), (5 * price, False))

        self.drop(trades, "later.json", {"symbol": "IBM", "side": "sell", "quantity": 1, "price": 1, "ts": 10000000})
        rows = wait_for("the alerts, which are last", lambda: len((r := self.printed(mark))["alerts"]) == 1 and r["notional"] and r)
        self.assertEqual(rows["alerts"], [{"symbol": "ACME", "ts": len(sent) * 1000 + 20000}])
        self.assertEqual([row["net_qty"] for row in rows["positions"] if row["symbol"] == "ACME"], [5 * (i + 1) for i in range(len(sent))])
        self.assertEqual([row["ts"] for row in rows["raw"] if row["symbol"] == "ACME"], [trade["ts"] for trade in sent])
        self.assertEqual(rows["late"], [])
        wait_for("all windows", lambda: sum(row["net_qty"] for row in self.printed(mark)["notional"]) == 5 * len(sent))
        self.cluster.cancel(job_id)


if __name__ == "__main__":
    kit.main()
