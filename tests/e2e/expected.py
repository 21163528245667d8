"""expected - what the examples must give, computed from their input alone: reading files, comparing rows.

The scripts expected_NAME.py stand on this. They are straightforward computations over all rows at once, written from what an
example promises and not from its code. Each is also a command:

    expected_portfolio.py --trades DIR --prices DIR              the expected rows, as JSON lines
    expected_portfolio.py --trades DIR --prices DIR --out OUT    compares them with what a run has written to OUT
"""

import argparse
import collections
import csv
import json
import pathlib
import sys


def files_of(directory):
    """Visible files in the order in which a single reader takes them: by time of modification, then path."""
    paths = [path for path in pathlib.Path(directory).iterdir() if path.name[0] not in "._"]
    return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, str(path)))


def lines_of(directory):
    return [line for path in files_of(directory) for line in path.read_text().splitlines()]


def rows_of(directory):
    return [json.loads(line) for line in lines_of(directory)]


def written(out, name):
    """What a run has put into OUT/name: JSON lines, or CSV with a header."""
    rows = []
    directory = pathlib.Path(out) / name
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        if path.name[0] in "._":
            continue
        with open(path, newline="") as file:
            rows += list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file]
    return rows


def tumbling(ts, size):
    """[start, end) of the window."""
    start = ts // size * size
    return start, start + size


def plain(value):
    """Sums of floats depend on their order in the last digits, and CSV knows only texts."""
    try:
        return value if isinstance(value, bool) else float(f"{float(value):.10g}")
    except (TypeError, ValueError):
        return value


def differences(expected, got):
    """How two bags of rows differ, in a few lines; empty if they do not."""

    def bag(rows):
        return collections.Counter(tuple((key, plain(value)) for key, value in row.items()) for row in rows)

    want, have = bag(expected), bag(got)
    missing, more = want - have, have - want
    if not missing and not more:
        return []
    texts = [f"{len(got)} rows instead of {len(expected)}"]
    texts += [f"missing: {dict(row)}" for row in sorted(missing, key=str)[:3]]
    texts += [f"not expected: {dict(row)}" for row in sorted(more, key=str)[:3]]
    return texts


def compare(expected, out, without=()):
    """Problems of a run's output directory, `expected` being {name: rows}; some fields may be left out of it."""
    found = []
    for name, rows in expected.items():
        got = [{key: value for key, value in row.items() if key not in without} for row in written(out, name)]
        found += [f"{name}: {text}" for text in differences(rows, got)]
    extra = {path.name for path in pathlib.Path(out).iterdir()} - set(expected)
    return found + [f"{name}: nothing of that name is expected" for name in sorted(extra)]


def duration(text):
    """"15s", "200ms", "5min" in milliseconds."""
    units = {"ms": 1, "s": 1000, "min": 60000, "h": 3600000}
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    return int(number) * units[text[len(number) :].strip() or "ms"]


def main(compute, directories, durations=(), without=()):
    """The command: compute(**options) gives {name: rows}. `durations` are (option, default)."""
    parser = argparse.ArgumentParser()
    for name in directories:
        parser.add_argument(f"--{name}", required=True)
    for name, default in durations:
        parser.add_argument(f"--{name}", type=duration, default=duration(default))
    parser.add_argument("--out")
    options = vars(parser.parse_args())
    out = options.pop("out")
    expected = compute(**options)
    if out is None:
        for name, rows in expected.items():
            for row in rows:
                print(f"{name}> {json.dumps(row)}")
        return 0
    problems = compare(expected, out, without)
    for problem in problems:
        print(problem)
    if not problems:
        print(", ".join(f"{name}: {len(rows)} rows as expected" for name, rows in expected.items()))
    return 1 if problems else 0


def run(*args, **more):
    sys.exit(main(*args, **more))
