#!/usr/bin/env python3
"""Event time on a real cluster: late rows are counted and shown, and a watermark that stands says why."""

import json
import os
import random

import cluster as kit
from cluster import ClusterTest, wait_for

START = 1_763_715_600_000  # 2025-11-21 09:00:00


def late_of(rows, window, bound=0, lateness=0):
    """What a window must call late of rows in this order, with a watermark behind each row: (symbol, ts, watermark)."""
    late, watermark = [], None
    for row in rows:
        end = row["ts"] - row["ts"] % window + window
        if watermark is not None and end - 1 + lateness <= watermark:
            late.append((row["symbol"], row["ts"], watermark))
        reached = row["ts"] - bound - 1
        watermark = reached if watermark is None else max(watermark, reached)
    return late


class EventTime(ClusterTest):
    taskmanagers, slots = 2, 4

    def setUp(self):
        super().setUp()
        self.inbox = self.dir / "inbox"
        self.inbox.mkdir()

    def drop(self, name, rows):
        beside = self.dir / "beside"
        beside.write_text("".join(json.dumps(row) + "\n" for row in rows))
        os.rename(beside, self.inbox / name)

    def start(self, *job_args, parallelism=1):
        self.mark = self.cluster.print_mark()
        return self.cluster.submit(self.job("event_time.c"), "-p", parallelism, job_args=["--in", self.inbox, *job_args])

    def late(self, job_id, *options):
        run = self.cluster.cli("late", "--json", *options, job_id)
        self.assertEqual(run.code, 0, str(run))
        return json.loads(run.out)["operators"]

    def reasons(self, job_id):
        return {v["name"]: v for v in self.cluster.rest(f"/wiesel/v1/jobs/{job_id}/watermarks")["vertices"]}

    def test_late_rows_agree_with_an_independent_computation(self):
        rng = random.Random(11)
        rows, ts = [], START
        for _ in range(3000):
            ts += rng.randrange(0, 400)
            rows.append({"symbol": rng.choice(["ACME", "WIDGET", "GEAR"]), "ts": ts - (rng.randrange(0, 60_000) if rng.random() < 0.2 else 0)})
        expected = late_of(rows, 30_000, bound=5_000, lateness=10_000)
        self.assertGreater(len(expected), 100)
        self.drop("rows.json", rows)
        job_id = self.start("--bound", "5 s", "--lateness", "10 s")

        def all_counted():
            operators = self.late(job_id)
            return operators if operators and operators[0]["count"] >= len(expected) else None

        (operator,) = wait_for("late rows to be counted", all_counted)
        self.assertEqual(operator["operator-name"], "counts")
        self.assertEqual(operator["count"], len(expected))
        got = [(s["key"], s["timestamp"], s["watermark"], s["lateness"]) for s in operator["samples"]]
        self.assertEqual(got, [(f"{{symbol={symbol}}}", at, watermark, watermark - at) for symbol, at, watermark in expected[-100:]])
        self.assertEqual({s["split"].rsplit("/", 1)[-1] for s in operator["samples"]}, {"rows.json"}, "each says where it was read")

        text = self.cluster.cli("late", job_id, "--operator", "counts")
        self.assertEqual(text.code, 0, str(text))
        self.assertIn(f"counts: {len(expected)} late rows", text.out)
        self.assertEqual(len(text.out.splitlines()), 101)
        unknown = self.cluster.cli("late", job_id, "--operator", "count")
        self.assertEqual(unknown.code, kit.EXIT_NOT_FOUND)
        self.assert_one_sentence(unknown, "no operator 'count'")

    def test_ex48_bound_zero(self):
        self.drop("a.json", [{"symbol": "A", "ts": ts} for ts in (100_000, 90_000, 85_000)])
        job_id = self.start()
        (operator,) = wait_for("the late row", lambda: self.late(job_id))
        self.assertEqual([(s["timestamp"], s["watermark"]) for s in operator["samples"]], [(85_000, 99_999)])
        again = self.start("--lateness", "15 s")
        printed = wait_for("the window that fires at once", lambda: self.cluster.printed(self.mark))
        self.assertEqual([(row["n"]) for row in printed], [1])
        self.assertEqual(self.late(again), [])

    def watermark(self, job_id):
        return next(v for name, v in self.reasons(job_id).items() if name.startswith("counts"))["watermark"]

    def feed(self, name, *times):
        self.drop(name, [{"symbol": "A", "ts": ts} for ts in times])

    def windows(self):
        return sorted((row["window_end"], row["n"]) for row in self.cluster.printed(self.mark))

    def test_ex10_a_window_fires_when_the_watermark_reaches_its_last_millisecond(self):
        job_id = self.start("--bound", "15 s")
        self.feed("a.json", 0, 44_999)
        wait_for("the watermark", lambda: self.watermark(job_id) == 29_998)
        self.assertEqual(self.windows(), [])
        self.feed("b.json", 45_000)
        wait_for("the window", self.windows)
        self.assertEqual([n for _, n in self.windows()], [1])

    def test_ex11_and_ex12_late_is_what_comes_after_its_window(self):
        nine = START  # 09:00
        job_id = self.start("--bound", "30 s", "--window", "60 s")
        self.feed("a.json", nine + 80_000, nine + 35_000)  # 45 s late, but its window is open
        wait_for("the watermark", lambda: self.watermark(job_id) == nine + 49_999)
        self.feed("b.json", nine - 1)  # 08:59:59.999
        (operator,) = wait_for("the late row", lambda: self.late(job_id))
        self.assertEqual([s["timestamp"] for s in operator["samples"]], [nine - 1])
        self.feed("c.json", nine + 89_999)
        wait_for("the watermark", lambda: self.watermark(job_id) == nine + 59_998)
        self.assertEqual(self.windows(), [])
        self.feed("d.json", nine + 90_000)
        wait_for("the window of 9:00", self.windows)
        self.assertEqual([n for _, n in self.windows()], [1])

    def test_ex31_a_source_that_never_ends_leaves_the_last_bound_open(self):
        job_id = self.start("--bound", "15 s", "--window", "1 s")
        self.feed("a.json", *range(0, 200_001, 1000))
        wait_for("the watermark", lambda: self.watermark(job_id) == 184_999)
        wait_for("the windows", lambda: len(self.windows()) >= 185)
        self.assertEqual(len(self.windows()), 185)

    def test_a_watermark_that_stands_says_why(self):
        self.drop("a.json", [{"symbol": "A", "ts": START + 61_000}])
        job_id = self.start("--bound", "1 s")

        def stands():
            counts = next(v for name, v in self.reasons(job_id).items() if name.startswith("counts"))
            return counts if counts["watermark"] == START + 59_999 else None

        counts = wait_for("the watermark", stands)
        self.assertRegex(counts["reason"], r"^subtask 0 of 'counts -> Sink: out' stands at 2025-11-21 09:00:59\.999")
        self.assertIsNotNone(counts["since"])
        wait_for("an idle source", lambda: "idle" in next(v for n, v in self.reasons(job_id).items() if n.startswith("counts"))["reason"])
        text = self.cluster.cli("watermarks", job_id)
        self.assertEqual(text.code, 0, str(text))
        self.assertRegex(text.out, r"(?m)^2025-11-21 09:00:59\.999 +\d+\.\d s  counts -> Sink: out$")
        self.assertRegex(text.out, r"(?m)^    subtask 0 of 'counts -> Sink: out'.* held back by ")
        unknown = self.cluster.cli("watermarks", "0123456789abcdef")
        self.assertEqual(unknown.code, kit.EXIT_NOT_FOUND)
        self.assertEqual(self.cluster.cli("watermarks", "--json", job_id).code, 0)

    def test_what_windows_keep_is_among_the_metrics(self):
        """Of each subtask, and of the vertex; and gone when the windows are."""
        job_id = self.start("--window", "10 s", "--bound", "30 s", parallelism=2)
        self.drop("a.json", [{"symbol": f"S{i % 7}", "ts": START + i * 1000} for i in range(20)])
        vertex = next(v["id"] for v in self.cluster.vertices(job_id) if v["name"].startswith("counts"))
        path = f"/jobs/{job_id}/vertices/{vertex}"

        def kept(name):
            """By subtask."""
            found = [self.cluster.metrics(job_id, vertex, i, f"counts.{name}") for i in range(2)]
            return [subtask.get(f"counts.{name}", 0) for subtask in found]

        wait_for("7 symbols in 2 windows each", lambda: sum(kept("stateKeys")) == 14)
        self.assertEqual(sum(kept("state.window-contents.keys")), 14)
        self.assertGreater(sum(kept("stateBytes")), 14 * 16)
        of_vertex = {m["id"]: float(m["value"]) for m in self.cluster.rest(f"{path}/metrics?get=0.counts.stateKeys,1.counts.stateKeys")}
        self.assertEqual(of_vertex, {f"{i}.counts.stateKeys": n for i, n in enumerate(kept("stateKeys"))})
        names = {m["id"] for m in self.cluster.rest(f"{path}/subtasks/metrics")}
        self.assertTrue({"counts.stateKeys", "counts.stateBytes"} <= names, names)
        summed = self.cluster.rest(f"{path}/subtasks/metrics?get=counts.stateKeys&agg=sum")
        self.assertEqual([(m["id"], float(m["sum"])) for m in summed], [("counts.stateKeys", 14.0)])
        self.drop("b.json", [{"symbol": "S0", "ts": START + 100_000}])
        wait_for("only the newest window", lambda: sum(kept("stateKeys")) == 1)

    def test_ex54_a_later_strategy_without_idleness_blocks_and_says_so(self):
        self.drop("a.json", [{"symbol": "A", "ts": START + s * 1000} for s in range(300)])
        job_id = self.start("--later", parallelism=4)

        def blocked():
            counts = next(v for name, v in self.reasons(job_id).items() if name.startswith("counts"))
            return counts if "given no row with a timestamp yet" in counts["reason"] else None

        counts = wait_for("the reason", blocked)
        self.assertIn("strategy 'on-time'", counts["reason"])
        self.assertIsNone(counts["watermark"])
        self.assertEqual(self.cluster.printed(self.mark), [])
        idle = self.start("--later", "--idleness", "1 s", parallelism=4)
        wait_for("windows, once three subtasks are idle", lambda: len(self.cluster.printed(self.mark)) == 9)
        self.cluster.state(idle)

    def test_a_strategy_at_the_source_does_not_wait_for_subtasks_without_a_split(self):
        self.drop("a.json", [{"symbol": "A", "ts": START + s * 1000} for s in range(300)])
        self.start(parallelism=4)
        wait_for("windows", lambda: len(self.cluster.printed(self.mark)) == 9)


if __name__ == "__main__":
    kit.main()
