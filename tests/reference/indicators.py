"""Indicators, memberships and labels from their published formulas, in pandas: slow and plain.

Written for comparison with host/training/features: each function takes a DataFrame with columns open, high, low, close,
volume and the parameters by name, and returns {output: Series}.
"""

import numpy as np
import pandas as pd


# ---- pieces ----

def true_range(bars):
    before = bars.close.shift(1)
    return pd.concat([bars.high - bars.low, (bars.high - before).abs(), (bars.low - before).abs()],
                     axis=1).max(axis=1)


def typical(bars):
    return (bars.high + bars.low + bars.close) / 3


def ema(values, period):
    return values.ewm(span=period, adjust=False).mean()


def ratio(part, whole, otherwise):
    """part / whole; `otherwise` where whole is 0, missing where either is."""
    safe = part / whole.where(whole != 0, 1.0)
    return safe.where(whole != 0, otherwise).where(part.notna() & whole.notna())


# ---- indicators ----

def simplemovingaverage(bars, period=20):
    return {"sma": bars.close.rolling(period).mean()}


def exponentialmovingaverage(bars, period=20):
    return {"ema": ema(bars.close, period)}


def weightedmovingaverage(bars, period=20):
    weights = np.arange(1, period + 1) / (period * (period + 1) / 2)
    return {"wma": bars.close.rolling(period).apply(lambda window: (window * weights).sum(), raw=True)}


def momentum(bars, period=10):
    return {"momentum": bars.close.diff(period)}


def roc(bars, period=10):
    return {"roc": 100 * bars.close.pct_change(period)}


def rsi(bars, period=14):
    change = bars.close.diff()
    gains, losses = change.clip(lower=0).to_numpy(), (-change).clip(lower=0).to_numpy()
    out = np.full(len(bars), np.nan)
    if len(bars) > period:
        up, down = gains[1:period + 1].mean(), losses[1:period + 1].mean()
        for i in range(period, len(bars)):
            if i > period:
                up = (up * (period - 1) + gains[i]) / period
                down = (down * (period - 1) + losses[i]) / period
            out[i] = (50 if up == 0 else 100) if down == 0 else 100 - 100 / (1 + up / down)
    return {"rsi": pd.Series(out)}


def cci(bars, period=20):
    price = typical(bars)
    spread = price.rolling(period).apply(lambda w: np.abs(w - w.mean()).mean(), raw=True)
    mean = price.rolling(period).apply(np.mean, raw=True)
    spread = spread.where(spread > 1e-12 * mean.abs(), 0.0).where(mean.notna())
    return {"cci": ratio(price - mean, 0.015 * spread, 0.0)}


def williamsr(bars, period=14):
    top, bottom = bars.high.rolling(period).max(), bars.low.rolling(period).min()
    return {"williamsr": ratio(-100 * (top - bars.close), top - bottom, -50.0)}


def stochastic(bars, k_period=14, d_period=3, smooth_k=3):
    top, bottom = bars.high.rolling(k_period).max(), bars.low.rolling(k_period).min()
    raw = ratio(100 * (bars.close - bottom), top - bottom, 50.0)
    k = raw.rolling(smooth_k, min_periods=1).mean()
    return {"k": k, "d": k.rolling(d_period, min_periods=1).mean()}


def symmetric(values):
    return (values + 2 * values.shift(1) + 2 * values.shift(2) + values.shift(3)) / 6


def rvi(bars, period=10):
    up = symmetric(bars.close - bars.open).rolling(period).mean()
    wide = symmetric(bars.high - bars.low).rolling(period).mean()
    value = ratio(up, wide, 0.0)
    return {"rvi": value, "signal": symmetric(value)}


def fishertransform(bars, period=10):
    median = (bars.high + bars.low) / 2
    top, bottom = median.rolling(period).max(), median.rolling(period).min()
    place = ratio(median - bottom, top - bottom, 0.5) - 0.5
    out, x, fisher = np.full(len(bars), np.nan), 0.0, 0.0
    for i, p in enumerate(place):
        if np.isnan(p):
            continue
        x = min(0.999, max(-0.999, 0.33 * 2 * p + 0.67 * x))
        fisher = 0.5 * np.log((1 + x) / (1 - x)) + 0.5 * fisher
        out[i] = fisher
    return {"fisher": pd.Series(out), "signal": pd.Series(out).shift(1)}


def aroon(bars, period=14):
    def since(values, best):
        # Of equal extremes the newest: look from the end.
        return values.rolling(period + 1).apply(lambda w: best(w[::-1]), raw=True)

    up = 100 * (period - since(bars.high, np.argmax)) / period
    down = 100 * (period - since(bars.low, np.argmin)) / period
    return {"up": up, "down": down, "oscillator": up - down}


def atr(bars, period=14):
    return {"atr": true_range(bars).rolling(period).mean()}


def bollingerbands(bars, period=20, multiplier=2.0):
    middle, spread = bars.close.rolling(period).mean(), bars.close.rolling(period).apply(
        lambda w: w.std(ddof=1), raw=True)
    return {"upper": middle + multiplier * spread, "middle": middle,
            "lower": middle - multiplier * spread}


