#!/usr/bin/env python3
"""examples/ on real input, checked against computations of their own; at parallelism 1, 2 and 4 on two TaskManagers."""

import collections
import json
import socket

import cluster as kit
from cluster import ClusterTest, wait_for

PARALLELISMS = (1, 2, 4)
OUT_OF_ORDERNESS_MS = 15000


def trades_of(directory):
    """All trades in the order in which a single reader meets them: files by modification time."""
    files = sorted((path for path in directory.iterdir() if path.name[0] not in "._"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def signed(trade):
    return trade["quantity"] if trade["side"] == "buy" else -trade["quantity"]


def final_positions(trades):
    net, n = collections.Counter(), collections.Counter()
    for trade in trades:
        net[trade["symbol"]] += signed(trade)
        n[trade["symbol"]] += 1
    return {symbol: (net[symbol], n[symbol]) for symbol in n}


def running_positions(trades):
    """Of each symbol every (net position, number of trades) on the way."""
    net, all_of = collections.Counter(), collections.defaultdict(list)
    for trade in trades:
        net[trade["symbol"]] += signed(trade)
        all_of[trade["symbol"]].append((net[trade["symbol"]], len(all_of[trade["symbol"]]) + 1))
    return dict(all_of)


class Examples(ClusterTest):
    def example(self, path):
        return self.source(f"examples/{path}")

    def example_graph(self, path, options, sink):
        """The example's own JSON graph: with its source's options replaced where told, and writing to a place of ours."""
        document = json.loads(self.example(path).read_text())
        document["operators"][0]["options"].update(options)
        document["operators"][0]["options"] = {k: v for k, v in document["operators"][0]["options"].items() if v is not None}
        document["operators"][-1] = {"name": "out", **sink}
        return self.graph(document)

    def finished(self, run):
        self.assertEqual(run.code, 0, str(run)[:3000])
        return run

    def lines_of(self, path):
        """Whole lines so far of a file that grows."""
        if not path.exists():
            return []
        text = path.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    # -- word count --

    def texts(self, count=20000):
        return kit.gen("text", self.dir / "texts", seed=11, count=count, files=5)

    @staticmethod
    def counts_of(directory):
        return collections.Counter(word for path in directory.iterdir() for word in path.read_text().split())

    def test_wordcount_over_a_socket_goes_on_counting(self):
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism), socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                mark = self.cluster.print_mark()

                def printed():
                    return self.cluster.printed(mark)

                job_id = self.cluster.submit(self.example("wordcount/wordcount_socket.c"), "-p", str(parallelism), job_args=["--port", str(port)])
                server.settimeout(kit.PATIENCE_S)
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"big data big ")  # lines may come in pieces
                    connection.sendall(b"data streaming\n")
                    wait_for("the counts of the first line", lambda: len(printed()) >= 5)
                    self.assertEqual(self.by_word(printed()), {"big": [1, 2], "data": [1, 2], "streaming": [1]})
                    connection.sendall(b"big data big data streaming\n")
                    wait_for("the counts of the second line", lambda: len(printed()) >= 10)
                    self.assertEqual(self.by_word(printed()), {"big": [1, 2, 3, 4], "data": [1, 2, 3, 4], "streaming": [1, 2]})
                    if parallelism == 1:
                        words = "big data big data streaming".split() * 2
                        self.assertEqual([row["word"] for row in printed()], words)
                    connection.sendall(b"the end has no line end")
                self.cluster.wait_state(job_id, "FINISHED")
                self.assertEqual(len(printed()), 16)
                self.assertEqual(self.by_word(printed())["end"], [1, 2])

    @staticmethod
    def by_word(rows):
        """Counts of each word in the order in which one TaskManager printed them."""
        counts = collections.defaultdict(list)
        for row in rows:
            counts[row["word"]].append(row["count"])
        return dict(counts)

    def test_wordcount_over_files(self):
        texts = self.texts()
        expected = self.counts_of(texts)
        self.assertGreater(len(expected), 1000)
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                run = self.finished(self.cluster.run(self.example("wordcount/wordcount_files.c"), "-p", parallelism, job_args=["--in", texts]))
                rows = run.rows()
                self.assertEqual(len(rows), len(expected), "each word once")
                self.assertEqual({row["word"]: row["count"] for row in rows}, dict(expected))

    def test_wordcount_in_json(self):
        texts = self.texts(count=4000)
        expected = self.counts_of(texts)
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                graph = self.example_graph("wordcount/wordcount.json", {"path": str(texts)}, {"sink": "collect"})
                counts = self.by_word(self.finished(self.cluster.run(graph, "-p", parallelism)).rows())
                self.assertEqual({word: sorted(of) for word, of in counts.items()}, {word: list(range(1, n + 1)) for word, n in expected.items()})
                self.assertEqual({word: of[-1] for word, of in counts.items()}, dict(expected), "the last count of a word is its final one")

    # -- portfolio, on what is there --

    def trades(self, count=20000, files=8):
        return kit.gen("trades", self.dir / "trades", seed=7, count=count, files=files)

    def test_deltas_of_fixed_trades(self):
        directory = self.trades()
        expected = collections.Counter(self.delta(trade) for trade in trades_of(directory))
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                out = self.dir / f"deltas-{parallelism}"
                job_args = ["--trades", directory, "--once", "--out", out]
                self.finished(self.cluster.run(self.example("portfolio/step1_deltas.c"), "-p", parallelism, job_args=job_args))
                got = collections.Counter((row["symbol"], row["delta"], row["amount"], row["ts"]) for row in kit.json_rows(out))
                self.assertEqual(got - expected, collections.Counter())
                self.assertEqual(expected - got, collections.Counter())

    @staticmethod
    def delta(trade):
        return trade["symbol"], signed(trade), signed(trade) * trade["price"], trade["ts"]

    def test_late_trades_are_those_behind_the_watermark(self):
        """With a watermark after each record and one reader it is known which: ts <= max so far - 15 s - 1 ms."""
        directory = kit.gen("trades", self.dir / "trades", seed=5, count=5000, files=1, rate=50, backdate_max_ms=60000)
        out, expected, latest = self.dir / "deltas", [], None
        for trade in trades_of(directory):
            expected.append((*self.delta(trade), latest is not None and trade["ts"] <= latest - OUT_OF_ORDERNESS_MS - 1))
            latest = trade["ts"] if latest is None else max(latest, trade["ts"])
        self.assertGreater(sum(row[4] for row in expected), 100)
        job_args = ["--trades", directory, "--once", "--out", out]
        self.finished(self.cluster.run(self.example("portfolio/step1_deltas.c"), "-D", "watermark.emit=per-record", job_args=job_args))
        self.assertEqual([tuple(row.values()) for row in kit.json_rows(out)], expected)

    def check_positions(self, rows, trades, parallelism):
        """The final position of each symbol; one result per trade; with one reader the whole way."""
        got = collections.defaultdict(list)
        for row in rows:
            got[row["symbol"]].append((row["net_qty"], row["trades"]))
        expected = running_positions(trades)
        self.assertEqual(set(got), set(expected))
        for symbol, of in got.items():
            self.assertEqual([n for _, n in of], list(range(1, len(expected[symbol]) + 1)), f"trades of {symbol}, in order")
        self.assertEqual({symbol: of[-1] for symbol, of in got.items()}, final_positions(trades))
        if parallelism == 1:
            self.assertEqual(dict(got), expected)

    def test_positions_of_fixed_trades(self):
        directory = self.trades()
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                out = self.dir / f"positions-{parallelism}"
                job_args = ["--trades", directory, "--once", "--out", out]
                self.finished(self.cluster.run(self.example("portfolio/step2_positions.c"), "-p", parallelism, job_args=job_args))
                self.check_positions(kit.json_rows(out), trades_of(directory), parallelism)

    def test_positions_in_json_of_fixed_trades(self):
        directory = self.trades()
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                out = self.dir / f"positions-{parallelism}"
                sink = {"sink": "file", "options": {"path": str(out), "format": "json"}}
                graph = self.example_graph("portfolio/positions.json", {"path": str(directory), "watch": None}, sink)
                self.finished(self.cluster.run(graph, "-p", parallelism))
                self.check_positions(kit.json_rows(out), trades_of(directory), parallelism)

    # -- portfolio, on a directory that is watched --

    def watch(self, submit, parallelism, rows_of=None):
        """Trades appear file by file while the job runs; its output grows in one file. Gives trades and rows."""
        rows_of = rows_of or self.lines_of
        directory, beside = self.dir / f"watched-{parallelism}", self.dir / f"beside-{parallelism}"
        directory.mkdir()
        kit.gen("trades", beside, seed=9, count=6000, files=12)
        files = sorted(beside.iterdir())
        files.pop(0).rename(directory / "first.json")
        out = self.dir / f"growing-{parallelism}.json"
        job_id = submit(directory, out)
        (directory / "_baseline.json").write_text('{"symbol":"NOT","side":"buy","quantity":1,"price":1,"ts":1}\n')
        for i, path in enumerate(files):
            path.rename(directory / path.name)
            if i % 4 == 0:
                wait_for("results of what is there", lambda: len(rows_of(out)) >= len(trades_of(directory)))
        trades = trades_of(directory)
        self.assertEqual(len(trades), 6000)
        wait_for("results of all trades", lambda: len(rows_of(out)) >= len(trades))
        self.cluster.cancel(job_id)
        return trades, rows_of(out)

    def test_positions_of_a_watched_directory_as_c(self):
        """The example prints its results if it is not told where to: read what the TaskManagers print."""
        for parallelism in (1, 4):
            with self.subTest(parallelism=parallelism):
                mark = self.cluster.print_mark()

                def submit(directory, _):
                    return self.cluster.submit(self.example("portfolio/step2_positions.c"), "-p", parallelism, job_args=["--trades", directory])

                trades, rows = self.watch(submit, parallelism, lambda _: self.cluster.printed(mark))
                final = {row["symbol"]: (row["net_qty"], row["trades"]) for row in sorted(rows, key=lambda row: row["trades"])}
                self.assertEqual(final, final_positions(trades))
                self.assertEqual(len(rows), len(trades))

    def test_positions_of_a_watched_directory_as_json(self):
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):

                def submit(directory, out):
                    sink = {"sink": "file", "parallelism": 1, "options": {"path": str(out), "single-file": True, "format": "json"}}
                    graph = self.example_graph("portfolio/positions.json", {"path": str(directory), "watch": "50 ms"}, sink)
                    return self.cluster.submit(graph, "-p", parallelism)

                trades, rows = self.watch(submit, parallelism)
                self.assertEqual(len(rows), len(trades))
                by_symbol = sorted(rows, key=lambda row: row["trades"])
                self.assertEqual({row["symbol"]: (row["net_qty"], row["trades"]) for row in by_symbol}, final_positions(trades))

    def test_deltas_of_live_trades(self):
        """wiesel-gen beside the job, as in the README: every trade of every file that appeared, each once."""
        directory = self.dir / "live"
        directory.mkdir()
        mark = self.cluster.print_mark()
        job_id = self.cluster.submit(self.example("portfolio/step1_deltas.c"), "-p", "2", job_args=["--trades", directory])
        self.cluster.wait_running(job_id)
        kit.gen("trades", directory, "--live", count=2000, rate=2000, records_per_file=100)
        trades = trades_of(directory)
        self.assertEqual(len(trades), 2000)

        def deltas():
            return collections.Counter((row["symbol"], row["delta"], row["amount"], row["ts"]) for row in self.cluster.printed(mark))

        wait_for("a result for each trade", lambda: deltas().total() >= len(trades))
        self.assertEqual(deltas(), collections.Counter(self.delta(trade) for trade in trades))
        self.cluster.cancel(job_id)


if __name__ == "__main__":
    kit.main()
