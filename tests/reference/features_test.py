"""host/training/features against indicators.py: features_test.py DUMP MARKET_CSV..."""

import inspect
import subprocess
import sys
import unittest

import numpy as np
import pandas as pd

import indicators

DUMP, MARKET = sys.argv[1], sys.argv[2:]
COLUMNS = ["open", "high", "low", "close", "volume"]
TOLERANCE = 1e-9

# Further parameters, beside each indicator's own defaults.
VARIANTS = {"rsi": [(2,), (5,)], "macd": [(3, 10, 16)], "bollingerbands": [(5, 1.5)], "adx": [(5,)],
            "stochastic": [(5, 5, 1)], "aroon": [(3,)], "ichimoku": [(3, 7, 12, 5)], "zigzag": [(0.01,)],
            "parabolicsar": [(0.01, 0.01, 0.1)], "supertrend": [(5, 1.0)], "fishertransform": [(3,)],
            "squeezeintensity": [(10, 1.0, 5, 2.0)], "simplemovingaverage": [(1,), (200,)]}


def walk(seed, count, flat=False):
    """A random walk with a range and a volume; `flat`: with stretches in which nothing moves."""
    chance = np.random.default_rng(seed)
    steps = chance.normal(0, 0.01, count)
    volume = chance.integers(0, 1000, count).astype(float)
    if flat:
        for start in range(10, count, 60):
            steps[start:start + 30] = 0
            volume[start:start + 30] = 0
    close = 100 * np.exp(steps.cumsum())
    opened = np.concatenate([[100.0], close[:-1]])
    spread = np.where(steps == 0, 0, np.abs(chance.normal(0, 0.3, count)))
    return pd.DataFrame({"open": opened, "high": np.maximum(opened, close) + spread,
                         "low": np.minimum(opened, close) - spread, "close": close, "volume": volume})


def read(path):
    bars = pd.read_csv(path, comment="#").iloc[:1500]
    bars.columns = [name.lower() for name in bars.columns]
    bars = bars.reindex(columns=COLUMNS)
    return bars.assign(volume=bars.volume.fillna(100.0)).reset_index(drop=True)


SERIES = {"walk": walk(1, 700), "flat": walk(2, 400, flat=True), "short": walk(3, 12),
          "two": walk(4, 2), "one": walk(5, 1)}


class Dump:
    """The C side: a command in, columns out."""

    def __init__(self, bars):
        self.rows = len(bars)
        self.process = subprocess.Popen([DUMP, str(self.rows)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        for name in COLUMNS:
            self.process.stdin.write(bars[name].to_numpy(dtype="<f8").tobytes())

    def ask(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()
        head = self.process.stdout.readline().decode().split()
        if not head or head[0] == "error":
            raise AssertionError("%s: %s" % (words, head))
        return {name: np.frombuffer(self.process.stdout.read(8 * self.rows), "<f8") for name in head}

    def names(self):
        self.process.stdin.write(b"list\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().split()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


class FeaturesTest(unittest.TestCase):
    def check(self, name, got, want):
        want = np.asarray(want, dtype=float)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=name)
        there = ~np.isnan(want)
        scale = np.maximum(np.abs(want[there]), 1e-3 * np.max(np.abs(want[there]), initial=0))
        wrong = np.abs(got[there] - want[there]) > TOLERANCE * scale + 1e-12
        self.assertFalse(wrong.any(), "%s: row %s: %r is not %r" % (
            name, np.flatnonzero(there)[wrong][:3], got[there][wrong][:3], want[there][wrong][:3]))

    def each(self):
        for name, bars in list(SERIES.items()) + [(path, read(path)) for path in MARKET]:
            dump = Dump(bars)
            yield name, bars, dump
            self.assertEqual(dump.close(), 0)

    def functions(self):
        for name, function in vars(indicators).items():
            takes = list(inspect.signature(function).parameters) if inspect.isfunction(function) else []
            if takes[:1] == ["bars"] and name not in ("true_range", "typical", "money_flow") and \
                    not name.startswith("label_"):
                yield name, function

    def test_there_is_a_reference_for_each(self):
        dump = Dump(SERIES["one"])
        self.assertEqual(dump.names(), sorted(name for name, _ in self.functions()))
        dump.close()

    def test_indicators(self):
        for series, bars, dump in self.each():
            for name, function in self.functions():
                defaults = tuple(p.default for p in list(
                    inspect.signature(function).parameters.values())[1:])
                for parameters in [defaults] + VARIANTS.get(name, []):
                    got, want = dump.ask("indicator", name, *parameters), function(bars, *parameters)
                    self.assertEqual(list(got), list(want))
                    for output in want:
                        self.check("%s %s%s %s" % (series, name, parameters, output), got[output],
                                   want[output])

    def test_memberships(self):
        for series, bars, dump in self.each():
            middle = float(np.median(bars.close))
            for shape, parameters in [
                    ("triangular", (middle * 0.9, middle, middle * 1.1)),
                    ("triangular", (middle, middle, middle * 1.1)),
                    ("trapezoidal", (middle * 0.9, middle * 0.95, middle, middle * 1.2)),
                    ("gaussian", (middle, middle * 0.02)), ("sigmoid", (middle, 50 / middle))]:
                got = dump.ask("membership", shape, *map(repr, parameters))["membership"]
                want = getattr(indicators, shape)(bars.close.to_numpy(), *parameters)
                self.check("%s %s" % (series, shape), got, want)

    def test_labels(self):
        for series, bars, dump in self.each():
            for threshold in (0.05, 0.01):
                self.check("%s zigzag" % series, dump.ask("labels", "zigzag", threshold)["labels"],
                           indicators.label_zigzag(bars, threshold))
            for horizon in (1, 5):
                self.check("%s return" % series, dump.ask("labels", "forward_return", horizon)["labels"],
                           indicators.label_forward_return(bars, horizon))
            for row in [(2.0, 1.5, 50, 50, "atr"), (1.0, 1.0, 10, 5, "close"), (3.0, 0.5, 3, 4, "atr")]:
                self.check("%s barrier %s" % (series, row),
                           dump.ask("labels", "triple_barrier", *row)["labels"],
                           indicators.label_triple_barrier(bars, *row))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
