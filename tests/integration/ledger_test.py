"""What is known of a series is what its source has said, and no more: sources that have bars later, lose
their data for a while, cut bars, or send some that cannot be."""

import time
import unittest

from mesh_processes import outcome, wait_for
from reflected import Client
from scripted import DAY, NO_DATA, ScriptedGateway, at, bar
from served import LayersCase

MINUTE, HOUR = 60, 3600


def minutes(from_s, to_s):
    return range(from_s - from_s % MINUTE, to_s, MINUTE)


class LedgerCase(LayersCase):
    behind_s = 0  # the gateway's clock

    def setUp(self):
        super().setUp()
        self.gateway = ScriptedGateway(self.answer)
        self.gateway.clock = lambda: time.time() - self.behind_s
        self.addCleanup(self.gateway.close)
        self.start_layers(self.gateway.address)

    def load(self, symbol, timeframe, *flags):
        """The result, with 0 for what is not in it."""
        result = outcome(self.json("data", "load", symbol, timeframe, *flags))["succeeded"]["load"]
        return {name: int(result.get(name, 0))
                for name in ("barsStored", "barsRefused", "barsInWindow", "requests")}

    def gaps(self, symbol, timeframe, *flags):
        return [gap["cause"] for gap in self.json("data", "gaps", symbol, timeframe, *flags)]

    def stored(self, symbol, timeframe):
        """Start of each bar, and its volume."""
        return [(row[0], row[5]) for row in self.export(symbol, timeframe)]


class LateBarsTest(LedgerCase):
    """As a source does that is 15 minutes behind: it has bars up to `self.until_s`."""

    WINDOW = ["--from", "2026-11-02T14:30:00Z", "--to", "2026-11-02T15:00:00Z"]
    until_s = at("2026-11-02T14:45")

    def answer(self, ask):
        bars = [bar(t) for t in minutes(ask.from_s, min(ask.end_s, self.until_s)) if t >= ask.from_s]
        return bars or NO_DATA

    def test_they_are_asked_for_again(self):
        first = self.load("AAPL", "1m", *self.WINDOW)
        self.assertEqual(first["barsStored"], 15)
        self.assertEqual(self.gaps("AAPL", "1m"), ["UNSETTLED"])
        self.until_s = at("2026-11-02T16:00")
        second = self.load("AAPL", "1m", *self.WINDOW)
        self.assertEqual((second["barsStored"], second["barsInWindow"]), (15, 30))
        self.assertEqual(self.gaps("AAPL", "1m"), [])
        self.assertEqual(self.load("AAPL", "1m", *self.WINDOW)["requests"], 0)

    def test_tail_has_no_seam(self):
        self.load("AAPL", "1m", *self.WINDOW)
        self.until_s = at("2026-11-02T16:00")
        self.load("AAPL", "1m", "--mode", "tail", "--to", "2026-11-02T15:30:00Z")
        self.assertEqual(len(self.stored("AAPL", "1m")), 60)

    def test_an_empty_answer_is_not_for_ever(self):
        """Once the answer to what was not settled is "nothing", the next load rests for an hour."""
        self.load("AAPL", "1m", *self.WINDOW)
        self.assertEqual(self.load("AAPL", "1m", *self.WINDOW)["requests"], 1)
        asked = len(self.gateway.asks)
        self.assertEqual(self.load("AAPL", "1m", *self.WINDOW)["requests"], 0)
        self.assertEqual(len(self.gateway.asks), asked)
        self.assertEqual(self.gaps("AAPL", "1m"), [])
        gap = self.json("data", "gaps", "AAPL", "1m", "--all")[-1]
        self.assertEqual(gap["cause"], "EMPTY")
        self.assertRegex(gap["reason"], "no (data|bars)")
        again_s = at(gap["again"][:16])
        self.assertTrue(time.time() + 3000 < again_s < time.time() + 3700, gap)


