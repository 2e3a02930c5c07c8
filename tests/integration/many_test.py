"""Loads of many series as one operation."""

import json
import os
import signal
import threading
import unittest

from made_up import LongSeries
from mesh_processes import MeshCase, children, outcome, read_log, wait_for
from scripted import DAY, NO_DATA, ScriptedGateway, at, bar, same_contract
from served import LayersCase

WINDOW = ["--from", "2026-11-02", "--to", "2026-11-07"]
DAYS = range(at("2026-11-02"), at("2026-11-07"), DAY)
FAILED, USAGE, REFUSED = 1, 2, 5


class ManyCase(LayersCase):
    def setUp(self):
        super().setUp()
        self.go_on, self.asked = threading.Event(), threading.Event()
        self.go_on.set()
        self.gateway = ScriptedGateway(self.answer)
        self.gateway.details = lambda asked: [] if asked.symbol == "NOPE" else same_contract(asked)
        self.addCleanup(self.gateway.close)
        self.addCleanup(self.go_on.set)
        self.start_layers(self.gateway.address)

    def answer(self, ask):
        self.asked.set()
        self.go_on.wait(60)
        return [bar(t) for t in DAYS if ask.from_s <= t < ask.end_s] or NO_DATA

    def many(self, *args, **options):
        return self.millrace("data", "load", *args, *WINDOW, "--output=json", **options)

    @staticmethod
    def parts(done):
        return [(part["symbol"], part["timeframe"], part["code"], part["barsStored"])
                for part in outcome(done.json_lines())["succeeded"]["loadMany"]["parts"]]

    def listed(self):
        return [(one["symbol"], one["timeframe"]) for one in self.json("data", "list")]

    def write(self, text):
        path = self.path("symbols.csv")
        with open(path, "w") as file:
            file.write(text)
        return path


class ManyTest(ManyCase):
    def test_each_is_a_load_of_its_own(self):
        done = self.many("AAPL,eur.usd,BRK B", "1d,1h")
        self.assertEqual(done.code, 0, done.transcript())
        self.assertEqual([part[:2] for part in self.parts(done)],
                         [(symbol, timeframe) for symbol in ("AAPL", "EURUSD", "BRK B") for timeframe in ("1d", "1h")])
        parent = done.json_lines()[0]["operation"]
        listed = self.json("ops", "list", "--label", "parent=" + parent)
        self.assertEqual({one["name"] for one in listed}, {"%s-%d" % (parent, i) for i in range(1, 7)})
        self.assertEqual({one["state"] for one in listed}, {"SUCCEEDED"})
        summary = outcome(done.json_lines())["succeeded"]["summary"]
        self.assertRegex(summary, r"^6 of 6 series, \d+ bars stored in ")

    def test_one_that_fails_costs_the_others_nothing(self):
        done = self.millrace("data", "load", "AAPL,NOPE,MSFT", "1d", *WINDOW, "--output=text")
        self.assertEqual(done.code, FAILED)
        self.assertIn("NOPE 1d: ", done.transcript())
        self.assertIn("2 of 3 series, 10 bars stored", done.stdout())
        self.assertIn("1 of 3 series are not complete", done.stderr())
        self.assertEqual(self.listed(), [("AAPL", "1d"), ("MSFT", "1d")])

    def test_none(self):
        done = self.millrace("data", "load", "NOPE", "1d,1h", *WINDOW, "--output=text")
        self.assertEqual(done.code, 3)
        self.assertIn("none of 2 series was loaded", done.stderr())

    def test_a_file(self):
        path = self.write("symbol,name\nAAPL,Apple\n\n# a remark\nspx;S&P 500\nA:B\nAAPL\neur/usd\n" + 5000 * "x" + "\n")
        done = self.many("1d", "--symbols", path)
        self.assertEqual(done.code, FAILED)
        self.assertIn(path + ":6: instrument 'A:B': use SYMBOL:KIND", done.stderr())
        self.assertIn(path + ":9: ", done.stderr())
        self.assertIn("2 lines of %s name no instrument" % path, done.stderr())
        self.assertEqual(self.parts(done), [("AAPL", "1d", 0, 5), ("SPX", "1d", 0, 5), ("EURUSD", "1d", 0, 5)])

    def test_standard_input(self):
        with open(self.write("AAPL\nMSFT\n")) as file:
            done = self.many("MSFT", "1d", "--symbols", "-", stdin=file)
        self.assertEqual(done.code, 0, done.transcript())
        self.assertEqual([part[0] for part in self.parts(done)], ["MSFT", "AAPL"])

    def test_what_is_no_list(self):
        for args, says in [(["1d"], "SYMBOL and TIMEFRAME are needed, or --symbols FILE"),
                           (["1d", "--symbols", self.path("nowhere")], "cannot open"),
                           (["1d", "--symbols", self.write("# nothing\n")], "names no symbol"),
                           (["AAPL,,MSFT", "1d"], "an instrument has 1 to 63 bytes"),
                           (["AAPL", "1d,5x"], "5x")]:
            with self.subTest(says):
                done = self.millrace("data", "load", *args, "--output=text")
                self.assertNotEqual(done.code, 0)
                self.assertIn(says, done.stderr())

    def test_cancelling_it_cancels_those_that_run(self):
        self.go_on.clear()
        load = self.start("millrace", "data", "load", "A1,A2,A3,A4,A5,A6", "1d", *WINDOW, "--output=json")
        self.assertTrue(self.asked.wait(60))
        load.signal(signal.SIGINT)
        self.go_on.set()
        self.assertNotEqual(load.wait(), 0)
        states = {one["name"]: one["state"] for one in self.json("ops", "list", "--limit", "50")}
        self.assertEqual({state for state in states.values()} - {"CANCELLED", "SUCCEEDED"}, set(), states)
        self.assertLess(len(states), 7)

    def states_behind_a_cancel(self, many, other):
        """Of the operations, once a load of many was interrupted while another command held one of its series."""
        many.signal(signal.SIGINT)
        self.assertEqual(many.wait(), 130, many.transcript())
        self.go_on.set()
        self.assertEqual(other.wait(), 0, other.transcript())
        self.assertIn("succeeded", outcome(other.json_lines()))
        self.assertIn("left to others: 1", outcome(many.json_lines())["cancelled"]["summary"])
        return {one["name"]: one["state"] for one in self.json("ops", "list")}

    def test_a_load_that_it_joined_goes_on_behind_its_cancel(self):
        self.go_on.clear()
        alone = self.start("millrace", "data", "load", "A1", "1d", *WINDOW, "--output=json")
        self.assertTrue(self.asked.wait(60))
        name = json.loads(alone.line(lambda line: line, "event"))["operation"]
        many = self.start("millrace", "data", "load", "A1,A2", "1d", *WINDOW, "--output=json")
        wait_for(lambda: len(self.json("ops", "list")) == 3, "second series of the load of many")
        states = self.states_behind_a_cancel(many, alone)
        self.assertEqual(states.pop(name), "SUCCEEDED")
        self.assertEqual(set(states.values()), {"CANCELLED"})

    def test_a_part_that_somebody_joined_goes_on_behind_its_cancel(self):
        self.go_on.clear()
        many = self.start("millrace", "data", "load", "A1,A2", "1d", *WINDOW, "--output=json")
        name = json.loads(many.line(lambda line: line, "event"))["operation"]
        wait_for(lambda: len(self.json("ops", "list")) == 3, "both series")
        other = self.start("millrace", "data", "load", "A1", "1d", *WINDOW, "--output=json")
        joined = other.line(lambda line: "joined" in json.loads(line) and line, "joined event")
        self.assertEqual(json.loads(joined)["operation"], name + "-1")
        states = self.states_behind_a_cancel(many, other)
        self.assertEqual(states.pop(name + "-1"), "SUCCEEDED")
        self.assertEqual(set(states.values()), {"CANCELLED"})

    def test_a_series_that_waits_for_its_turn_is_in_use(self):
        self.many("A6", "1d")
        self.go_on.clear()
        self.asked.clear()
        self.start("millrace", "data", "load", "A1,A2,A3,A4,A5,A6", "1d", *WINDOW, "--output=json")
        self.assertTrue(self.asked.wait(60))
        done = self.millrace("data", "delete", "A6", "1d", "--yes", "--output=text")
        self.check_one_line(done, "A6 1d is used by load-many-", code=REFUSED)


