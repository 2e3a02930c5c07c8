"""Splits, forgetful sources and loads of any window, by chance: behind a load that has looked all that is stored is of one
kind, and once the source has everything again all of it is there."""

import os
import random
import sqlite3
import time

from mesh_processes import outcome
from refresh_test import RefreshCase as Case
from scripted import DAY, NO_DATA, at, bar

FIRST, LAST = at("2024-01-01"), at("2026-11-01")
WEEKDAYS = [t for t in range(FIRST, LAST, DAY) if time.gmtime(t).tm_wday < 5]
ROUNDS = 25


def day(time_s):
    return time.strftime("%Y-%m-%d", time.gmtime(time_s))


class ChanceTest(Case):
    def answer(self, ask):
        return [bar(t, *(self.factor * price for price in (10, 11, 9, 10.5))) for t in WEEKDAYS
                if ask.from_s <= t < ask.end_s and t not in self.gone] or NO_DATA

    def try_load(self, *flags):
        return self.millrace("data", "load", "AAPL", "1d", *flags, "--output=json")

    def kinds(self):
        """The factors of the stored bars; none where nothing is stored yet."""
        done = self.millrace("data", "export", "AAPL", "1d")
        return {round(float(line.split(",")[4]) / 10.5, 9) for line in done.stdout().splitlines()[1:]}

    def draw(self, chance):
        """What the source is like now, and a window. No split takes another one back."""
        self.factor *= chance.choice([1, 1, 1, 0.25, 0.5, 0.75])
        self.gone = set()
        if chance.random() < 0.2:
            self.gone = {t for t in WEEKDAYS if t < FIRST + chance.randrange(1, 600) * DAY}
        first = FIRST + chance.randrange(900) * DAY
        return ["--from", day(first), "--to", day(first + chance.choice([3, 10, 40, 200]) * DAY)]

    def one_round(self, chance):
        """A load that probes, and on some days another one, which does not."""
        window = self.draw(chance)
        extra = ["--refresh"] if chance.random() < 0.1 else ["--dry-run"] if chance.random() < 0.1 else []
        done = self.try_load(*window, *extra)
        held = "says nothing of" in done.stderr()
        if held:
            done = self.try_load(*window, "--refresh", "--drop-missing")
        loaded = outcome(done.json_lines()).get("succeeded", {}).get("load", {})
        if loaded.get("requests") and "--dry-run" not in extra:
            self.assertEqual(len(self.kinds()), 1, (window, extra, self.factor, done.transcript()[-1000:]))
        if chance.random() < 0.4:
            self.pass_time(2 * 3600)
            self.try_load(*self.draw(chance))
        return held

    def play(self, seed):
        chance = random.Random(seed)
        held = 0
        for _ in range(ROUNDS):
            held += self.one_round(chance)
            self.a_day_passes()
        self.gone = set()
        with sqlite3.connect(os.path.join(self.home, "millrace.db")) as store:
            store.execute("UPDATE coverage SET again_s=0 WHERE again_s<?", (2**63 - 1,))  # much later
        store.close()
        self.assertEqual(self.try_load("--from", day(FIRST), "--to", day(LAST), "--refresh").code, 0)
        self.assertEqual(self.kinds(), {round(self.factor, 9)})
        self.assertEqual(len(self.closes()), len(WEEKDAYS))
        return held

    def test_splits(self):
        self.play(9)

    def test_bars_that_are_given_up(self):
        self.assertGreater(self.play(19), 0)

    def test_what_came_behind_a_split_is_newest(self):
        self.play(6)
