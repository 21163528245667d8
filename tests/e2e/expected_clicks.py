#!/usr/bin/env python3
"""What examples/clicks gives on files, as long as nothing comes later than it may: then the order of clicks means nothing."""

import collections

import expected


def sessions(user, times, gap):
    """Clicks at most the gap apart belong together."""
    times, parts = sorted(times), []
    for ts in times:
        if parts and ts - parts[-1][-1] <= gap:
            parts[-1].append(ts)
        else:
            parts.append([ts])
    for part in parts:
        start, end = part[0], part[-1] + gap
        yield {"user_id": user, "start": start, "end": end, "duration_s": (end - start) / 1000, "activity_s": (part[-1] - start) / 1000}


def compute(**options):
    size, gap = options.get("window", 300000), options.get("gap", 600000)
    counts, times = collections.Counter(), collections.defaultdict(list)
    for click in expected.rows_of(options["in"]):
        counts[click["user_id"], expected.tumbling(click["ts"], size)[1]] += 1
        times[click["user_id"]].append(click["ts"])
    clicks = [{"user_id": user, "window_end": end, "count": count} for (user, end), count in counts.items()]
    return {
        "clicks": clicks,
        "clicks-window": clicks,
        "sessions": [session for user in times for session in sessions(user, times[user], gap)],
    }


if __name__ == "__main__":
    expected.run(compute, ["in"], [("window", "5min"), ("gap", "10min")])