class OutageTest(LedgerCase):
    """The gateway has lost its data, and says of everything that there is none."""

    lost = 3  # answers
    back = (2106, "HMDS data farm connection is OK:ushmds")

    def answer(self, ask):
        if len(self.gateway.asks) <= self.lost:
            self.gateway.notices.append((2105, "HMDS data farm connection is broken:ushmds"))
            return NO_DATA
        if len(self.gateway.asks) == self.lost + 1:
            self.gateway.notices.append(self.back)
        if ask.symbol == "NONE":
            return NO_DATA
        return [bar(t) for t in minutes(ask.from_s, ask.end_s)]

    def test_no_data_is_not_believed(self):
        done = self.load("AAPL", "1m", "--from", "2026-10-01T14:00:00Z", "--to", "2026-10-01T15:00:00Z")
        self.assertEqual(done["barsStored"], 60)
        self.assertEqual(len(self.gateway.asks), self.lost + 1)
        self.assertEqual(self.gaps("AAPL", "1m"), [])

    def test_it_is_believed_when_the_data_are_back(self):
        """Some seconds later; this one's text has no colon."""
        self.back = (2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds")
        none = self.millrace("data", "load", "NONE", "1m", "--from", "2026-10-01T14:00:00Z", "--to",
                             "2026-10-01T15:00:00Z")
        self.assertEqual(none.code, 3, none.transcript())
        self.assertEqual(self.gaps("NONE", "1m", "--all"), ["EMPTY"])


class ClockTest(LedgerCase):
    """A gateway whose clock is behind ours; the volume of a bar is how many seconds of it there were."""

    behind_s = 150

    def answer(self, ask):
        now_s = int(self.gateway.clock())
        times = [t for t in minutes(ask.from_s, min(ask.end_s, now_s)) if t >= ask.from_s]
        return [bar(t, volume=min(MINUTE, now_s - t)) for t in times] or NO_DATA

    def test_no_bar_is_stored_that_still_forms(self):
        start = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.time() - 1200))
        self.load("AAPL", "1m", "--from", start)
        bars = self.stored("AAPL", "1m")
        self.assertGreater(len(bars), 10)
        self.assertEqual({float(volume) for _, volume in bars}, {60})
        self.assertIn("UNSETTLED", self.gaps("AAPL", "1m"))
        self.behind_s = 0
        self.load("AAPL", "1m", "--from", start)
        bars = self.stored("AAPL", "1m")
        self.assertEqual({float(volume) for _, volume in bars}, {60})
        times = [at(start_s[:16]) for start_s, _ in bars]
        self.assertEqual(times, list(range(times[0], times[-1] + MINUTE, MINUTE)))


class SessionTest(LedgerCase):
    """Bars of a session's own grid: 4 hours from 05:00 UTC on, made of the minutes before the request's end,
    as a gateway makes them. The volume is how many minutes there are in a bar."""

    def answer(self, ask):
        bars = {}
        for t in minutes(ask.from_s - 4 * HOUR, ask.end_s):
            start_s = (t - 5 * HOUR) // (4 * HOUR) * 4 * HOUR + 5 * HOUR
            bars[start_s] = bars.get(start_s, 0) + 1
        return [bar(start_s, volume=count) for start_s, count in bars.items()]

    def test_every_bar_is_whole(self):
        self.load("AAPL", "4h", "--from", "2026-11-02", "--to", "2026-11-03T20:00:00Z")
        self.load("AAPL", "4h", "--from", "2026-11-02", "--to", "2026-11-05")
        self.load("AAPL", "4h", "--from", "2025-01-01", "--to", "2026-11-05")  # of several segments
        bars = self.stored("AAPL", "4h")
        self.assertEqual({float(volume) for _, volume in bars}, {240})
        times = [at(start[:16]) for start, _ in bars]
        self.assertEqual(times, list(range(times[0], times[-1] + 1, 4 * HOUR)))
        self.assertEqual((len(times), times[0] % DAY), (4038, 1 * HOUR))


