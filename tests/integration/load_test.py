"""Loading real series: complete, equal to the source number for number, and never twice."""

import os
import stat
import subprocess
import unittest

import made_up
from mesh_processes import DEADLINE_S, MARKET, MeshCase, file_rows, outcome, read_log

SERIES = [("EURUSD", "1h", 5000), ("SPX", "1d", 5105)]
SERIES_KNOWN_TO = "2018-02-01"  # before the last bar of the first


class LoadTest(MeshCase):
    def test_loads_every_bar_of_the_sample_data(self):
        self.up()
        for symbol, timeframe, count in SERIES:
            with self.subTest(symbol):
                done = outcome(self.json("data", "load", symbol, timeframe))
                self.assertEqual(int(done["succeeded"]["load"]["barsInWindow"]), count)
                self.assertEqual(int(done["succeeded"]["load"]["barsStored"]), count)
                self.assertEqual(self.export(symbol, timeframe),
                                 file_rows("%s/%s-%s.csv" % (MARKET, symbol, timeframe)))

    def test_exports_awkward_numbers_exactly(self):
        market = self.path("market")
        os.mkdir(market)
        made_up.write(market + "/AWK-1d.csv", "2021-03-01", 86400, 700, seed=1)
        made_up.write(market + "/ODD-5m.csv", "2024-02-26", 300, 2000, seed=2)
        self.up(market=market)
        windows = {"AWK": ("1d", "2021-03-01", "2023-02-01"),
                   "ODD": ("5m", "2024-02-26", "2024-03-05")}
        for symbol, (timeframe, start, end) in windows.items():
            with self.subTest(symbol):
                self.ok("data", "load", symbol, timeframe, "--from", start, "--to", end)
                self.assertEqual(self.export(symbol, timeframe),
                                 file_rows("%s/%s-%s.csv" % (market, symbol, timeframe)))

    def test_a_second_load_asks_the_gateway_for_nothing(self):
        log = self.set_papergate_flags()
        self.up()
        load = ["data", "load", "EURUSD", "1h", "--to", SERIES_KNOWN_TO]
        self.ok(*load)
        before = len(read_log(log, "reqHistoricalData"))
        self.assertGreater(before, 0)

        done = outcome(self.json(*load))
        self.assertEqual(done["succeeded"]["load"].get("requests", 0), 0)
        self.assertEqual(int(done["succeeded"]["load"].get("barsStored", 0)), 0)
        self.assertGreater(int(done["succeeded"]["load"]["barsInWindow"]), 4000)
        self.assertEqual(len(read_log(log, "reqHistoricalData")), before)

    def test_what_no_later_bar_confirms_is_asked_for_again(self):
        """The file has no bar behind its end: what follows is asked for twice and then rests, but for what is
        so young that it may be late."""
        log = self.set_papergate_flags()
        self.up()
        asked = []
        for _ in range(3):
            self.ok("data", "load", "EURUSD", "1h")
            asked.append(len(read_log(log, "reqHistoricalData")))
        self.assertGreater(asked[0], 2)
        self.assertIn(asked[1] - asked[0], (1, 2))  # the young part may lie in a closed market
        self.assertIn(asked[2] - asked[1], (0, 1))
        self.assertEqual(self.export("EURUSD", "1h"), file_rows(MARKET + "/EURUSD-1h.csv"))

    def test_a_bad_bar_is_refused_counted_and_named(self):
        market = self.path("market")
        os.mkdir(market)
        with open(market + "/ODD-1d.csv", "w") as file:
            file.write("time_utc,open,high,low,close,volume\n"
                       "2024-01-02T00:00:00Z,1,2,0.5,1.5,10\n"
                       "2024-01-03T00:00:00Z,9,2,0.5,1.5,10\n"
                       "2024-01-04T00:00:00Z,1,3,0.5,1.5,10\n")
        self.up(market=market)
        load = self.json("data", "load", "ODD", "1d")
        result = outcome(load)["succeeded"]["load"]
        self.assertEqual((result["barsStored"], result["barsRefused"]), (2, 1))
        self.assertIn("2024-01-03", result["firstRefused"])
        self.assertEqual([row[0][:10] for row in self.export("ODD", "1d")],
                         ["2024-01-02", "2024-01-04"])

    def test_export_writes_a_file(self):
        self.up()
        self.ok("data", "load", "SPX", "1d")
        out = self.path("spx.csv")
        self.assertEqual(self.ok("data", "export", "SPX", "1d", "--out", out).stdout(), "")
        self.assertEqual(file_rows(out), file_rows(MARKET + "/SPX-1d.csv"))

    def test_export_replaces_regular_files_alone(self):
        self.up()
        self.ok("data", "load", "SPX", "1d")
        link, fifo, part = self.path("link.csv"), self.path("fifo"), self.path("spx.csv.part")
        for path in [self.path("spx.csv"), part]:
            with open(path, "w") as file:
                file.write("old")
        os.symlink("spx.csv", link)
        self.ok("data", "export", "SPX", "1d", "--out", link)
        self.assertTrue(os.path.islink(link))
        self.assertEqual(file_rows(link), file_rows(MARKET + "/SPX-1d.csv"))
        with open(part) as file:
            self.assertEqual(file.read(), "old")
        os.mkfifo(fifo)
        with open(self.path("read.csv"), "w") as file:
            reader = subprocess.Popen(["cat", fifo], stdout=file)
        self.ok("data", "export", "SPX", "1d", "--out", fifo)
        self.assertEqual(reader.wait(DEADLINE_S), 0)
        self.assertEqual(file_rows(self.path("read.csv")), file_rows(link))
        self.assertTrue(stat.S_ISFIFO(os.stat(fifo).st_mode))


