"""Loading real series: complete, equal to the source number for number, and never twice."""

import datetime
import os
import random
import unittest

from mesh_processes import MARKET, MeshCase, file_rows, outcome, read_log

SERIES = [("EURUSD", "1h", 5000), ("SPX", "1d", 5105)]


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


def write_awkward_csv(path, times, seed):
    generator = random.Random(seed)
    with open(path, "w") as file:
        file.write("time_utc,open,high,low,close,volume\n")
        for time in times:
            volume = generator.choice([0, 1, 0.5, 1e15 + 1, generator.random() * 1e6])
            bar = awkward_bar(generator)
            file.write(",".join([time, *map(repr, bar), repr(volume)]) + "\n")


def days(count):
    """Every day of so many: a market without weekends."""
    first = datetime.date(2021, 3, 1)
    return ["%sT00:00:00Z" % (first + datetime.timedelta(days=i)) for i in range(count)]


def five_minutes(count):
    first = datetime.datetime(2024, 2, 26)
    return [(first + datetime.timedelta(minutes=5 * i)).strftime("%Y-%m-%dT%H:%M:%SZ")
            for i in range(count)]


class LoadTest(MeshCase):
    def test_loads_every_bar_of_the_sample_data(self):
        self.up()
        for symbol, timeframe, count in SERIES:
            with self.subTest(symbol):
                done = outcome(self.ok("data", "load", symbol, timeframe, "--output=json").json_lines())
                self.assertEqual(int(done["succeeded"]["load"]["barsInWindow"]), count)
                self.assertEqual(int(done["succeeded"]["load"]["barsStored"]), count)
                self.assertEqual(self.export(symbol, timeframe),
                                 file_rows("%s/%s-%s.csv" % (MARKET, symbol, timeframe)))

    def test_exports_awkward_numbers_exactly(self):
        market = self.path("market")
        os.mkdir(market)
        write_awkward_csv(market + "/AWK-1d.csv", days(700), seed=1)
        write_awkward_csv(market + "/ODD-5m.csv", five_minutes(2000), seed=2)
        self.up(market=market)
        windows = {"AWK": ("1d", "2021-03-01", "2023-02-01"), "ODD": ("5m", "2024-02-26", "2024-03-05")}
        for symbol, (timeframe, start, end) in windows.items():
            with self.subTest(symbol):
                self.ok("data", "load", symbol, timeframe, "--from", start, "--to", end)
                self.assertEqual(self.export(symbol, timeframe),
                                 file_rows("%s/%s-%s.csv" % (market, symbol, timeframe)))

    def test_a_second_load_asks_the_gateway_for_nothing(self):
        log = self.set_papergate_flags()
        self.up()
        self.ok("data", "load", "EURUSD", "1h")
        before = len(read_log(log, "reqHistoricalData"))
        self.assertGreater(before, 0)

        done = outcome(self.ok("data", "load", "EURUSD", "1h", "--output=json").json_lines())
        self.assertEqual(done["succeeded"]["load"].get("requests", 0), 0)
        self.assertEqual(int(done["succeeded"]["load"].get("barsStored", 0)), 0)
        self.assertEqual(int(done["succeeded"]["load"]["barsInWindow"]), 5000)
        self.assertEqual(len(read_log(log, "reqHistoricalData")), before)

    def test_a_bad_bar_is_refused_counted_and_named(self):
        market = self.path("market")
        os.mkdir(market)
        with open(market + "/ODD-1d.csv", "w") as file:
            file.write("time_utc,open,high,low,close,volume\n"
                       "2024-01-02T00:00:00Z,1,2,0.5,1.5,10\n"
                       "2024-01-03T00:00:00Z,9,2,0.5,1.5,10\n"
                       "2024-01-04T00:00:00Z,1,3,0.5,1.5,10\n")
        self.up(market=market)
        load = self.ok("data", "load", "ODD", "1d", "--output=json").json_lines()
        result = outcome(load)["succeeded"]["load"]
        self.assertEqual((result["barsStored"], result["barsRefused"]), ("2", "1"))
        self.assertIn("2024-01-03", result["firstRefused"])
        self.assertEqual([row[0][:10] for row in self.export("ODD", "1d")],
                         ["2024-01-02", "2024-01-04"])

    def test_export_writes_a_file(self):
        self.up()
        self.ok("data", "load", "SPX", "1d")
        out = self.path("spx.csv")
        self.assertEqual(self.ok("data", "export", "SPX", "1d", "--out", out).stdout(), "")
        self.assertEqual(file_rows(out), file_rows(MARKET + "/SPX-1d.csv"))


class StreamTest(MeshCase):
    """What a load says, and what is said about it afterwards."""

    def setUp(self):
        super().setUp()
        self.up()
        self.events = self.ok("data", "load", "SPX", "1d", "--output=json").json_lines()
        self.name = self.events[0]["operation"]

    def durable(self, events):
        return [event for event in events if event["eventClass"] == "DURABLE"]

    def test_durable_events_are_dense_and_end_with_the_outcome(self):
        numbers = [int(event["sequence"]) for event in self.durable(self.events)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertIn("accepted", self.events[0])
        self.assertIn("outcome", self.events[-1])
        self.assertTrue(all(event["operation"] == self.name for event in self.events))

    def test_segments_add_up(self):
        segments = [event["segment"] for event in self.events if "segment" in event]
        self.assertEqual(sum(int(segment.get("bars", 0)) for segment in segments), 5105)
        result = outcome(self.events)["succeeded"]["load"]
        self.assertEqual(len(segments), result["segmentsPlanned"])

    def test_ops_show_and_events_agree_with_the_stream(self):
        shown = self.ok("ops", "show", self.name, "--output=json").json_lines()[0]
        self.assertEqual(shown["state"], "SUCCEEDED")
        self.assertEqual(int(shown["lastSequence"]), len(self.durable(self.events)))
        self.assertEqual(shown["outcome"], outcome(self.events))
        again = self.ok("ops", "events", self.name, "--output=json").json_lines()
        self.assertEqual([self.essence(event) for event in again],
                         [self.essence(event) for event in self.durable(self.events)])

    @staticmethod
    def essence(event):
        """Without the times of the layers that it passed on its way to one watcher."""
        return {key: value for key, value in event.items() if key != "hops"}

    def test_ops_list_names_it(self):
        listed = self.ok("ops", "list", "--output=json").json_lines()
        self.assertEqual([(one["name"], one["state"]) for one in listed], [(self.name, "SUCCEEDED")])

    def test_data_list_and_show_and_gaps(self):
        listed = self.ok("data", "list", "--output=json").json_lines()
        self.assertEqual([(one["symbol"], one["timeframe"], int(one["bars"])) for one in listed],
                         [("SPX", "1d", 5105)])
        self.assertTrue(listed[0]["first"].startswith("2000-01-03T00:00:00"))
        self.assertEqual(self.ok("data", "gaps", "SPX", "1d", "--output=json").stdout(), "")
        self.assertGreater(len(self.ok("data", "show", "SPX", "1d", "--output=json").json_lines()), 0)

    def test_gaps_names_what_nobody_asked_for(self):
        gaps = self.ok("data", "gaps", "SPX", "1d", "--from", "1999-01-01", "--to", "2001-01-01",
                       "--output=json").json_lines()
        self.assertEqual([gap["cause"] for gap in gaps], ["NEVER_ASKED"])
        self.assertTrue(gaps[0]["interval"]["from"].startswith("1999-01-01"))


if __name__ == "__main__":
    unittest.main()
