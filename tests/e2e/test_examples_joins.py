#!/usr/bin/env python3
"""examples/joins against a computation of its own, at parallelism 1, 2 and 4 on two TaskManagers."""

import cluster as kit
import expected_joins
from test_examples_labs import Lab


class Joins(Lab):
    def test_three_kinds(self):
        trades = self.generated("trades", 1000, seed=4, count=1500, rate=10, backdated=0.2, backdate_max_ms=13000)
        prices = self.generated("prices", 14000, seed=4, count=1200, rate=10, symbols=12)
        want = expected_joins.compute(trades, prices)
        self.assertGreater(len(want["interval"]), 1000)
        self.assertGreater(len(want["window"]), 1000)
        for side in ("trades", "prices"):
            self.assertIn(0, {row[side] for row in want["co-group"]}, f"groups without {side}")
        self.check("joins", want, "--trades", trades, "--prices", prices)


if __name__ == "__main__":
    kit.main()