class StreamTest(MeshCase):
    """What a load says, and what is said about it afterwards."""

    def setUp(self):
        super().setUp()
        self.up()
        self.events = self.json("data", "load", "SPX", "1d")
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
        shown = self.json("ops", "show", self.name)[0]
        self.assertEqual(shown["state"], "SUCCEEDED")
        self.assertEqual(int(shown["lastSequence"]), len(self.durable(self.events)))
        self.assertEqual(shown["outcome"], outcome(self.events))
        again = self.json("ops", "events", self.name)
        self.assertEqual([self.essence(event) for event in again],
                         [self.essence(event) for event in self.durable(self.events)])

    @staticmethod
    def essence(event):
        """Without the times of the layers that it passed on its way to one watcher."""
        return {key: value for key, value in event.items() if key != "hops"}

    def test_ops_list_names_it(self):
        listed = self.json("ops", "list")
        self.assertEqual([(one["name"], one["state"]) for one in listed],
                         [(self.name, "SUCCEEDED")])

    def test_data_list_and_show_and_gaps(self):
        listed = self.json("data", "list")
        self.assertEqual([(one["symbol"], one["timeframe"], int(one["bars"])) for one in listed],
                         [("SPX", "1d", 5105)])
        self.assertTrue(listed[0]["first"].startswith("2000-01-03T00:00:00"))
        gaps = self.json("data", "gaps", "SPX", "1d")
        self.assertEqual({gap["cause"] for gap in gaps}, {"UNSETTLED"})  # behind the last bar
        self.assertEqual(gaps[0]["interval"]["from"], "2020-04-18T00:00:00Z")
        self.assertEqual(self.json("data", "gaps", "SPX", "1d", "--to", "2020-04-17"), [])
        self.assertGreater(len(self.json("data", "show", "SPX", "1d")), 0)

    def test_gaps_names_what_nobody_asked_for(self):
        self.ok("data", "load", "EURUSD", "1h", "--from", "2017-05-01", "--to", "2017-06-01")
        gaps = self.json("data", "gaps", "EURUSD", "1h", "--from", "2017-05-15", "--to",
                         "2017-06-15")
        self.assertEqual([gap["cause"] for gap in gaps], ["NEVER_ASKED"])
        self.assertTrue(gaps[0]["interval"]["from"].startswith("2017-06-01"))
        self.assertTrue(gaps[0]["interval"]["to"].startswith("2017-06-15"))


if __name__ == "__main__":
    unittest.main()
