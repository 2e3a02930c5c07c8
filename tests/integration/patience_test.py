"""A source that is away costs time, and nothing else: no attempt, no bar, no operation."""

import json
import signal
import unittest

from made_up import LongSeries
from mesh_processes import file_rows, outcome, wait_for
from reflected import Client
from scripted import DAY, NO_DATA, ScriptedGateway, at, bar
from served import LayersCase
from wire import Wire

UNAVAILABLE = 4


class WaitingCase(LayersCase):
    def load(self, *words):
        return self.start("millrace", "data", "load", *words, "--output=json")

    def await_wait(self, load, *parts):
        """The load says that it waits, and for what."""
        def note(line):
            said = json.loads(line).get("progress", {}).get("note", "")
            return said.startswith("waits since 20") and all(part in said for part in parts) and said
        return load.line(note, "word of the wait")

    def attempts(self, load):
        return [event["attempt"] for event in load.json_lines() if "attempt" in event]


class GatewayAwayTest(WaitingCase):
    def setUp(self):
        super().setUp()
        self.series = LongSeries(self.path("market"))

    def start_mesh(self, *flags):
        self.gateway = self.papergate(*flags, market=self.series.market)
        self.wire = Wire(("127.0.0.1", self.gateway.port))
        self.addCleanup(self.wire.cut)
        self.start_layers(self.wire.address)

    def check_all_came(self, load):
        self.assertEqual(load.wait(), 0, load.transcript())
        result = outcome(load.json_lines())["succeeded"]["load"]
        self.assertEqual(result["missing"], [])
        self.assertEqual(self.export("LONG", "1h"), file_rows(self.series.path))

    def test_one_that_is_not_there_yet(self):
        self.start_mesh()
        self.wire.cut()
        load = self.load("LONG", "1h")  # it asks for the first bar first
        self.await_wait(load, self.wire.address, "refused")
        self.wire.mend()
        self.check_all_came(load)
        # Years without a bar are not believed beside a connection that is new: one line more.
        self.assertLessEqual([one["error"]["details"][0]["reason"] for one in self.attempts(load)],
                             ["GATEWAY_DOWN", "SOURCE_AWAY"])

    def test_one_that_goes_in_the_middle(self):
        """Twice, and each time it is a line of the history, not one for each segment and attempt."""
        self.start_mesh("--latency-ms", "50")
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        for _ in range(2):
            seen = len(load.out)
            wait_for(lambda: any('"segment"' in line for _, line in load.out[seen:]), "stored segment")
            self.wire.cut()
            seen = len(load.out)
            wait_for(lambda: any("waits since" in line for _, line in load.out[seen:]), "word of the wait")
            self.wire.mend()
        self.check_all_came(load)
        self.assertLessEqual(len(self.attempts(load)), 4)
        self.assertEqual({one["error"]["details"][0]["reason"] for one in self.attempts(load)},
                         {"GATEWAY_DOWN"})

    def test_the_patience_ends(self):
        self.start_mesh()
        self.wire.cut()
        done = self.millrace("data", "load", "LONG", "1h", "--patience", "1s")
        self.check_one_line(done, self.wire.address, code=UNAVAILABLE)
        self.assertIn("waited for it since 20", done.transcript())
        self.wire.mend()
        self.check_all_came(self.load("LONG", "1h"))

    def test_what_was_there_stays_when_the_patience_ends(self):
        self.start_mesh("--latency-ms", "50")
        load = self.start("millrace", *LongSeries.LOAD, "--patience", "1s", "--output=json")
        load.line(lambda line: '"segment"' in line, "stored segment")
        self.wire.cut()
        self.assertEqual(load.wait(), 1, load.transcript())
        result = outcome(load.json_lines())["succeeded"]["load"]
        self.assertGreater(int(result["barsStored"]), 0)
        self.assertGreater(len(result["missing"]), 0)
        self.assertIn("waited for it since", result["missingReason"])
        self.wire.mend()
        self.check_all_came(self.start("millrace", *LongSeries.LOAD, "--output=json"))

    def test_a_slow_answer_is_waited_for_when_it_is_back(self):
        """It is away for a moment, and its answer takes longer than the patience."""
        self.start_mesh("--latency-ms", "2500")
        load = self.start("millrace", *LongSeries.LOAD, "--patience", "2s", "--output=json")
        load.line(lambda line: '"segment"' in line, "stored segment")
        self.wire.cut()
        self.await_wait(load)
        self.wire.mend()
        self.check_all_came(load)

    def test_a_cancel_is_heard(self):
        self.start_mesh()
        self.wire.cut()
        load = self.load("LONG", "1h")
        self.await_wait(load)
        load.signal(signal.SIGINT)
        self.assertEqual(load.wait(), 130, load.transcript())

    def test_a_host_that_is_away(self):
        self.start_mesh()
        self.assertEqual(self.host.end(), 0)
        load = self.load("LONG", "1h")
        self.await_wait(load, "ib-host")
        self.host, _ = self.serve("millrace-ib-host", self.host_unix, "--gateway", self.wire.address)
        self.check_all_came(load)


