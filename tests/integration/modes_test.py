"""What a load takes for its window, and loads that fetch nothing."""

import json
import os
import signal
import sqlite3
import threading
import unittest

from mesh_processes import outcome
from scripted import DAY, NO_DATA, ScriptedGateway, at, bar, same_contract
from served import LayersCase

WEEK = ["--from", "2026-11-02", "--to", "2026-11-07"]
FIRST = at("2020-01-06")
FAILED, NOT_FOUND, INTERRUPTED = 1, 3, 130


class ModesTest(LayersCase):
    def setUp(self):
        super().setUp()
        self.gateway = ScriptedGateway(self.answer)
        self.gateway.head_s = FIRST
        self.addCleanup(self.gateway.close)
        self.start_layers(self.gateway.address)

    @staticmethod
    def answer(ask):
        size = max(ask.size_s, DAY)
        first = max(FIRST, ask.from_s - ask.from_s % DAY)
        return [bar(t) for t in range(first, min(ask.end_s, at("2026-11-07")), size) if t >= ask.from_s] or NO_DATA

    def load(self, *flags, timeframe="1d"):
        return outcome(self.json("data", "load", "AAPL", timeframe, *flags))["succeeded"]["load"]

    def test_a_window_that_begins_before_the_first_bar(self):
        """One question instead of many requests for nothing."""
        self.load("--from", "1980-01-01", "--to", "2020-01-10", timeframe="1h")
        self.assertEqual(self.gateway.heads, 1)
        self.assertGreaterEqual(min(ask.end_s for ask in self.gateway.asks), FIRST)
        self.assertLess(len(self.gateway.asks), 4)
        gaps = self.json("data", "gaps", "AAPL", "1h", "--all", "--from", "1980-01-01")
        self.assertEqual((gaps[0]["cause"], gaps[0]["reason"]), ("EMPTY", "before the source's first bar"))

    def test_a_short_window_asks_for_no_first_bar(self):
        self.load(*WEEK)
        self.assertEqual(self.gateway.heads, 0)

    def test_full_begins_at_from(self):
        self.assertEqual(self.load(*WEEK, "--mode", "full")["barsStored"], 5)
        self.assertEqual(self.gateway.heads, 0)

    # ---- a dry run ----

    def test_a_dry_run_fetches_nothing(self):
        loaded = self.load(*WEEK, "--dry-run")
        self.assertEqual((loaded["plan"], loaded["barsStored"]),
                         ({"requests": 1, "atLeastS": 0, "barsAtMost": 5, "again": 0}, 0))
        self.assertEqual((self.gateway.asks, self.json("data", "list")), ([], []))
        self.load("--from", "2026-11-02", "--to", "2026-11-04")
        asked = len(self.gateway.asks)
        text = self.ok("data", "load", "AAPL", "1d", *WEEK, "--dry-run", "--output=text").stdout()
        self.assertRegex(text, r": would ask 1 times for up to \d bars, at least 0 s by the source's pace; "
                               r"2 bars are stored\n")
        self.assertEqual(len(self.gateway.asks), asked)
        self.assertEqual(self.load(*WEEK)["barsInWindow"], 5)

    def in_store(self, sql, *values):
        with sqlite3.connect(os.path.join(self.home, "millrace.db")) as store:
            rows = store.execute(sql, values).fetchall()
        store.close()
        return rows

    def test_a_dry_run_leaves_no_trace(self):
        self.assertEqual(self.load("--to", "2026-11-07", "--dry-run")["plan"]["requests"], 3)
        self.assertEqual(self.gateway.heads, 1)
        for table in ("series", "coverage", "instruments", "aliases"):
            self.assertEqual(self.in_store("SELECT * FROM " + table), [], table)

    def test_a_dry_run_of_a_number_knows_what_is_stored(self):
        self.load(*WEEK)
        con_id, = self.in_store("SELECT con_id FROM instruments")[0]
        said = outcome(self.json("data", "load", "CONID:%d" % con_id, "1d", *WEEK, "--dry-run"))["succeeded"]["load"]
        self.assertEqual((said["symbol"], said["plan"]["requests"]), ("AAPL", 0))
        self.assertEqual(self.in_store("SELECT text FROM aliases"), [("AAPL",)])

    def test_a_dry_run_counts_what_is_asked_for_again(self):
        def plan(*flags):
            said = self.load(*flags, "--dry-run")["plan"]
            return said["requests"], said["again"], said["barsAtMost"]

        self.load("--from", "2026-11-02", "--to", "2026-11-04")
        more = ["--from", "2026-11-02", "--to", "2026-11-06"]
        self.assertEqual(plan(*more), (1, 0, 2))
        self.in_store("UPDATE series SET probed_s=probed_s - 86400")
        self.assertEqual(plan(*more), (2, 1, 2))
        self.assertEqual(plan("--from", "2026-11-02", "--to", "2026-11-04"), (0, 0, 0))
        asked = len(self.gateway.asks)
        self.assertEqual(plan(*more, "--refresh"), (2, 1, 4))
        self.assertEqual(len(self.gateway.asks), asked)
        self.assertEqual(self.load(*more, "--refresh")["requests"], 2)
        self.assertEqual(len(self.gateway.asks) - asked, 2)

    # ---- the first bar ----

    def a_week_passes(self):
        """The host has forgotten it, too."""
        self.host.end()
        self.host, _ = self.serve("millrace-ib-host", self.host_unix, "--gateway", self.gateway.address)
        self.in_store("UPDATE coverage SET asked_s=asked_s - ? WHERE state=2", 7 * DAY + 1)

    def test_where_the_source_begins_is_asked_again_after_a_week(self):
        self.gateway.head_s = at("2026-11-04")
        self.assertEqual(self.load("--to", "2026-11-07")["barsInWindow"], 3)
        self.gateway.head_s = at("2026-11-02")
        self.assertEqual(self.load("--to", "2026-11-07")["requests"], 0)
        self.assertEqual(self.load("--from", "2026-11-02", "--to", "2026-11-07")["barsInWindow"], 3)
        self.a_week_passes()
        self.assertEqual(self.load("--to", "2026-11-07")["barsInWindow"], 5)
        self.assertEqual((self.gateway.heads, self.json("data", "gaps", "AAPL", "1d")), (2, []))
        self.assertEqual(self.load("--to", "2026-11-07")["requests"], 0)

    def test_a_window_before_it_asks_too(self):
        self.gateway.head_s = at("2026-11-04")
        self.load("--to", "2026-11-07")
        self.gateway.head_s = at("2026-11-02")
        self.a_week_passes()
        self.assertEqual(self.load("--from", "2026-11-02", "--to", "2026-11-07")["barsInWindow"], 5)

    def test_a_source_that_begins_later_now_costs_no_bar(self):
        self.gateway.head_s = at("2026-11-02")
        self.load("--to", "2026-11-07")
        self.gateway.head_s = at("2026-11-05")
        self.a_week_passes()
        again = self.load("--to", "2026-11-07")
        self.assertEqual((again["barsInWindow"], self.gateway.heads), (5, 2))
        self.assertEqual(self.json("data", "gaps", "AAPL", "1d"), [])

    def test_bars_before_it_are_the_sources(self):
        """They were loaded before anybody asked where it begins."""
        self.load("--from", "2026-11-02", "--to", "2026-11-07")
        self.gateway.head_s = at("2026-11-05")
        again = self.load("--to", "2026-11-07")
        self.assertEqual((again["requests"], again["barsInWindow"]), (1, 5))

    def test_what_is_known_needs_no_gateway(self):
        self.gateway.head_s = at("2026-11-02")
        self.load("--to", "2026-11-07")
        self.a_week_passes()
        self.gateway.close()
        self.host.end()
        self.assertEqual(self.load("--to", "2026-11-07", "--patience", "1s")["barsInWindow"], 5)

    def test_the_pace_of_small_bars(self):
        plan = self.load("--from", "2026-10-02", "--to", "2026-11-07", "--dry-run", timeframe="1s")["plan"]
        self.assertGreater(plan["requests"], 58)
        self.assertEqual(plan["atLeastS"], (plan["requests"] - 1) // 58 * 600)

    def test_a_dry_run_that_is_cut_before_it_has_a_plan(self):
        asked, go_on = threading.Event(), threading.Event()

        def hold(contract):
            asked.set()
            go_on.wait(60)
            return same_contract(contract)

        self.gateway.details = hold
        self.addCleanup(go_on.set)
        run = self.start("millrace", "data", "load", "AAPL", "1d", *WEEK, "--dry-run", "--output=json")
        run.line(lambda line: "accepted" in json.loads(line), "accepted event")
        self.assertTrue(asked.wait(60))
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait(), INTERRUPTED)
        cut = json.loads(run.stdout().splitlines()[-1])["outcome"]["cancelled"]["load"]
        self.assertEqual(cut["plan"], {"requests": 0, "atLeastS": 0, "barsAtMost": 0, "again": 0})
        self.json("data", "list")  # the backend lives

    # ---- local ----

    def test_local_asks_nobody(self):
        self.load(*WEEK)
        self.gateway.close()
        self.host.end()
        whole = self.load("--mode", "local")
        self.assertEqual((whole["barsInWindow"], whole["requests"], whole["missing"]), (5, 0, []))
        done = self.millrace("data", "load", "AAPL", "1d", "--mode", "local", "--from", "2026-10-28", "--to",
                             "2026-11-07", "--output=text")
        self.assertEqual(done.code, FAILED)
        self.assertIn("5 bars are stored; 1 intervals are missing", done.stdout())
        self.assertIn("2026-10-28", done.stderr())
        done = self.millrace("data", "load", "MSFT", "1d", "--mode", "local", "--output=text")
        self.check_one_line(done, "MSFT 1d", code=NOT_FOUND)


if __name__ == "__main__":
    unittest.main()
