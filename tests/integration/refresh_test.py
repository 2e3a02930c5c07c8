"""Bars that a source has changed since they were stored: splits, corrections, and series asked for again."""

import os
import signal
import sqlite3
import threading
import unittest

from mesh_processes import outcome, wait_for
from scripted import DAY, NO_DATA, ScriptedGateway, at, bar
from served import LayersCase

FIRST, LAST = at("2026-10-05"), at("2026-10-31")
WEEK = ["--from", "2026-10-05", "--to", "2026-10-12"]
MORE = ["--from", "2026-10-05", "--to", "2026-10-20"]


class RefreshCase(LayersCase):
    factor = 1.0

    def setUp(self):
        super().setUp()
        self.corrected, self.gone, self.refuses = {}, set(), set()
        self.gateway = ScriptedGateway(self.answer)
        self.addCleanup(self.gateway.close)
        self.start_layers(self.gateway.address)

    def spoil(self, bars):
        return bars

    def answer(self, ask):
        if any(ask.from_s <= t < ask.end_s for t in self.refuses):
            return (162, "Historical Market Data Service error message:No market data permissions for X")
        days = [t for t in range(FIRST, LAST, DAY) if ask.from_s <= t < ask.end_s and t not in self.gone]
        return self.spoil([bar(t, *[self.factor * price for price in (10, 11, 9, self.corrected.get(t, 10.5))])
                           for t in days]) or NO_DATA

    def pass_time(self, seconds):
        """Since the source was asked for what is stored."""
        with sqlite3.connect(os.path.join(self.home, "millrace.db")) as store:
            store.execute("UPDATE series SET probed_s=probed_s - ?", (seconds,))
            store.execute("UPDATE coverage SET asked_s=asked_s - ? WHERE state=1", (seconds,))
        store.close()

    def a_day_passes(self):
        self.pass_time(DAY)

    def load_week(self, *flags):
        self.load(*WEEK, *flags)
        self.a_day_passes()

    def load(self, *flags):
        return outcome(self.json("data", "load", "AAPL", "1d", *flags))["succeeded"]["load"]

    def hold_answers(self):
        """The gateway answers nothing: events that say that it was asked, and that let it go on."""
        asked, go_on = threading.Event(), threading.Event()

        def slowly(ask):
            asked.set()
            go_on.wait(60)
            return self.answer(ask)

        self.gateway.answer = slowly
        self.addCleanup(go_on.set)
        return asked, go_on

    def closes(self):
        return [float(row[4]) for row in self.export("AAPL", "1d")]

    def changed(self, *flags):
        return [gap for gap in self.json("data", "gaps", "AAPL", "1d", *flags) if gap["cause"] == "CHANGED"]


