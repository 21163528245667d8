#!/usr/bin/env python3
"""Files as a source: watched directories, names that are passed over, large files that are read in ranges."""

import collections
import json
import os
import pathlib
import random

import cluster as kit
from cluster import ClusterTest, wait_for


class Files(ClusterTest):
    def setUp(self):
        super().setUp()
        self.inbox, self.out = self.dir / "inbox", self.dir / "out"
        self.inbox.mkdir()

    def lines_graph(self, sink, **options):
        return self.graph(
            {
                "name": "lines",
                "schemas": {"line": {"line": "STRING"}},
                "operators": [
                    {"name": "lines", "source": "file", "schema": "line", "options": {"path": str(self.inbox), "format": "raw", **options}},
                    {"name": "out", **sink},
                ],
            }
        )

    def to_one_file(self):
        return {"sink": "file", "parallelism": 1, "options": {"path": str(self.out), "single-file": True, "format": "json"}}

    def to_files(self):
        return {"sink": "file", "options": {"path": str(self.out), "format": "json"}}

    def drop(self, name, lines):
        """A file that appears whole: written beside, then renamed."""
        beside = self.dir / "beside"
        beside.write_text("".join(f"{line}\n" for line in lines))
        os.rename(beside, self.inbox / name)
        return [str(line) for line in lines]

    def written(self):
        if not self.out.exists():
            return []
        text = self.out.read_text()
        return [json.loads(line)["line"] for line in text[: text.rfind("\n") + 1].splitlines()]

    def test_watched_directory_reads_each_file_that_appears_once(self):
        expected = self.drop("0-before.txt", range(100))
        job_id = self.cluster.submit(self.lines_graph(self.to_one_file(), watch="20 ms"), "-p", "2")
        self.cluster.wait_running(job_id)
        wait_for("the lines that were there", lambda: len(self.written()) == 100)
        for i in range(1, 31):  # faster than it is looked for, and slower
            expected += self.drop(f"{i}.txt", range(i * 1000, i * 1000 + 50))
            if i % 10 == 0:
                wait_for(f"the lines of file {i}", lambda: len(self.written()) == len(expected))
        self.drop(".hidden.txt", ["hidden"])
        self.drop("_underscore.txt", ["hidden"])
        (self.inbox / ".partial").mkdir()
        (self.inbox / ".partial/inside.txt").write_text("hidden\n")
        (self.inbox / "nested").mkdir()
        (self.inbox / "nested/inside.txt").write_text("nested\n")
        os.utime(self.inbox / "1.txt")  # looks new, is not
        expected += self.drop("last.txt", ["the last one"])
        wait_for("the last line", lambda: "the last one" in self.written())
        for i in range(2):  # two more looks at the directory
            expected += self.drop(f"look-{i}.txt", [f"look {i}"])
            wait_for("another look", lambda: f"look {i}" in self.written())
        self.assertEqual(collections.Counter(self.written()), collections.Counter(expected))
        self.assertEqual(self.cluster.state(job_id), "RUNNING")
        self.cluster.cancel(job_id)
        self.assertEqual(collections.Counter(self.written()), collections.Counter(expected))

    def test_file_that_is_renamed_into_view_is_read(self):
        self.drop("first.txt", ["first"])
        (self.inbox / ".growing").write_text("sec")
        job_id = self.cluster.submit(self.lines_graph(self.to_one_file(), watch="20 ms"))
        wait_for("the first file", lambda: self.written() == ["first"])
        with open(self.inbox / ".growing", "a") as growing:
            growing.write("ond\nthird")  # the last line has no end
        os.rename(self.inbox / ".growing", self.inbox / "grown.txt")
        wait_for("the renamed file", lambda: len(self.written()) == 3)
        self.assertEqual(self.written(), ["first", "second", "third"])
        self.cluster.cancel(job_id)

    def test_directory_that_is_missing_at_first_may_be_watched(self):
        self.inbox.rmdir()
        job_id = self.cluster.submit(self.lines_graph(self.to_one_file(), watch="20 ms", create=True))
        self.cluster.wait_running(job_id)
        self.inbox.mkdir(exist_ok=True)
        self.drop("late.txt", ["late"])
        wait_for("its line", lambda: self.written() == ["late"])
        self.cluster.cancel(job_id)

    def test_large_file_read_in_ranges_gives_every_line_once(self):
        rng = random.Random(7)
        lengths = [0, 1, 2, 17, 80, 200, 5000, 70000]  # empty lines, and lines longer than a range
        with open(self.inbox / "large.txt", "w") as large:
            for n in range(60000):
                large.write(f"{n}:" + "x" * rng.choices(lengths, [5, 5, 20, 30, 30, 8, 0.4, 0.05])[0] + "\n")
            large.write("60000:no line end")
        size = (self.inbox / "large.txt").stat().st_size
        self.assertGreater(size, 40 * 65536)
        run = self.cluster.run(self.lines_graph(self.to_files(), **{"split-size": "64 kb"}), "-p", "4")
        self.assertEqual(run.code, 0, str(run))
        want = collections.Counter((self.inbox / "large.txt").read_text().split("\n"))
        got = collections.Counter(row["line"] for row in kit.json_rows(self.out))
        self.assertEqual(got - want, collections.Counter(), "lines that are no lines, or came twice")
        self.assertEqual(want - got, collections.Counter(), "lines that are missing")
        writers = {path.name.split("-")[1] for path in self.out.iterdir()}
        self.assertGreater(len(writers), 1, "one subtask alone has read it all")

    def test_lines_that_end_on_the_border_of_a_range(self):
        line = "y" * 63  # 64 with its end: every range of 64 KiB ends with a line
        (self.inbox / "even.txt").write_text("".join(f"{n:08d}{line[8:]}\n" for n in range(10240)))
        run = self.cluster.run(self.lines_graph(self.to_files(), **{"split-size": "64 kb"}), "-p", "4")
        self.assertEqual(run.code, 0, str(run))
        got = sorted(int(row["line"][:8]) for row in kit.json_rows(self.out))
        self.assertEqual(got, list(range(10240)))

    def test_many_small_files_are_read_once_each(self):
        expected = collections.Counter()
        for i in range(400):
            expected.update(self.drop(f"{i:04d}.txt", [f"{i}.{k}" for k in range(i % 7)]))
        run = self.cluster.run(self.lines_graph(self.to_files()), "-p", "4")
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual(collections.Counter(row["line"] for row in kit.json_rows(self.out)), expected)

    def test_csv_and_json_files_give_the_same_rows(self):
        rows = [{"name": name, "n": n, "x": x} for n, (name, x) in enumerate([("plain", 1.5), ('a "quote", a comma', -0.1), ("line\nbreak", 1e300), ("ümläut", 5e-324)])]
        (self.inbox / "rows.json").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        quoted = ("\"" + row["name"].replace('"', '""') + "\"," + f"{row['n']},{row['x']!r}\r\n" for row in rows)
        csv = self.dir / "rows.csv"
        csv.write_text("".join(quoted), newline="")
        for source, out_format in ((self.inbox / "rows.json", "csv"), (csv, "json")):
            document = {
                "schemas": {"row": {"name": "STRING", "n": "BIGINT", "x": "DOUBLE"}},
                "operators": [
                    {"name": "in", "source": "file", "schema": "row", "options": {"path": str(source), "format": source.suffix[1:]}},
                    {"name": "out", "sink": "file", "options": {"path": str(self.dir / f"as-{out_format}"), "format": out_format}},
                ],
            }
            run = self.cluster.run(self.graph(document))
            self.assertEqual(run.code, 0, str(run))
        self.assertEqual(kit.json_rows(self.dir / "as-json"), rows)
        again = self.graph(
            {
                "schemas": {"row": {"name": "STRING", "n": "BIGINT", "x": "DOUBLE"}},
                "operators": [
                    {"name": "in", "source": "file", "schema": "row", "options": {"path": str(self.dir / "as-csv"), "format": "csv"}},
                    {"name": "out", "sink": "collect"},
                ],
            }
        )
        self.assertEqual(self.cluster.run(again).rows(), rows, "json to csv and back")

    def test_bad_lines_are_skipped_and_counted_or_set_aside(self):
        kit.gen("iot", self.inbox, seed=3, count=5000, files=4, malformed=0.05)
        raw = [line for path in sorted(self.inbox.iterdir()) for line in path.read_text().splitlines()]
        good, bad = self.split(raw)
        self.assertGreater(len(bad), 100)
        schema = {"device_id": "STRING NOT NULL", "temperature": "DOUBLE NOT NULL", "humidity": "DOUBLE", "pressure": "DOUBLE", "event_timestamp": "BIGINT"}
        source = {"name": "in", "source": "file", "schema": "iot", "options": {"path": str(self.inbox), "format": "json", "on-error": "skip"}}
        sink = {"name": "out", "sink": "file", "options": {"path": str(self.out), "format": "json"}}
        run = self.cluster.run(self.graph({"schemas": {"iot": schema}, "operators": [source, sink]}), "-p", "2")
        self.assertEqual(run.code, 0, str(run))
        self.assertEqual(len(kit.json_rows(self.out)), len(good))
        vertex = self.cluster.vertices(run.job_id())[0]["id"]
        errors = sum(self.cluster.metrics(run.job_id(), vertex, i, "numRecordsInErrors")["numRecordsInErrors"] for i in range(2))
        self.assertEqual(errors, len(bad))

        source["options"]["on-error"] = "side-output"
        aside = {"name": "aside", "from": "in:bad-records", "sink": "file", "options": {"path": str(self.dir / "aside"), "format": "json"}}
        sink = {"name": "out", "from": "in", "sink": "blackhole"}
        run = self.cluster.run(self.graph({"schemas": {"iot": schema}, "operators": [source, sink, aside]}), "-p", "2")
        self.assertEqual(run.code, 0, str(run))
        rows = kit.json_rows(self.dir / "aside")
        self.assertEqual(sorted(row["raw"] for row in rows), sorted(bad))
        for row in rows:
            text = pathlib.Path(row["file"]).read_bytes()
            self.assertTrue(text[row["offset"] :].startswith(row["raw"].encode()), row)
            self.assertGreater(len(row["reason"]), 5)

    @staticmethod
    def split(lines):
        good, bad = [], []
        for line in lines:
            try:
                row = json.loads(line)
                ok = isinstance(row["device_id"], str) and isinstance(row["temperature"], (int, float))
                ok = ok and all(isinstance(row.get(k, 0), (int, float)) for k in ("humidity", "pressure", "event_timestamp"))
            except (ValueError, KeyError, TypeError):
                ok = False
            (good if ok else bad).append(line)
        return good, bad


if __name__ == "__main__":
    kit.main()
