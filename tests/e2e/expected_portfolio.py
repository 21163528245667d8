#!/usr/bin/env python3
"""What examples/portfolio gives on files, with one reader and a watermark after each record."""

import collections
import heapq

import expected

NEVER = float("inf")


def signed(trade):
    return trade["quantity"] if trade["side"] == "buy" else -trade["quantity"]


def with_watermarks(trades, bound):
    """(trade, watermark before it, watermark behind it); at last (None, watermark, infinity)."""
    before, latest = -NEVER, -NEVER
    for trade in trades:
        latest = max(latest, trade["ts"])
        yield trade, before, latest - bound - 1
        before = latest - bound - 1
    yield None, before, NEVER


def positions(trades):
    net, rows = collections.Counter(), []
    for trade in trades:
        net[trade["symbol"]] += signed(trade)
        rows.append({"symbol": trade["symbol"], "ts": trade["ts"], "net_qty": net[trade["symbol"]]})
    return rows


def notional(trades, bound, size, lateness):
    """Firings and late trades."""
    windows, waiting, fired, late = {}, set(), [], []

    def fire(window):
        symbol, end = window
        net_qty, amount = windows[window]
        fired.append({"symbol": symbol, "window_start": end - size, "window_end": end, "net_qty": net_qty, "notional": amount})

    for trade, before, behind in with_watermarks(trades, bound):
        if trade is not None:
            _, end = expected.tumbling(trade["ts"], size)
            if end - 1 + lateness <= before:
                late.append(trade)
            else:
                window = trade["symbol"], end
                net_qty, amount = windows.get(window, (0, 0.0))
                windows[window] = net_qty + signed(trade), amount + trade["quantity"] * trade["price"]
                if end - 1 <= before:
                    fire(window)
                else:
                    waiting.add(window)
        if behind > before:
            for window in [w for w in waiting if w[1] - 1 <= behind]:
                fire(window)
                waiting.remove(window)
    return fired, late


def market_value(trades, prices):
    """A bounded run knows all prices before it values the first trade."""
    newest = {price["symbol"]: price["price"] for price in prices}
    rows = []
    for trade in trades:
        price = newest.get(trade["symbol"], trade["price"])
        row = {"symbol": trade["symbol"], "ts": trade["ts"], "delta": signed(trade), "price": price, "value": signed(trade) * price}
        rows.append({**row, "fallback": trade["symbol"] not in newest})
    return rows


def alerts(trades, bound, horizon):
    last_seen, timers, rows = {}, [], []
    for trade, before, behind in with_watermarks(trades, bound):
        if trade is not None:
            last_seen[trade["symbol"]] = trade["ts"]  # whatever came before: a trade may be older than the last one
            if (timer := (trade["ts"] + horizon, trade["symbol"])) not in timers:
                heapq.heappush(timers, timer)
        while behind > before and timers and timers[0][0] <= behind:
            ts, symbol = heapq.heappop(timers)
            if ts >= last_seen[symbol] + horizon:
                rows.append({"symbol": symbol, "ts": ts})
    return rows


def compute(trades, prices, out_of_orderness=15000, window=30000, lateness=15000, horizon=20000):
    trades, prices = expected.rows_of(trades), expected.rows_of(prices)
    fired, late = notional(trades, out_of_orderness, window, lateness)
    return {
        "positions": positions(trades),
        "notional": fired,
        "late": late,
        "market-value": market_value(trades, prices),
        "alerts": alerts(trades, out_of_orderness, horizon),
    }


if __name__ == "__main__":
    durations = [("out-of-orderness", "15s"), ("window", "30s"), ("lateness", "15s"), ("horizon", "20s")]
    expected.run(compute, ["trades", "prices"], durations)
