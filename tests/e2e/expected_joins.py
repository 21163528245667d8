#!/usr/bin/env python3
"""What examples/joins gives on files, as long as nothing comes later than it may."""

import collections

import expected


def pair(trade, price):
    return {"symbol": trade["symbol"], "trade_ts": trade["ts"], "price_ts": price["ts"], "paid": trade["price"], "price": price["price"]}


def compute(trades, prices, window=5000, before=2000, after=1000):
    trades, prices = expected.rows_of(trades), expected.rows_of(prices)
    of_symbol, groups = collections.defaultdict(list), collections.defaultdict(lambda: ([], []))
    for price in prices:
        of_symbol[price["symbol"]].append(price)
    for side, rows in enumerate((trades, prices)):
        for row in rows:
            groups[row["symbol"], *expected.tumbling(row["ts"], window)][side].append(row)
    return {
        "interval": [pair(t, p) for t in trades for p in of_symbol[t["symbol"]] if t["ts"] - before <= p["ts"] <= t["ts"] + after],
        "window": [pair(t, p) for in_trades, in_prices in groups.values() for t in in_trades for p in in_prices],
        "co-group": [
            {"symbol": symbol, "window_start": start, "window_end": end, "trades": len(in_trades), "prices": len(in_prices)}
            for (symbol, start, end), (in_trades, in_prices) in groups.items()
        ],
    }


if __name__ == "__main__":
    expected.run(compute, ["trades", "prices"], [("window", "5s"), ("before", "2s"), ("after", "1s")])