class FullTest(ManyCase):
    """No operation waits for a place that it holds itself."""

    def start_backend(self, **options):
        self.backend, self.backend_tcp = self.serve("millrace-backend", self.backend_unix, "--home", self.home,
                                                    "--ib-host", self.host_unix, "--operations", "2")

    def test_parts_have_places_of_their_own(self):
        self.go_on.clear()
        all_ = [self.start("millrace", "data", "load", symbols, "1d", *WINDOW, "--output=json")
                for symbols in ("A1,A2,A3", "B1,B2,B3")]
        wait_for(lambda: len(self.json("ops", "list")) == 4, "two loads of many with a series each")
        self.go_on.set()
        for each in all_:
            self.assertEqual(each.wait(), 0, each.transcript())


class KilledTest(MeshCase):
    def test_it_goes_on_after_a_kill(self):
        series = LongSeries(self.path("market"))
        log = self.set_papergate_flags("--latency-ms", "20")
        mesh = self.up(market=series.market)
        symbols = ["LONG", "SYNA", "SYNB", "SYNC", "SYND", "SYNE"]
        load = self.start("millrace", "data", "load", ",".join(symbols), "1h", "--from", "2018-01-01", "--to",
                          "2022-10-01", "--output=json")
        wait_for(lambda: len(read_log(log, "reqHistoricalData")) > 30, "load in the middle")
        os.kill(children(mesh.pid)["millrace-backend"], signal.SIGKILL)
        self.assertEqual(load.wait(120), 0, load.transcript())
        result = outcome(load.json_lines())["succeeded"]["loadMany"]
        self.assertEqual([(part["symbol"], part["code"]) for part in result["parts"]],
                         [(symbol, 0) for symbol in symbols])
        for symbol in symbols:
            self.assertEqual(self.json("data", "gaps", symbol, "1h"), [])


if __name__ == "__main__":
    unittest.main()
