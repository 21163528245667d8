#!/usr/bin/env python3
"""What examples/async-enrich gives, if every question is answered but those about `hang`."""

import zlib

import expected

SECTORS = ["banks", "energy", "health", "machines", "retail"]  # as examples/async-enrich/server.py has them


def details(symbol, hang):
    if symbol.startswith("X") or symbol == hang:
        return {"name": None, "sector": None}
    return {"name": f"{symbol} Corporation", "sector": SECTORS[zlib.crc32(symbol.encode()) % len(SECTORS)]}


def compute(hang="", **options):
    return {"enriched": [{**trade, **details(trade["symbol"], hang)} for trade in expected.rows_of(options["in"])]}


if __name__ == "__main__":
    expected.run(compute, ["in"])
