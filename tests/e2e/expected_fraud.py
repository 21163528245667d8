#!/usr/bin/env python3
"""What examples/fraud gives on files read by one reader, as long as nothing comes later than it may."""

import collections

import expected


def compute(**options):
    limit, window = options.get("limit", 5), options.get("window", 60000)
    recent, rows = collections.defaultdict(list), []
    for transaction in expected.rows_of(options["in"]):
        user, ts = transaction["user_id"], transaction["ts"]
        recent[user] = [t for t in recent[user] if t >= ts - window] + [ts]
        if len(recent[user]) > limit:
            rows.append({"user_id": user, "ts": ts, "count": len(recent[user]), "last_amount": transaction["amount"]})
    return {"fraud": rows}


if __name__ == "__main__":
    expected.run(compute, ["in"], [("window", "60s")])