class WeekTest(LedgerCase):
    """Weeks dated by their last trading day, made of the days before the request's end."""

    def answer(self, ask):
        weeks = {}
        for day_s in range(-(-ask.from_s // DAY) * DAY, ask.end_s, DAY):
            weekday = time.gmtime(day_s).tm_wday
            if weekday < 5:
                monday_s = day_s - weekday * DAY
                weeks[monday_s] = (day_s, weeks.get(monday_s, (0, 0))[1] + 1)
        return [bar(last_s, volume=days) for last_s, days in weeks.values()] or NO_DATA

    def test_a_segment_s_edge_cuts_no_week(self):
        self.load("AAPL", "1w", "--from", "2018-10-01", "--to", "2019-12-02")  # an edge in November 2019
        weeks = self.stored("AAPL", "1w")
        self.assertEqual({float(days) for _, days in weeks}, {5})
        self.assertEqual(len(weeks), 61)


class OddBarsTest(LedgerCase):
    """Bars one by one: `self.bars` is what the source has."""

    WINDOW = ["--from", "2026-11-02T15:00:00Z", "--to", "2026-11-02T15:10:00Z"]
    first_s = at("2026-11-02T15:00")

    def answer(self, ask):
        return [one for one in self.bars if ask.from_s <= one[0] < ask.end_s] or NO_DATA

    def test_a_refused_bar_can_be_had_again(self):
        self.bars = [bar(self.first_s + i * MINUTE) for i in range(10)]
        good = self.bars[4]
        self.bars[4] = bar(good[0], high=5)
        first = self.load("AAPL", "1m", *self.WINDOW)
        self.assertEqual((first["barsStored"], first["barsRefused"]), (9, 1))
        gaps = self.json("data", "gaps", "AAPL", "1m")
        self.assertEqual([gap["cause"] for gap in gaps], ["REFUSED"])
        self.assertIn("2026-11-02T15:04:00Z: high 5 < low 9", gaps[0]["reason"])
        self.assertEqual(gaps[0]["interval"]["from"], "2026-11-02T15:04:00Z")
        self.assertEqual(gaps[0]["interval"]["to"], "2026-11-02T15:05:00Z")
        self.bars[4] = good
        second = self.load("AAPL", "1m", *self.WINDOW)
        self.assertEqual((second["barsStored"], second["requests"]), (1, 1))
        self.assertEqual(self.gaps("AAPL", "1m"), [])

    def test_order_costs_no_bar(self):
        self.bars = [bar(self.first_s + i * MINUTE, volume=i) for i in (9, 3, 0, 1, 2, 8, 7, 4, 6, 5, 5)]
        done = self.load("AAPL", "1m", *self.WINDOW)
        self.assertEqual((done["barsStored"], done["barsRefused"]), (10, 0))
        self.assertEqual([float(volume) for _, volume in self.stored("AAPL", "1m")], list(range(10)))

    def test_a_session_may_open_off_the_grid(self):
        for symbol, timeframe, starts in [
                ("EURUSD", "30m", ["21:30", "22:15", "22:30"]), ("EURUSD", "1h", ["21:00", "22:15", "23:00"]),
                ("DAX:FUT:EUREX:EUR", "1h", ["00:10", "01:00"]), ("DAX:FUT:EUREX:EUR", "5m", ["00:10", "00:15"]),
                ("RELIANCE:STK:NSE:INR", "30m", ["03:45", "04:00"])]:
            with self.subTest(symbol + " " + timeframe):
                self.bars = [bar(at("2026-11-02T" + start)) for start in starts]
                done = self.load(symbol, timeframe, "--from", "2026-11-02", "--to", "2026-11-03")
                self.assertEqual((done["barsStored"], done["barsRefused"]), (len(starts), 0))

    def test_a_window_is_made_of_whole_bars(self):
        self.bars = [bar(self.first_s - 2 * HOUR + i * HOUR) for i in range(4)]
        self.load("AAPL", "1h", "--from", "2026-11-02T13:20:00Z", "--to", "2026-11-02T15:30:00Z")
        self.assertEqual([start[11:16] for start, _ in self.stored("AAPL", "1h")], ["13:00", "14:00"])
        none = self.millrace("data", "load", "AAPL", "1d", "--from", "2026-11-02", "--to", "2026-11-02T15:30:00Z")
        self.check_one_line(none, "AAPL 1d: no whole bar lies between 2026-11-02T00:00:00Z and 2026-11-02T00:00:00Z")


class HeadTest(LedgerCase):
    """Where a series begins is asked for once, however many want to know."""

    def answer(self, ask):
        return [bar(t) for t in range(ask.from_s - ask.from_s % ask.size_s, ask.end_s, ask.size_s)]

    def test_who_waits_for_the_quota_holds_no_place(self):
        """58 first bars may be asked for in ten minutes; eight requests may be open."""
        with Client(self.host_unix) as client:
            waiting = [client.call("millrace.v1.IbHost/HeadTimestamp", {"symbol": "S%d" % i}, timeout=600)
                       for i in range(70)]
            wait_for(lambda: self.gateway.heads == 58, "the quota of first bars")
            done = self.load("AAPL", "1m", "--from", "2026-10-01T14:00:00Z", "--to", "2026-10-01T15:00:00Z")
            self.assertEqual(done["barsStored"], 60)
            self.assertEqual(self.gateway.heads, 58)
            for call in waiting:
                call.cancel()

    def test_six_timeframes_ask_once(self):
        self.gateway.head_s = int(time.time()) - 2 * DAY
        self.gateway.tells_heads.clear()
        loads = [self.start("millrace", "data", "load", "AAPL", timeframe, "--output=json")
                 for timeframe in ("1m", "5m", "15m", "30m", "1h", "2h")]
        for load in loads:
            load.line(lambda line: "accepted" in line, "accepted load")
        wait_for(lambda: self.gateway.heads > 0, "question for the first bar")
        self.ok("ops", "list")  # the others are as far by now, or find the answer
        self.gateway.tells_heads.set()
        for load in loads:
            self.assertEqual(load.wait(), 0, load.transcript())
        self.assertEqual(self.gateway.heads, 1)


if __name__ == "__main__":
    unittest.main()