class SilentGatewayTest(WaitingCase):
    """A machine that vanished: its connections are there and nothing comes."""

    def host_flags(self):
        return ["--request-timeout-ms", "1000", "--connect-timeout-ms", "1000"]

    def test_the_connection_is_given_up(self):
        series = LongSeries(self.path("market"))
        gateway = self.papergate("--latency-ms", "50", market=series.market)
        self.start_layers(gateway.address)
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        load.line(lambda line: '"segment"' in line, "stored segment")
        gateway.process.signal(signal.SIGSTOP)
        self.await_wait(load, gateway.address)  # it said nothing, or does not answer the next greeting
        with Client(self.socket("backend")) as client:
            status, = client.call("millrace.v1.DataAdapter/Status", {})
        self.assertNotEqual(status["gateway"], "READY")
        gateway.process.signal(signal.SIGCONT)
        self.assertEqual(load.wait(), 0, load.transcript())
        self.assertEqual(self.export("LONG", "1h"), file_rows(series.path))


class DoubtTest(WaitingCase):
    """A year of daily bars a request: 2019 and 2020 are asked for, and one of them is not answered
    at first."""

    FLAGS = ["--from", "2018-01-01", "--to", "2022-01-01", "--mode", "backfill"]

    def setUp(self):
        super().setUp()
        self.odd = []  # what is said of the bars of 2019, in turn
        self.refuses = lambda ask: False
        self.refusal = (323, "Unable to do that")
        self.gateway = ScriptedGateway(self.answer)
        self.addCleanup(self.gateway.close)
        self.start_layers(self.gateway.address)
        self.ok("data", "load", "AAPL", "1d", "--from", "2017-01-01", "--to", "2017-02-01")
        self.gateway.asks.clear()

    def answer(self, ask):
        days = [t for t in range(at("2017-01-01"), at("2022-01-01"), DAY) if ask.from_s <= t < ask.end_s]
        if self.refuses(ask):
            return self.refusal
        if self.odd and any(at("2019-03-01") <= t < at("2019-10-01") for t in days):
            said, notices = self.odd.pop(0)
            self.gateway.notices += notices
            return said
        return [bar(t) for t in days] or NO_DATA

    def load_all(self):
        done = self.ok("data", "load", "AAPL", "1d", *self.FLAGS, "--output=json")
        self.assertEqual(outcome(done.json_lines())["succeeded"]["load"]["missing"], [])
        self.assertEqual(len(self.export("AAPL", "1d")), 31 + (at("2022-01-01") - at("2018-01-01")) // DAY)
        return done

    def load_without_servers(self):
        """A load that waits, because its gateway has lost them."""
        self.gateway.tell(1100, "Connectivity between IB and the Gateway has been lost")
        with Client(self.socket("backend")) as client:
            wait_for(lambda: next(iter(client.call("millrace.v1.DataAdapter/Status", {})))["gateway"] == "STALLED",
                     "host that knows")
        load = self.load("AAPL", "1d", *self.FLAGS)
        self.await_wait(load, "lost")
        return load

    def test_what_is_not_believed_is_asked_for_after_all_others(self):
        self.odd = [(NO_DATA, [(2105, "HMDS data farm connection is broken:ushmds"),
                               (2106, "HMDS data farm connection is OK:ushmds")])]
        done = self.load_all()
        self.assertEqual(len(self.attempts(done)), 1)
        asked = [ask.end_s for ask in self.gateway.asks]
        again = max(i for i, end_s in enumerate(asked) if asked.count(end_s) > 1)
        self.assertEqual(set(asked[:again]), set(asked), "all others were asked for before it")

    def test_a_gateway_that_lost_its_servers(self):
        load = self.load_without_servers()
        self.assertEqual(self.gateway.asks, [])
        self.gateway.tell(1102, "Connectivity between IB and the Gateway has been restored")
        self.assertEqual(load.wait(), 0, load.transcript())

    def test_doubt_has_an_end(self):
        """The servers of the gateway never come back; what else there was is stored."""
        self.odd = 1000 * [(NO_DATA, [(2105, "HMDS data farm connection is broken:ushmds"),
                                      (2106, "HMDS data farm connection is OK:ushmds")])]
        done = self.millrace("data", "load", "AAPL", "1d", *self.FLAGS, "--patience", "3s", "--output=json")
        self.assertEqual(done.code, 1, done.transcript())
        result = outcome(done.json_lines())["succeeded"]["load"]
        self.assertEqual(len(result["missing"]), 1)
        self.assertIn("not believed", result["missingReason"])

    def test_a_failure_of_another_kind_ends_the_wait_of_the_others(self):
        """Two segments wait. The source is back, and stumbles over the one that asks: the other gets its bars."""
        load = self.load_without_servers()
        self.refuses = lambda ask: ask.end_s == self.gateway.asks[0].end_s
        self.gateway.tell(1102, "Connectivity between IB and the Gateway has been restored")
        load.line(lambda line: '"segment"' in line and '"STORED"' in line, "segment of the other")
        self.refuses = lambda ask: False
        self.assertEqual(load.wait(), 0, load.transcript())

    def test_a_source_that_is_there_and_fails_is_asked_at_its_pace(self):
        """Every request is a violation: both segments ask, then one of them, a second after each answer."""
        self.refuses = lambda ask: True
        self.refusal = (162, "Historical Market Data Service error message:API historical data query pacing violation")
        done = self.millrace("data", "load", "AAPL", "1d", *self.FLAGS, "--patience", "3s")
        self.assertEqual(done.code, 1, done.transcript())
        self.assertIn("pacing violation; waited for it since 20", done.transcript())
        self.assertLessEqual(len(self.gateway.asks), 2 + 3)

    def host_flags(self):
        return ["--pacing-wait-ms", "1000"]

    def test_an_instrument_does_not_vanish_in_the_middle(self):
        self.odd = 2 * [((200, "No security definition has been found for the request"), [])]
        done = self.load_all()
        self.assertEqual([one["number"] for one in self.attempts(done)], [1, 2])

    def test_one_that_never_was_is_not_found(self):
        self.odd = [((200, "No security definition has been found for the request"), [])]
        done = self.millrace("data", "load", "MSFT", "1d", "--from", "2019-04-01", "--to", "2019-05-01")
        self.assertEqual(done.code, 3, done.transcript())


class WatchTest(LayersCase):
    def test_no_bar_is_lost_and_none_comes_twice(self):
        """A clock that is sixty times as fast: a bar a second. Some end while the wire is cut."""
        gateway = self.papergate("--live-interval-ms", "50", "--clock-speed", "60")
        wire = Wire(("127.0.0.1", gateway.port))
        self.addCleanup(wire.cut)
        self.start_layers(wire.address)
        watch = self.start("millrace", "data", "watch", "SYNA", "1m", "--output=json")

        def ended():
            return [int(time) for event in watch.json_lines() if event.get("eventClass") == "DURABLE"
                    for time in event.get("bars", {}).get("times", [])]

        wait_for(lambda: len(ended()) > 32, "bars that have ended")
        for _ in range(2):
            wire.cut()
            before = len(ended())
            wait_for(lambda: any("is away" in line for _, line in watch.err) or not watch.running(), "word of the wait")
            self.assertTrue(watch.running(), watch.transcript()[-2000:])
            watch.err.clear()
            wire.mend()
            wait_for(lambda: len(ended()) > before + 3 or not watch.running(), "bars after it")
        watch.signal(signal.SIGINT)
        self.assertEqual(watch.wait(), 130, watch.transcript())
        times = ended()
        self.assertEqual(times, list(range(times[0], times[-1] + 60, 60)))

    def test_its_patience_ends(self):
        wire = Wire(("127.0.0.1", 1))
        wire.cut()
        self.start_layers(wire.address)
        watch = self.millrace("data", "watch", "SYNA", "1m", "--patience", "1s", "--output=text")
        self.assertEqual(watch.code, UNAVAILABLE, watch.transcript())
        self.assertIn(wire.address, watch.transcript())


if __name__ == "__main__":
    unittest.main()
