"""pandas' side of :features: what a user of pandas would write, without a Python loop; prints bars a second."""

import os
import statistics
import time

import numpy as np
import pandas as pd

SMOKE = "MILLRACE_TEST_SMOKE" in os.environ  # as tests/bench/measure.h says
BARS, ROUNDS = (5000, 1) if SMOKE else (200000, 3)


def make_bars():
    chance = np.random.default_rng(1)
    close = 100 * np.cumprod(1 + 0.001 * (chance.random(BARS) - 0.5))
    opened = np.concatenate([[100.0], close[:-1]])
    return pd.DataFrame({"open": opened, "high": np.maximum(opened, close) * 1.0005,
                         "low": np.minimum(opened, close) * 0.9995, "close": close})


def smooth(values, period):
    return values.ewm(alpha=1 / period, adjust=False).mean()


def compute(bars):
    close, high, low = bars.close, bars.high, bars.low
    out = [close.rolling(20).mean(), close.ewm(span=20, adjust=False).mean()]
    change = close.diff()
    rsi = 100 - 100 / (1 + smooth(change.clip(lower=0), 14) / smooth(-change.clip(upper=0), 14))
    line = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    signal = line.ewm(span=9, adjust=False).mean()
    middle, spread = close.rolling(20).mean(), close.rolling(20).std()
    before = close.shift(1)
    wide = np.maximum(high - low, np.maximum((high - before).abs(), (low - before).abs()))
    top, bottom = high.rolling(14).max(), low.rolling(14).min()
    k = (100 * (close - bottom) / (top - bottom)).rolling(3, min_periods=1).mean()
    rise, fall = high.diff(), -low.diff()
    up, down = rise.where((rise > fall) & (rise > 0), 0.0), fall.where((fall > rise) & (fall > 0), 0.0)
    ranges = smooth(wide, 14)
    plus, minus = 100 * smooth(up, 14) / ranges, 100 * smooth(down, 14) / ranges
    out += [rsi, line, signal, line - signal, middle + 2 * spread, middle, middle - 2 * spread,
            wide.rolling(14).mean(), k, k.rolling(3, min_periods=1).mean(), plus, minus,
            smooth(100 * (plus - minus).abs() / (plus + minus), 14), high.rolling(20).max(),
            low.rolling(20).min(), 100 * close.pct_change(10)]
    x = rsi.to_numpy()
    for m in range(12):
        a, b, c = 8.0 * m - 20, 8.0 * m, 8.0 * m + 20
        out.append(np.maximum(0, np.minimum((x - a) / (b - a), (c - x) / (c - b))))
    return out


bars, rates = make_bars(), []
for _ in range(ROUNDS):
    start = time.monotonic()
    compute(bars)
    rates.append(BARS / (time.monotonic() - start))
print("%.1f" % statistics.median(rates))