class ProbeTest(RefreshCase):
    def test_a_split_changes_all_bars_or_none(self):
        self.load_week()
        self.factor = 0.25
        loaded = self.load(*MORE)
        self.assertEqual(loaded["changed"], {"bars": 5, "refreshed": True, "kept": 0,
                                             "first": "2026-10-07T00:00:00Z: close 10.5, now 2.625"})
        self.assertEqual(set(self.closes()), {2.625})
        self.assertEqual(len(self.closes()), 15)
        self.assertEqual(self.changed("--all"), [])
        self.assertEqual(self.load(*MORE)["requests"], 0)

    def test_the_text_says_so(self):
        self.load_week()
        self.factor = 2
        text = self.ok("data", "load", "AAPL", "1d", *MORE, "--output=text").transcript()
        self.assertIn("; 5 were others before (2026-10-07T00:00:00Z: close 10.5, now 21), so all were asked for "
                      "again", text)

    def test_a_correction_is_one_bars(self):
        self.load_week()
        self.corrected[at("2026-10-09")] = 10.6
        loaded = self.load(*MORE)
        self.assertEqual(loaded["changed"], {"bars": 1, "refreshed": False, "kept": 0,
                                             "first": "2026-10-09T00:00:00Z: close 10.5, now 10.6"})
        self.assertEqual(self.closes()[:7], [10.5, 10.5, 10.5, 10.5, 10.6, 10.5, 10.5])
        self.assertEqual(self.changed(), [])
        noted, = self.changed("--all")
        self.assertEqual((noted["interval"]["from"], noted["reason"]),
                         ("2026-10-09T00:00:00Z", "close 10.5 was stored; the source says 10.6"))

    def test_a_bar_that_is_gone_is_noted(self):
        self.load_week()
        self.gone.add(at("2026-10-09"))
        self.assertEqual(self.load(*MORE)["changed"]["bars"], 1)
        noted, = self.changed("--all")
        self.assertEqual(noted["reason"], "close 10.5 was stored; the source has no such bar")

    def test_what_was_fetched_first_tells(self):
        """What is newest came behind the split, and so far from the rest that no bar was in both answers."""
        self.load(*WEEK)
        self.pass_time(2 * 3600)
        self.factor = 0.25
        self.load("--from", "2026-10-24", "--to", "2026-10-28")
        self.assertEqual(set(self.closes()), {10.5, 2.625})
        self.a_day_passes()
        self.assertTrue(self.load("--from", "2026-10-28", "--to", "2026-10-30")["changed"]["refreshed"])
        self.assertEqual(self.closes(), [2.625] * 13)

    def test_a_split_of_small_prices_is_rounded(self):
        self.factor = 0.037
        self.corrected = {t: 9.5 + n % 4 * 0.3 for n, t in enumerate(range(FIRST, LAST, DAY))}
        self.load_week()
        self.factor /= 4
        self.spoil = lambda bars: [(t, *(round(price, 2) for price in prices), volume) for t, *prices, volume in bars]
        loaded = self.load(*MORE)
        self.assertTrue(loaded["changed"]["refreshed"])
        self.assertEqual(set(self.closes()), {0.09, 0.1})

    def test_a_split_that_the_newest_bars_have_already(self):
        self.load_week()
        self.spoil = lambda bars: [(t, *(price / 4 for price in prices), volume) if t < at("2026-10-10") else
                                   (t, *prices, volume) for t, *prices, volume in bars]
        self.assertTrue(self.load(*MORE)["changed"]["refreshed"])
        self.assertEqual(self.closes(), [2.625] * 5 + [10.5] * 10)

    def test_a_split_of_which_some_bars_are_missing(self):
        """An answer that begins late says nothing of what is before it, and one bar is refused."""
        self.load_week()
        self.factor = 0.25
        def spoil(bars):
            self.spoil = lambda bars: bars  # the probe's alone
            return [bar if bar[0] != at("2026-10-10") else (bar[0], 3, 2, 4, 3, 1)
                    for bar in bars if bar[0] >= at("2026-10-09")]
        self.spoil = spoil
        loaded = self.load(*MORE)
        self.assertEqual((loaded["changed"]["bars"], loaded["changed"]["refreshed"]), (2, True))
        self.assertEqual(self.closes(), [2.625] * 15)

    def test_what_cannot_be_is_no_correction(self):
        self.load_week()
        self.spoil = lambda bars: [(t, 50, *rest) if t == at("2026-10-09") else (t, open_, *rest)
                                   for t, open_, *rest in bars]
        loaded = self.load(*MORE)
        self.assertNotIn("changed", {name for name, value in loaded.items() if value})
        self.assertEqual({row[1] for row in self.export("AAPL", "1d")}, {10})

    def test_a_series_that_was_empty_at_first(self):
        self.gone.update(range(FIRST, LAST, DAY))
        self.assertNotEqual(self.millrace("data", "load", "AAPL", "1d", *WEEK).code, 0)
        with sqlite3.connect(os.path.join(self.home, "millrace.db")) as store:
            store.execute("UPDATE series SET probed_s=?", (FIRST - DAY,))
            store.execute("UPDATE coverage SET again_s=0")
        store.close()
        self.gone.clear()
        self.load(*WEEK)
        self.factor = 0.25
        self.assertTrue(self.load(*MORE)["changed"]["refreshed"])

    def test_a_source_that_says_nothing_is_asked_by_the_next_load(self):
        self.load_week()
        gone = set(range(FIRST, at("2026-10-12"), DAY))
        self.gone = gone
        self.load("--from", "2026-10-05", "--to", "2026-10-14")
        self.gone, self.factor = set(), 0.25
        self.assertTrue(self.load("--from", "2026-10-27", "--to", "2026-10-29")["changed"]["refreshed"])

    def test_adjusted_prices_are_always_asked_for_again(self):
        self.load_week("--prices=ADJUSTED_LAST")
        self.factor = 1.001  # no split: a dividend
        loaded = self.load(*MORE, "--prices=ADJUSTED_LAST")
        self.assertTrue(loaded["changed"]["refreshed"])
        self.assertEqual(len(set(self.closes())), 1)

    def test_it_is_asked_once_a_day(self):
        self.load(*WEEK)
        for passes, to, requests in [(False, 14, 1), (True, 16, 2), (False, 18, 1), (True, 20, 2)]:
            if passes:
                self.a_day_passes()
            asked = len(self.gateway.asks)
            self.load("--from", "2026-10-12", "--to", "2026-10-%d" % to)
            self.assertEqual(len(self.gateway.asks) - asked, requests, to)

    def test_who_has_nothing_to_fetch_asks_nothing(self):
        self.load_week()
        self.factor = 0.5
        self.assertEqual(self.load(*WEEK)["requests"], 0)

    def test_a_split_between_two_loads_of_a_day(self):
        """No probe is due: the bar that both have tells."""
        self.load(*WEEK)
        self.factor = 0.25
        loaded = self.load("--from", "2026-10-12", "--to", "2026-10-20")
        self.assertEqual((loaded["changed"]["bars"], loaded["changed"]["refreshed"]), (5, True))
        self.assertEqual(self.closes(), [2.625] * 15)

    def test_a_correction_between_two_loads_of_a_day(self):
        self.load(*WEEK)
        self.corrected[at("2026-10-11")] = 10.6
        self.assertEqual(self.load(*MORE)["changed"]["bars"], 1)
        self.assertEqual(self.closes(), [10.5] * 6 + [10.6] + [10.5] * 8)

    def test_the_overlap_is_no_request(self):
        self.load(*WEEK)
        asked = len(self.gateway.asks)
        self.assertEqual(self.load(*MORE)["requests"], 1)
        self.assertEqual([ask.from_s for ask in self.gateway.asks[asked:]], [at("2026-10-11")])
        self.assertEqual(self.closes(), [10.5] * 15)

    def test_an_answer_that_is_cut_is_no_hole_for_ever(self):
        """It has not the bar that both should have: what is missing before its first one is asked for again."""
        self.load(*WEEK)
        self.spoil = lambda bars: [bar for bar in bars if bar[0] >= at("2026-10-15")]
        self.load(*MORE)
        self.assertEqual(len(self.closes()), 12)
        gap, = [gap for gap in self.json("data", "gaps", "AAPL", "1d", "--all") if gap["cause"] == "EMPTY"]
        self.assertEqual((gap["interval"]["from"], gap["interval"]["to"], gap["reason"]),
                         ("2026-10-12T00:00:00Z", "2026-10-15T00:00:00Z", "the answer began later"))
        self.spoil = lambda bars: bars
        with sqlite3.connect(os.path.join(self.home, "millrace.db")) as store:
            store.execute("UPDATE coverage SET again_s=0")  # an hour later
        store.close()
        self.load(*MORE)
        self.assertEqual(len(self.closes()), 15)
        self.assertEqual(self.load(*MORE)["requests"], 0)

    def test_a_source_that_contradicts_itself(self):
        """One bar is another each time that it is asked for: the load comes to an end."""
        self.load(*WEEK)
        answer, count = self.answer, iter(range(1000))

        def flutter(ask):
            self.corrected[at("2026-10-11")] = 10.5 + next(count) % 2 / 10
            return answer(ask)

        self.gateway.answer = flutter
        self.load(*MORE)
        self.assertEqual(len(self.closes()), 15)

    def test_one_that_fails_costs_the_load_nothing(self):
        self.load_week()
        self.refuses = {at("2026-10-09")}
        asked = len(self.gateway.asks)
        self.load(*MORE)
        self.assertEqual(len(self.gateway.asks) - asked, 2)
        self.assertEqual(len(self.closes()), 15)

    def test_what_cannot_be_asked_for_again_stays_alone(self):
        """A split, and the old bars are refused: nothing new is put beside them."""
        self.load_week()
        self.refuses, self.factor = {at("2026-10-09")}, 0.25
        done = self.millrace("data", "load", "AAPL", "1d", *MORE, "--output=text")
        self.assertNotEqual(done.code, 0)
        self.assertIn("AAPL 1d: the source has changed stored bars, and cannot be asked for them again", done.stderr())
        self.assertEqual(self.closes(), [10.5] * 7)
        self.refuses = set()
        self.assertTrue(self.load(*MORE)["changed"]["refreshed"])
        self.assertEqual(self.closes(), [2.625] * 15)

    def test_a_source_without_data_says_nothing_of_it(self):
        self.load_week()
        self.gone.update(range(FIRST, LAST, DAY))
        loaded = self.load(*MORE)
        self.assertNotIn("changed", {name for name, value in loaded.items() if value})
        self.assertEqual(len(self.closes()), 7)


