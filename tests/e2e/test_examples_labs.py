#!/usr/bin/env python3
"""examples/{fraud,clicks,iot} against computations of their own, at parallelism 1, 2 and 4 on two TaskManagers."""

import collections
import json
import os
import random
import re

import cluster as kit
import expected
import expected_clicks
import expected_fraud
import expected_iot
from cluster import ClusterTest, wait_for

PARALLELISMS = (1, 2, 4)
PRINTED = re.compile(r"stats(?::\d+)?> (\{.*\})$")


class Lab(ClusterTest):
    def generated(self, kind, out_of_order_ms, time="ts", files=5, **options):
        """Files of wiesel-gen whose lines have changed places: none is more than so much behind a line before it."""
        rng, made = random.Random(3), kit.gen(kind, self.dir / f"{kind}-in-order", **options)
        lines, latest = [], 0
        for line in expected.lines_of(made):
            try:
                latest = json.loads(line)[time]
            except (ValueError, TypeError, KeyError):
                pass
            lines.append((latest + rng.randrange(out_of_order_ms), line))
        lines = [line for _, line in sorted(lines)]
        directory, share = self.dir / kind, -(-len(lines) // files)
        directory.mkdir()
        for i in range(files):
            self.put(directory, i, lines[i * share : (i + 1) * share])
        return directory

    def put(self, directory, i, lines):
        """File i is older than file i + 1, whatever their names say."""
        beside, path = self.dir / "beside", directory / f"{9999 - i}.json"
        beside.write_text("".join(f"{line}\n" for line in lines))
        os.utime(beside, (1767225600 + i, 1767225600 + i))
        os.rename(beside, path)

    def check(self, example, want, *job_args):
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                out = self.finish(example, parallelism, *job_args)
                self.assertEqual(expected.compare(want, out), [])

    def finish(self, example, parallelism, *job_args):
        out = self.dir / f"out-{parallelism}-{len(list(self.dir.iterdir()))}"
        job, job_args = self.source(f"examples/{example}/{example}.c"), [*job_args, "--out", out, "--bounded"]
        run = self.cluster.run(job, "-p", parallelism, "-D", "watermark.emit=per-record", job_args=job_args)
        self.assertEqual(run.code, 0, str(run)[:3000])
        return out


class Fraud(Lab):
    def test_alerts_with_a_list_and_with_one_timer(self):
        directory = self.generated("transactions", 10000, seed=5, count=8000, rate=20, keys=400)
        want = expected_fraud.compute(**{"in": directory})
        self.assertTrue({"u901", "u902"} <= {row["user_id"] for row in want["fraud"]}, "the two that burst")
        self.assertGreater(len({row["user_id"] for row in want["fraud"]}), 10, "and others")
        self.check("fraud", want, "--in", directory)
        self.check("fraud", want, "--in", directory, "--one-timer")


class Clicks(Lab):
    def test_counts_both_ways_and_sessions(self):
        directory = self.generated("clicks", 15000, seed=6, count=4000, rate=0.4, keys=150)
        want = expected_clicks.compute(**{"in": directory})
        self.assertGreater(len(want["clicks"]), 1000)
        self.assertGreater(len(want["sessions"]), 300)
        self.check("clicks", want, "--in", directory)


class Iot(Lab):
    def readings(self):
        directory = self.generated("iot", 5000, time="event_timestamp", seed=8, count=6000, rate=100, keys=7, malformed=0.05)
        wrong = [{"temperature": 60.5}, {"humidity": -1}, {"pressure": None}, {"event_timestamp": None}, {"device_id": None}]
        right = {"device_id": "d9999", "temperature": 20.5, "humidity": 50, "pressure": 1000.5, "event_timestamp": 1767225600000}
        self.put(directory, -1, [json.dumps({**right, **change}) for change in [{}, *wrong]])
        return directory

    def check_errors(self, directory, rows):
        readings, errors = expected_iot.sort_out(expected.lines_of(directory))
        self.assertGreater(len(errors), 200)
        self.assertEqual(collections.Counter(row["record"] for row in rows), collections.Counter(errors))
        self.assertTrue(all(len(row["reason"]) > 10 for row in rows))
        return readings

    def test_event_time(self):
        directory = self.readings()
        want = expected_iot.compute(**{"in": directory})
        for parallelism in PARALLELISMS:
            with self.subTest(parallelism=parallelism):
                out = self.finish("iot", parallelism, "--in", directory, "--event-time")
                self.assertEqual(expected.compare(want, out, without=["reason"]), [])
                self.check_errors(directory, expected.written(out, "errors"))

    def printed(self, mark):
        """What has been written to the console; and whether a line is whole is seen at its end."""
        text = "".join(path.read_bytes()[mark.get(path, 0) :].decode() for path in sorted(self.cluster.log_dir.glob("taskmanager-*.out")))
        return [json.loads(found.group(1)) for line in text.splitlines() if (found := PRINTED.match(line))]

    def test_processing_time(self):
        """Which window a reading falls into nobody knows; that each falls into one is known, and what all of them add up to."""
        for parallelism in (1, 4):
            with self.subTest(parallelism=parallelism):
                self.processing_time(parallelism)

    def processing_time(self, parallelism):
        directory, out = self.dir / f"watched-{parallelism}", self.dir / f"out-{parallelism}"
        directory.mkdir()
        mark = self.cluster.print_mark()
        job_args = ["--in", directory, "--window", "1s", "--out", out]
        job_id = self.cluster.submit(self.source("examples/iot/iot.c"), "-p", parallelism, job_args=job_args)
        if parallelism == 1:
            self.readings()
        for path in expected.files_of(self.dir / "iot"):
            (directory / path.name).write_bytes(path.read_bytes())
        readings, _ = expected_iot.sort_out(expected.lines_of(directory))
        wait_for("all readings in windows", lambda: sum(row["count"] for row in self.printed(mark)) >= len(readings))
        rows = self.printed(mark)
        self.cluster.cancel(job_id)
        self.assertEqual(expected.differences(rows, expected.written(out, "stats")), [], "console and CSV")
        self.assertEqual({row["window_end"] - row["window_start"] for row in rows}, {1000})
        self.assertEqual(self.totals(rows), self.totals(list(expected_iot.stats(readings, 10**15))))
        self.check_errors(directory, expected.written(out, "errors"))

    @staticmethod
    def totals(rows):
        """Count, minimum, maximum and average of each device over all windows."""
        found = collections.defaultdict(list)
        for row in rows:
            found[row["device_id"]].append(row)
        return {
            (device, name): (
                sum(row["count"] for row in of),
                min(row[f"{name}_min"] for row in of),
                max(row[f"{name}_max"] for row in of),
                round(sum(row[f"{name}_avg"] * row["count"] for row in of) / sum(row["count"] for row in of), 6),
            )
            for device, of in found.items()
            for name in expected_iot.RANGES
        }


if __name__ == "__main__":
    kit.main()
