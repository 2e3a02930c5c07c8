"""What is odd in a stored series is found: each kind, by its name, and as a slow twin of the rules finds it."""

import calendar
import csv
import math
import os
import random
import struct
import time
import unittest

import numpy

from http2 import DATA, HEADERS, INITIAL_WINDOW_SIZE, WINDOW_UPDATE, Peer, frame, message, request, setting
from mesh_processes import MARKET, MeshCase, file_rows, outcome
from training import DEFAULTS, STRATEGY

HOUR, DAY = 3600, 86400
FORM = "%Y-%m-%dT%H:%M:%SZ"


def seconds(text):
    return calendar.timegm(time.strptime(text, FORM))


def text_of(time_s):
    return time.strftime(FORM, time.gmtime(time_s))


def clean():
    return [[seconds(at), *numbers] for at, *numbers in file_rows(MARKET + "/EURUSD-1h.csv")]


def twin(rows, missing_most=2, may_be_negative=False):
    """The rules of market/examine.h by brute force: every return is sorted anew for every bar."""
    found, returns = [], []
    for i, (time_s, _, high, low, close, volume) in enumerate(rows):
        if i == 0:
            continue
        before = rows[i - 1]
        days = [day for day in range(before[0] // DAY + 1, time_s // DAY) if (day + 3) % 7 < 5]
        if len(days) > missing_most:
            found.append((before[0] + HOUR, "MISSING"))
        bound = 0.5 if len(returns) < 30 else max(50 * 1.4826 * numpy.sort(returns[-256:])[
            min(len(returns), 256) // 2], 0.1)
        farthest = max(abs(math.log(high / before[4])), abs(math.log(low / before[4])))
        if farthest > bound:
            found.append((time_s, "JUMP"))
        returns.append(abs(math.log(close / before[4])))
    i = 0
    while i < len(rows):
        k = i
        while k + 1 < len(rows) and rows[k + 1][4] == rows[i][4]:
            k += 1
        flat = "".join("=" if row[2] == row[3] else "|" for row in rows[i:k + 1])
        if k - i + 1 >= 20 or "=" * 10 in flat:
            found.append((rows[i][0], "REPEATED"))
        i = k + 1
    known = volumes = run = 0
    for i, row in enumerate(rows):
        if row[5] == 0 and (run > 0 or (known >= 30 and volumes / known >= 0.95)):
            run += 1
        else:
            if run >= 3:
                found.append((rows[i - run][0], "NO_VOLUME"))
            run = 0
            known += 1
            volumes += row[5] > 0
    if run >= 3:
        found.append((rows[-run][0], "NO_VOLUME"))
    return sorted(found)


class ValidateCase(MeshCase):
    def validate(self, symbol, timeframe, *flags):
        said = self.json("data", "validate", symbol, timeframe, *flags)
        summary = said.pop()["summary"]
        self.assertEqual(summary["findings"], len(said))
        return [one["finding"] for one in said], summary

    def found(self, symbol, timeframe):
        return sorted((one["interval"]["from"], one["kind"]) for one in self.validate(symbol, timeframe)[0])


class CleanTest(ValidateCase):
    def test_the_sample_market_is_clean(self):
        self.up()
        for symbol, timeframe, bars in [("EURUSD", "1h", 5000), ("SPX", "1d", 5105)]:
            self.ok("data", "load", symbol, timeframe)
            found, summary = self.validate(symbol, timeframe)
            self.assertEqual((found, summary["bars"]), ([], bars))
            text = self.ok("data", "validate", symbol, timeframe, "--output=text").stdout()
            self.assertIn("bars, nothing to remark", text)

    def test_what_is_not_stored(self):
        self.up()
        done = self.millrace("data", "validate", "NOPE", "1h", "--output=text")
        self.check_one_line(done, "NOPE", code=3)


class PlantedTest(ValidateCase):
    """EURUSD as papergate has it, with defects in the file."""

    def load(self, rows, *flags):
        market = self.path("market-%d" % len(os.listdir(self.root)))
        os.mkdir(market)
        with open(os.path.join(market, "EURUSD-1h.csv"), "w") as file:
            writer = csv.writer(file)
            writer.writerow(["time_utc", "open", "high", "low", "close", "volume"])
            writer.writerows([text_of(row[0]), *row[1:]] for row in rows)
        self.up(market=market)
        outcome(self.json("data", "load", "EURUSD", "1h", *flags))

    def test_each_defect_has_its_name(self):
        rows = clean()
        rows[500][1:5] = [row * 10 for row in rows[500][1:5]]
        for i in range(1000, 1012):
            rows[i][1:5] = [1.1234] * 4
        for i in range(1500, 1504):
            rows[i][5] = 0
        del rows[2000:2000 + 24 * 6]
        self.load(rows)
        kinds = [kind for _, kind in self.found("EURUSD", "1h")]
        self.assertEqual(kinds, ["JUMP", "JUMP", "REPEATED", "NO_VOLUME", "MISSING"])
        text = self.ok("data", "validate", "EURUSD", "1h", "--output=text").stdout()
        for words in ("jump", "12 bars close at 1.1234", "4 bars without volume", "days without a bar",
                      "5 to be looked at"):
            self.assertIn(words, text)
        text = self.ok("data", "show", "EURUSD", "1h", "--output=text", "--to", text_of(rows[502][0])).stdout()
        self.assertIn("2 to be looked at: 2 jumps; the first is of " + text_of(rows[500][0]), text)
        marked = [line for line in text.splitlines() if line.endswith(" !")]
        self.assertEqual(len(marked), 2, text)
        text = self.ok("data", "show", "EURUSD", "1h", "--output=text", "--to", text_of(rows[499][0])).stdout()
        self.assertNotIn("looked at", text)
        path = self.path("strategy.yaml")
        with open(path, "w") as file:
            file.write(STRATEGY % DEFAULTS)
        done = self.ok("train", path, "--output=text").transcript()
        self.assertIn("EURUSD 1h: 5 to be looked at: 2 jumps, 1 repeated closes, 1 without volume, 1 stretches of "
                      "missing days; the first is of ", done)
        found, summary = self.validate("EURUSD", "1h", "--to", "2017-06-01")
        self.assertEqual([one["kind"] for one in found], ["JUMP", "JUMP"])

    def test_bars_that_come_meanwhile_are_no_fault(self):
        """Each fifth bar jumps, and the findings wait to be taken: more than gRPC keeps (64 KiB) are of the first
        page, so that the second one is read behind the load."""
        rows = clean()
        for row in rows[::5]:
            row[1:5] = [price * 10 for price in row[1:5]]
        self.load(rows, "--to", text_of(rows[-300][0]))
        peer = Peer(os.path.join(self.home, "run", "backend.sock"), settings=setting(INITIAL_WINDOW_SIZE, 0))
        self.addCleanup(peer.close)
        peer.send(frame(HEADERS, 4, 1, request("/millrace.v1.DataService/Validate")),
                  frame(DATA, 1, 1, message(b"\x0a\x06EURUSD\x12\x021h")))
        frames = peer.frames()
        next(kind for kind, _, _, _ in frames if kind == HEADERS)
        outcome(self.json("data", "load", "EURUSD", "1h"))
        for stream in (0, 1):
            peer.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 1 << 24)))
        said = b""
        for kind, flags, _, payload in frames:
            said += payload if kind == DATA else b""
            if kind == HEADERS and flags & 1:
                break
        self.assertGreater(said.count(b"is usual here"), len(rows) * 2 // 5 - 20)
        self.assertNotIn(b"the series counts", said)

    def test_as_the_twin(self):
        chance = random.Random(11)
        rows = clean()
        for _ in range(40):
            i, kind = chance.randrange(5, len(rows) - 40), chance.randrange(5)
            if kind == 0:
                factor = chance.choice([0.01, 0.5, 0.85, 0.92, 1.07, 1.2, 2, 10])
                rows[i][1:5] = [price * factor for price in rows[i][1:5]]
            elif kind == 1:
                rows[i][2] *= chance.choice([1.05, 1.3])
            elif kind == 2:
                for k in range(i, i + chance.randrange(5, 25)):
                    rows[k][1:5] = [rows[i][4]] * 4
            elif kind == 3:
                for k in range(i, i + chance.randrange(1, 9)):
                    rows[k][5] = 0
            else:
                del rows[i:i + chance.randrange(24, 24 * 9)]
        self.load(rows)
        stored = [[seconds(at), *numbers] for at, *numbers in self.export("EURUSD", "1h")]
        self.assertEqual(stored, rows)
        expected = sorted((text_of(at), kind) for at, kind in twin(stored))
        self.assertEqual(self.found("EURUSD", "1h"), expected)
        self.assertGreater(len(expected), 20)


if __name__ == "__main__":
    unittest.main()
