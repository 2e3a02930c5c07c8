"""Series of made-up bars with numbers that are hard to carry."""

import datetime
import os
import random


def awkward_bar(generator):
    """Four ordered prices that round badly."""
    kind = generator.randrange(4)
    if kind == 0:  # all bits of the mantissa
        prices = [generator.uniform(1e-7, 1e7) for _ in range(4)]
    elif kind == 1:  # sums that are no short decimal
        prices = [generator.randrange(1, 1000) * 0.1 + 0.2 for _ in range(4)]
    elif kind == 2:  # far from 1
        prices = [generator.random() * 10.0 ** generator.randrange(-12, 13) for _ in range(4)]
    else:  # below zero, as crude oil was
        prices = [-37.63 + generator.random() for _ in range(4)]
    low, one, other, high = sorted(prices)
    return one, high, low, other


def write(path, first, step_s, count, seed):
    """A CSV of so many bars without a gap, from midnight of the day `first` on."""
    generator = random.Random(seed)
    start = datetime.datetime.fromisoformat(first)
    with open(path, "w") as file:
        file.write("time_utc,open,high,low,close,volume\n")
        for i in range(count):
            time = (start + datetime.timedelta(seconds=i * step_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
            volume = generator.choice([0, 1, 0.5, 1e15 + 1, generator.random() * 1e6])
            numbers = [*awkward_bar(generator), volume]
            file.write(",".join([time, *map(repr, numbers)]) + "\n")


class LongSeries:
    """LONG 1h: 20 segments of a load, so that there is a middle in which to interfere."""

    SYMBOL, TIMEFRAME, FROM, TO = "LONG", "1h", "2018-01-01", "2022-10-01"
    LOAD = ["data", "load", SYMBOL, TIMEFRAME, "--from", FROM, "--to", TO]
    REQUEST = {"symbol": SYMBOL, "timeframe": TIMEFRAME, "from": FROM + "T00:00:00Z",
               "to": TO + "T00:00:00Z"}

    def __init__(self, directory):
        self.market = directory
        os.mkdir(directory)
        self.path = os.path.join(directory, "LONG-1h.csv")
        days = datetime.date.fromisoformat(self.TO) - datetime.date.fromisoformat(self.FROM)
        write(self.path, self.FROM, 3600, days.days * 24, seed=3)