def bollingerbandwidth(bars, period=20, multiplier=2.0):
    middle, spread = bars.close.rolling(period).mean(), bars.close.rolling(period).apply(
        lambda w: w.std(ddof=1), raw=True)
    return {"width": 2 * multiplier * spread / middle}


def keltnerchannels(bars, period=20, atr_period=10, multiplier=2.0):
    middle, spread = ema(bars.close, period), true_range(bars).rolling(atr_period).mean()
    return {"upper": middle + multiplier * spread, "middle": middle,
            "lower": middle - multiplier * spread}


def donchianchannels(bars, period=20):
    top, bottom = bars.high.rolling(period).max(), bars.low.rolling(period).min()
    return {"upper": top, "middle": (top + bottom) / 2, "lower": bottom}


def supertrend(bars, period=10, multiplier=3.0):
    middle, spread = (bars.high + bars.low) / 2, true_range(bars).rolling(period).mean()
    value, way = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
    upper = lower = None
    direction = 1
    for i in range(len(bars)):
        if np.isnan(spread[i]):
            continue
        new_upper, new_lower = middle[i] + multiplier * spread[i], middle[i] - multiplier * spread[i]
        before = bars.close[i - 1] if i > 0 else np.nan
        upper = new_upper if upper is None or new_upper < upper or before > upper else upper
        lower = new_lower if lower is None or new_lower > lower or before < lower else lower
        if bars.close[i] > upper:
            direction = 1
        if bars.close[i] < lower:
            direction = -1
        value[i], way[i] = (lower if direction > 0 else upper), direction
    return {"supertrend": pd.Series(value), "direction": pd.Series(way)}


def macd(bars, fast_period=12, slow_period=26, signal_period=9):
    line = ema(bars.close, fast_period) - ema(bars.close, slow_period)
    signal = ema(line, signal_period)
    return {"line": line, "signal": signal, "histogram": line - signal}


def adx(bars, period=14):
    rise, fall = bars.high.diff().fillna(0), -bars.low.diff().fillna(0)
    up = rise.where((rise > fall) & (rise > 0), 0.0)
    down = fall.where((fall > rise) & (fall > 0), 0.0)

    def smooth(values):
        return values.ewm(alpha=1 / period, adjust=False).mean()

    wide = smooth(true_range(bars))
    plus, minus = 100 * ratio(smooth(up), wide, 0.0), 100 * ratio(smooth(down), wide, 0.0)
    return {"adx": smooth(100 * ratio((plus - minus).abs(), plus + minus, 0.0)),
            "plus_di": plus, "minus_di": minus}


def parabolicsar(bars, initial=0.02, increment=0.02, maximum=0.2):
    high, low, close = bars.high.to_numpy(), bars.low.to_numpy(), bars.close.to_numpy()
    out = np.full(len(bars), np.nan)
    if len(bars) < 2:
        return {"sar": pd.Series(out)}
    long = close[1] >= close[0]
    stop, best, speed = (low[0], high[0], initial) if long else (high[0], low[0], initial)
    for i in range(1, len(bars)):
        stop = stop + speed * (best - stop)
        recent = [i - 1] + ([i - 2] if i > 1 else [])
        if long:
            stop = min([stop] + [low[k] for k in recent])
            if low[i] < stop:
                long, stop, best, speed = False, best, low[i], initial
            elif high[i] > best:
                best, speed = high[i], min(speed + increment, maximum)
        else:
            stop = max([stop] + [high[k] for k in recent])
            if high[i] > stop:
                long, stop, best, speed = True, best, high[i], initial
            elif low[i] < best:
                best, speed = low[i], min(speed + increment, maximum)
        out[i] = stop
    return {"sar": pd.Series(out)}


def ichimoku(bars, tenkan_period=9, kijun_period=26, senkou_b_period=52, displacement=26):
    def middle(period):
        return (bars.high.rolling(period).max() + bars.low.rolling(period).min()) / 2

    tenkan, kijun = middle(tenkan_period), middle(kijun_period)
    return {"tenkan_sen": tenkan, "kijun_sen": kijun,
            "senkou_span_a": ((tenkan + kijun) / 2).shift(displacement),
            "senkou_span_b": middle(senkou_b_period).shift(displacement)}


def obv(bars):
    return {"obv": (np.sign(bars.close.diff().fillna(0)) * bars.volume).cumsum()}


def vwap(bars, period=20):
    price = typical(bars)
    paid, traded = (price * bars.volume).rolling(period).apply(np.sum, raw=True), \
        bars.volume.rolling(period).apply(np.sum, raw=True)
    value = paid / traded.where(traded != 0)
    return {"vwap": value.where(traded != 0, price).where(traded.notna())}


def mfi(bars, period=14):
    price = typical(bars)
    flow, change = price * bars.volume, price.diff()
    into = flow.where(change > 0, 0.0).where(change.notna())
    out = flow.where(change < 0, 0.0).where(change.notna())
    into, out = (x.rolling(period).apply(np.sum, raw=True) for x in (into, out))
    return {"mfi": ratio(100 * into, into + out, 50.0)}