class RefreshTest(RefreshCase):
    def test_all_is_asked_for_again(self):
        self.load(*WEEK)
        self.corrected[at("2026-10-05")] = 10.9  # no probe sees that
        self.gone.add(at("2026-10-06"))
        loaded = self.load(*WEEK, "--refresh")
        self.assertTrue(loaded["changed"]["refreshed"])
        self.assertEqual(self.closes(), [10.9, 10.5, 10.5, 10.5, 10.5, 10.5])
        self.assertEqual(self.load(*WEEK)["requests"], 0)

    def test_a_series_that_is_not_there_yet_is_loaded(self):
        self.assertEqual(self.load(*WEEK, "--refresh")["barsStored"], 7)

    def test_what_the_source_has_no_more_is_kept(self):
        """What both have is the same: it has forgotten the rest."""
        self.load(*WEEK)
        self.gone.update(range(FIRST, at("2026-10-08"), DAY))
        loaded = self.load(*WEEK, "--refresh")
        self.assertEqual((loaded["changed"]["refreshed"], loaded["changed"]["kept"]), (True, 3))
        self.assertEqual(self.closes(), [10.5] * 7)
        self.load(*MORE)
        self.gone.update(range(at("2026-10-18"), LAST, DAY))
        text = self.ok("data", "load", "AAPL", "1d", *MORE, "--refresh", "--output=text").transcript()
        self.assertIn("; 5 that the source has no more are kept", text)
        self.assertEqual(self.closes(), [10.5] * 15)

    def test_what_the_source_has_no_more_of_another_kind_is_not_mixed_in(self):
        self.load_week()
        self.gone.update(range(FIRST, at("2026-10-07"), DAY))
        self.factor = 0.25
        why = ("the source has other bars now, and says nothing of 2 bars that are stored, from 2026-10-05T00:00:00Z to "
               "2026-10-07T00:00:00Z")
        for flags in ([], [], ["--refresh"]):
            done = self.millrace("data", "load", "AAPL", "1d", *MORE, *flags, "--output=text")
            self.assertNotEqual(done.code, 0)
            self.assertIn(why, done.stderr())
            self.assertEqual(self.closes(), [10.5] * 7)
        loaded = self.load(*MORE, "--refresh", "--drop-missing")
        self.assertTrue(loaded["changed"]["refreshed"])
        self.assertEqual(self.closes(), [2.625] * 13)

    def test_a_source_that_has_nothing_today_costs_no_bar(self):
        self.load(*WEEK)
        self.gone.update(range(FIRST, LAST, DAY))
        done = self.millrace("data", "load", "AAPL", "1d", *WEEK, "--refresh", "--output=text")
        self.assertIn("the source has none of the stored bars now, and says nothing of 7 bars", done.stderr())
        self.assertEqual(self.closes(), [10.5] * 7)
        self.gone.clear()
        with sqlite3.connect(os.path.join(self.home, "millrace.db")) as store:
            store.execute("UPDATE coverage SET again_s=0")  # an hour later
        store.close()
        self.assertTrue(self.load(*WEEK)["changed"]["refreshed"])
        self.assertEqual(self.closes(), [10.5] * 7)

    def test_an_answer_that_begins_late_between_others_costs_no_bar(self):
        """Of two stretches, of which the second is cut to its newest bars."""
        self.load(*WEEK)
        self.load("--from", "2026-10-24", "--to", "2026-10-28")
        self.gone.update([at("2026-10-24"), at("2026-10-25")])
        loaded = self.load(*WEEK, "--refresh")
        self.assertEqual((loaded["changed"]["refreshed"], loaded["changed"]["kept"]), (True, 2))
        self.assertEqual(self.closes(), [10.5] * 11)
        self.assertEqual(self.load(*WEEK)["requests"], 0)
        self.assertEqual(self.load("--from", "2026-10-24", "--to", "2026-10-28")["requests"], 0)

    def spoil_one(self, time_s):
        """One bar of the source cannot be."""
        self.spoil = lambda bars: [(t, 50, *rest) if t == time_s else (t, open_, *rest) for t, open_, *rest in bars]

    def test_a_bar_that_cannot_be_costs_no_bar(self):
        self.load(*WEEK)
        self.spoil_one(at("2026-10-09"))
        loaded = self.load(*WEEK, "--refresh")
        self.assertEqual((loaded["changed"]["refreshed"], loaded["changed"]["kept"]), (True, 1))
        self.assertEqual(self.closes(), [10.5] * 7)

    def test_a_bar_that_cannot_be_is_not_kept_of_another_kind(self):
        """It does not keep the others from taking their place, either."""
        self.load(*WEEK)
        self.spoil_one(at("2026-10-09"))
        self.factor = 0.25
        loaded = self.load(*WEEK, "--refresh")
        self.assertEqual((loaded["changed"]["refreshed"], loaded["changed"]["kept"]), (True, 0))
        self.assertEqual(self.closes(), [2.625] * 6)

    def refresh_half(self):
        """Of two stretches the first one comes, and then the other is refused."""
        self.load(*WEEK)
        self.load("--from", "2026-10-24", "--to", "2026-10-28")

        def refuse_second(ask):
            if ask.from_s <= at("2026-10-24") < ask.end_s:
                wait_for(self.has_half, "first half")
                return (162, "Historical Market Data Service error message:No market data permissions for X")
            return self.answer(ask)
        self.gateway.answer = refuse_second
        self.millrace("data", "load", "AAPL", "1d", *WEEK, "--refresh")
        self.gateway.answer = self.answer

    def has_half(self):
        with sqlite3.connect(os.path.join(self.home, "millrace.db")) as store:
            rows = store.execute("SELECT bars FROM series WHERE source LIKE '~%'").fetchall()
        store.close()
        return rows == [(7,)]

    def test_one_that_nobody_went_on_with_begins_again(self):
        self.factor = 0.25
        self.refresh_half()
        self.pass_time(3 * DAY)
        self.factor = 0.125
        self.assertTrue(self.load(*WEEK)["changed"]["refreshed"])
        self.assertEqual(self.closes(), [1.3125] * 11)

    def test_one_of_before_a_split_begins_again(self):
        """It is of this day, and some of its bars tell."""
        self.refresh_half()
        self.pass_time(4 * 3600)
        self.factor = 0.25
        plan = self.load(*WEEK, "--dry-run")["plan"]
        self.assertEqual((plan["requests"], plan["again"]), (2, 2))
        asked = len(self.gateway.asks)
        self.assertTrue(self.load(*WEEK)["changed"]["refreshed"])
        self.assertEqual(self.closes(), [2.625] * 11)
        self.assertEqual(len(self.gateway.asks) - asked, 3)

    def test_one_that_cannot_be_compared_begins_again(self):
        self.refresh_half()
        self.pass_time(4 * 3600)
        ask_all, self.factor = self.answer, 0.25

        def say_nothing_at_first(ask):
            self.gateway.answer = ask_all
            return NO_DATA
        self.gateway.answer = say_nothing_at_first
        self.assertTrue(self.load(*WEEK)["changed"]["refreshed"])
        self.assertEqual(self.closes(), [2.625] * 11)

    def test_one_of_before_goes_on_where_the_source_says_the_same(self):
        self.refresh_half()
        self.pass_time(4 * 3600)
        asked = len(self.gateway.asks)
        self.assertTrue(self.load(*WEEK)["changed"]["refreshed"])
        self.assertEqual(len(self.gateway.asks) - asked, 2)

    def test_one_of_a_clock_that_was_set_back_begins_again(self):
        self.factor = 0.25
        self.refresh_half()
        self.pass_time(-3 * DAY)
        self.factor = 0.125
        self.assertTrue(self.load(*WEEK)["changed"]["refreshed"])
        self.assertEqual(self.closes(), [1.3125] * 11)

    def test_one_of_just_now_goes_on(self):
        self.refresh_half()
        asked = len(self.gateway.asks)
        self.assertTrue(self.load(*WEEK)["changed"]["refreshed"])
        self.assertEqual(len(self.gateway.asks) - asked, 1)

    def test_what_fails_changes_nothing(self):
        self.load_week()
        self.factor, self.refuses = 0.25, {at("2026-10-12")}
        done = self.millrace("data", "load", "AAPL", "1d", *MORE, "--output=json")
        self.assertNotEqual(done.code, 0)
        self.assertEqual(self.closes(), [10.5] * 7)
        self.refuses = {FIRST}
        done = self.millrace("data", "load", "AAPL", "1d", *MORE, "--refresh", "--output=json")
        self.assertEqual(self.closes(), [10.5] * 7)
        self.refuses = set()
        self.assertEqual(self.load(*MORE)["changed"]["refreshed"], True)
        self.assertEqual(self.closes(), [2.625] * 15)

    def test_one_at_a_time(self):
        """The others wait, and then do what is left to do: nobody takes half a series for a whole one."""
        self.load(*WEEK)
        asked, go_on = self.hold_answers()
        loads = [self.start("millrace", "data", "load", "AAPL", "1d", *MORE, "--refresh", "--output=json")]
        self.assertTrue(asked.wait(60))
        loads += [self.start("millrace", "data", "load", "AAPL", "1d", *flags, "--output=json")
                  for flags in (WEEK + ["--refresh"], ["--from", "2026-10-12", "--to", "2026-10-25"])]
        for load in loads[1:]:
            load.line(lambda line: "waits for another load" in line, "note that it waits")
        self.factor = 0.25
        go_on.set()
        for load in loads:
            self.assertEqual(load.wait(), 0, load.transcript())
        self.assertEqual(self.closes(), [2.625] * 20)

    def test_it_goes_on_after_a_kill(self):
        self.load(*WEEK)
        asked, go_on = self.hold_answers()
        load = self.start("millrace", "data", "load", "AAPL", "1d", *MORE, "--refresh", "--output=json")
        self.assertTrue(asked.wait(60))
        self.factor = 0.25
        self.backend.signal(signal.SIGKILL)
        self.backend.wait()
        self.start_backend()
        self.assertEqual(self.closes(), [10.5] * 7)
        go_on.set()
        self.assertEqual(load.wait(), 0, load.transcript())
        self.assertTrue(outcome(load.json_lines())["succeeded"]["load"]["changed"]["refreshed"])
        self.assertEqual(self.closes(), [2.625] * 15)


if __name__ == "__main__":
    unittest.main()
