#!/usr/bin/env python3
"""What examples/iot gives on files in event time, as long as nothing comes later than it may."""

import collections
import json

import expected

RANGES = {"temperature": (-50, 60), "humidity": (0, 100), "pressure": (300, 1100)}


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def sort_out(lines):
    """(readings, records of errors): a line that is no reading is itself the record, else the device."""
    readings, errors = [], []
    for line in lines:
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or not all(row.get(name) is None or is_number(row[name]) for name in [*RANGES, "event_timestamp"]):
                raise ValueError(line)
        except ValueError:
            errors.append(line)
            continue
        complete = row.get("device_id") is not None and row.get("event_timestamp") is not None
        if complete and all(row.get(name) is not None and low <= row[name] <= high for name, (low, high) in RANGES.items()):
            readings.append(row)
        else:
            errors.append(row.get("device_id") or "")
    return readings, errors


def stats(readings, size):
    groups = collections.defaultdict(list)
    for row in readings:
        groups[row["device_id"], *expected.tumbling(row["event_timestamp"], size)].append(row)
    for (device, start, end), rows in groups.items():
        result = {"device_id": device, "window_start": start, "window_end": end, "count": len(rows)}
        for name in RANGES:
            values = [row[name] for row in rows]
            result |= {f"{name}_min": min(values), f"{name}_max": max(values), f"{name}_avg": sum(values) / len(values)}
        yield result


def compute(**options):
    """Why a record is an error is said in words that are not computed here."""
    readings, errors = sort_out(expected.lines_of(options["in"]))
    return {"stats": list(stats(readings, options.get("window", 5000))), "errors": [{"record": record} for record in errors]}


if __name__ == "__main__":
    expected.run(compute, ["in"], [("window", "5s")], without=["reason"])
