#!/usr/bin/env python3
"""Jobs under random failures write exactly what they write without: see campaign.py."""

import collections

import cluster as kit
import expected
import expected_clicks
import expected_joins
import expected_portfolio
from campaign import Campaign

ALIGNED = {}
# Shrinks at once when slots are missing (a TaskManager that was killed is back a little later), and grows back as soon as it can.
ADAPTIVE = {
    "jobmanager.scheduler": "adaptive",
    "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout": "0 ms",
    "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout": "0 ms",
    "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling": "0 ms",
}


class OnTrades(Campaign):
    """Jobs over trades of a quarter of an hour or more, up to 15 s out of order."""

    trades = 20000

    def prepare(self):
        self.input = kit.gen("trades", self.dir / "trades", seed=7, count=self.trades, rate=10, symbols=60, files=8)
        rows = expected.rows_of(self.input)
        self.slow_from = rows[len(rows) * 3 // 4]["ts"]

    def job_args(self, a_round):
        return ["--trades", self.input, "--out", a_round.out, "--bounded", "--slow-from", self.slow_from]


class Portfolio(OnTrades):
    job_name = "campaign_portfolio.c"

    def prepare(self):
        super().prepare()
        self.prices = kit.gen("prices", self.dir / "prices", seed=7, count=500, rate=1, symbols=50, files=3)
        self.want = expected_portfolio.compute(self.input, self.prices)

    def job_args(self, a_round):
        return [*super().job_args(a_round), "--prices", self.prices]

    def problems(self, out):
        return expected.compare(self.want, out)

    def test_portfolio(self):
        self.campaign(ALIGNED)


class Windows(OnTrades):
    job_name = "campaign_windows.c"

    def prepare(self):
        super().prepare()
        self.want = windows_of(expected.rows_of(self.input))

    def problems(self, out):
        return expected.compare(self.want, out)

    def test_windows(self):
        self.campaign(ALIGNED)


def windows_of(trades):
    """What campaign_windows.c gives, from all trades at once: none is late."""
    by_symbol = collections.defaultdict(list)
    for trade in trades:
        by_symbol[trade["symbol"]].append(trade)
    want = {name: [] for name in ("tumbling", "sliding", "sessions", "last", "counted")}
    for symbol, rows in by_symbol.items():
        of_window = collections.defaultdict(list)
        for row in rows:
            of_window["tumbling", expected.tumbling(row["ts"], 30000)].append(row)
            of_window["last", expected.tumbling(row["ts"], 60000)].append(row)
            newest = row["ts"] // 5000 * 5000
            for start in range(newest, newest - 30000, -5000):
                of_window["sliding", (start, start + 30000)].append(row)
        for window, members in sessions_of(rows, 8000):
            of_window["sessions", window] = members
        for (name, (start, end)), members in of_window.items():
            want[name].append(last_of(symbol, end, members) if name == "last" else sums_of(symbol, start, end, members))
        for i in range(0, len(rows) - 6, 7):
            want["counted"].append({"symbol": symbol, "n": 7, "quantity": sum(row["quantity"] for row in rows[i : i + 7])})
    return want


def sums_of(symbol, start, end, rows):
    return {"symbol": symbol, "window_start": start, "window_end": end, "n": len(rows), "quantity": sum(row["quantity"] for row in rows)}


def last_of(symbol, end, rows):
    """The last three in the order of their arrival."""
    kept, quantity = rows[-3:], 0
    for row in kept:
        quantity = 31 * quantity + row["quantity"]
    return {"symbol": symbol, "window_end": end, "n": len(kept), "first_ts": kept[0]["ts"], "quantity": quantity}


def sessions_of(rows, gap):
    parts = []
    for row in sorted(rows, key=lambda row: row["ts"]):
        if parts and row["ts"] - parts[-1][-1]["ts"] <= gap:
            parts[-1].append(row)
        else:
            parts.append([row])
    return [((part[0]["ts"], part[-1]["ts"] + gap), part) for part in parts]


class Clicks(Campaign):
    job_name = "campaign_clicks.c"

    def prepare(self):
        self.input = kit.gen("clicks", self.dir / "clicks", seed=6, count=16000, rate=2, keys=150, files=5)
        rows = expected.rows_of(self.input)
        self.slow_from = rows[len(rows) * 3 // 4]["ts"]
        self.want = expected_clicks.compute(**{"in": self.input})

    def job_args(self, a_round):
        return ["--in", self.input, "--out", a_round.out, "--bounded", "--slow-from", self.slow_from]

    def problems(self, out):
        return expected.compare(self.want, out)

    def test_clicks(self):
        self.campaign(ALIGNED)


class Joins(OnTrades):
    job_name = "campaign_joins.c"
    trades = 12000

    def prepare(self):
        super().prepare()
        self.prices = kit.gen("prices", self.dir / "prices", seed=4, count=12000, rate=10, symbols=60, files=3)
        self.want = expected_joins.compute(self.input, self.prices)

    def job_args(self, a_round):
        return [*super().job_args(a_round), "--prices", self.prices]

    def problems(self, out):
        return expected.compare(self.want, out)

    def test_joins(self):
        self.campaign(ALIGNED, ADAPTIVE)


class LargeState(Campaign):
    """Some 100 000 keys; the source has as many subtasks as everything else."""

    job_name, pause_us = "campaign_state.c", 500
    keys, numbers = 200000, 270000

    def prepare(self):
        pass

    def job_args(self, a_round):
        pacing = ["--fast-until", self.keys, "--slow-from", self.keys + (self.numbers - self.keys) * 3 // 4]
        return ["--keys", self.keys, "--numbers", self.numbers, "--out", a_round.out / "results", *pacing]

    def problems(self, out):
        visits, sums, listed = collections.Counter(), collections.Counter(), collections.Counter()
        want = []
        for n in range(self.numbers):
            key = n * 7919 % self.keys
            visits[key] += 1
            sums[key] = sums[key] * 3 + n
            listed[key] += n if key % 16 == 0 else 0
            if n >= self.keys:
                want.append({"id": n, "key": key, "visits": visits[key], "sum": sums[key], "listed": self.all_listed(listed, key)})
        return expected.compare({"results": want}, out)

    @staticmethod
    def all_listed(listed, key):
        return listed[key] if key % 16 == 0 else 0

    def test_large_state(self):
        self.campaign(ALIGNED)


if __name__ == "__main__":
    kit.main()