def money_flow(bars):
    wide = bars.high - bars.low
    return ratio((bars.close - bars.low) - (bars.high - bars.close), wide, 0.0) * bars.volume


def cmf(bars, period=20):
    flow, traded = (x.rolling(period).apply(np.sum, raw=True) for x in (money_flow(bars), bars.volume))
    return {"cmf": ratio(flow, traded, 0.0)}


def accumulationdistribution(bars):
    return {"ad": money_flow(bars).cumsum()}


def volumeratio(bars, period=20):
    return {"ratio": ratio(bars.volume, bars.volume.rolling(period).apply(np.mean, raw=True), 1.0)}


def distancefromma(bars, period=20):
    mean = bars.close.rolling(period).mean()
    return {"distance": 100 * (bars.close - mean) / mean}


def squeezeintensity(bars, bb_period=20, bb_multiplier=2.0, kc_period=20, kc_multiplier=1.5):
    band = bb_multiplier * bars.close.rolling(bb_period).apply(lambda w: w.std(ddof=1), raw=True)
    channel = kc_multiplier * true_range(bars).rolling(kc_period).apply(np.mean, raw=True)
    within = 1 - band / channel.where(channel != 0)
    return {"intensity": within.clip(0, 1).where(channel != 0, 0.0).where(
        band.notna() & channel.notna())}


def zigzag(bars, threshold=0.05):
    """The last extreme that a turn has confirmed, as it was known at each bar."""
    prices = bars.close.to_numpy()
    out = np.full(len(prices), np.nan)
    way, extreme, confirmed = 0, None, None
    for i, price in enumerate(prices):
        if extreme is None:
            extreme = confirmed = price
        change = price / extreme - 1
        if change <= -threshold and way >= 0:
            way, confirmed, extreme = -1, extreme, price
        elif change >= threshold and way <= 0:
            way, confirmed, extreme = 1, extreme, price
        elif (way > 0 and price > extreme) or (way < 0 and price < extreme):
            extreme = price
        out[i] = confirmed
    return {"zigzag": pd.Series(out)}


# ---- memberships ----

EPSILON = np.finfo(float).eps


def triangular(x, a, b, c):
    left, right = (x - a) / max(b - a, EPSILON), (c - x) / max(c - b, EPSILON)
    value = np.where((x > a) & (x < c), np.where(x < b, left, right), 0.0)
    return np.where(np.isnan(x), np.nan, np.where(x == b, 1.0, value))


def trapezoidal(x, a, b, c, d):
    flank = np.where(x < b, (x - a) / max(b - a, EPSILON), (d - x) / max(d - c, EPSILON))
    value = np.where((x > a) & (x < d), flank, 0.0)
    return np.where(np.isnan(x), np.nan, np.where((x >= b) & (x <= c), 1.0, value))


def gaussian(x, mu, sigma):
    return np.exp(-((x - mu) / sigma) ** 2 / 2)


def sigmoid(x, center, slope):
    return 1 / (1 + np.exp(-slope * (x - center)))


# ---- labels ----

BUY, HOLD, SELL = 0.0, 1.0, 2.0


def label_zigzag(bars, threshold):
    prices = bars.close.to_numpy()
    out = np.full(len(prices), HOLD)
    marks, way = [0], 0
    for i in range(1, len(prices)):
        last = prices[marks[-1]]
        change = (prices[i] - last) / last
        if way == 0:
            if abs(change) >= threshold:
                way = 1 if change > 0 else -1
                marks.append(i)
        elif (way == 1 and prices[i] > last) or (way == -1 and prices[i] < last):
            marks[-1] = i
        elif (way == 1 and change <= -threshold) or (way == -1 and change >= threshold):
            way = -way
            marks.append(i)
    for first, second in zip(marks, marks[1:]):
        out[first + 1:second] = BUY if prices[second] > prices[first] else SELL
    return out


def label_forward_return(bars, horizon):
    return (bars.close.shift(-horizon) - bars.close) / bars.close


def label_triple_barrier(bars, pt, sl, hold, span, method):
    if method == "atr":
        vol = true_range(bars).rolling(span).mean() / bars.close
    else:
        vol = bars.close.pct_change().rolling(span).apply(lambda w: w.std(ddof=1), raw=True)
    high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
    out = np.full(len(close), np.nan)
    for t in range(len(close) - hold):
        if np.isnan(vol[t]):
            continue
        top, bottom, sign = close[t] * (1 + pt * vol[t]), close[t] * (1 - sl * vol[t]), None
        for i in range(t + 1, t + hold + 1):
            if high[i] >= top and low[i] <= bottom:
                sign = 1 if close[i] >= close[t] else -1
            elif high[i] >= top:
                sign = 1
            elif low[i] <= bottom:
                sign = -1
            if sign is not None:
                break
        if sign is None:
            change = close[t + hold] / close[t] - 1
            sign = 0 if abs(change) < vol[t] * np.sqrt(hold) * 0.5 else (1 if change > 0 else -1)
        out[t] = {1: BUY, 0: HOLD, -1: SELL}[sign]
    return out
