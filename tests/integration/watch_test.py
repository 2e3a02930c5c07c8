"""Live bars, through every layer, until Ctrl-C."""

import json
import os
import signal
import unittest

from mesh_processes import MeshCase, read_log, wait_for


class WatchTest(MeshCase):
    def setUp(self):
        super().setUp()
        self.log = self.set_papergate_flags("--live-interval-ms", "50")
        self.up()

    def test_bars_come_until_ctrl_c(self):
        watch = self.start("millrace", "data", "watch", "SYNA", "1m", "--output=json")
        watch.line(lambda line: "bars" in json.loads(line), "bars so far")
        watch.line(lambda line: json.loads(line).get("bars", {}).get("forming"), "forming bar")
        watch.signal(signal.SIGINT)
        self.assertEqual(watch.wait(), 130)
        wait_for(lambda: read_log(self.log, "cancelHistoricalData"), "cancel at the gateway")

    def test_bars_that_have_ended_come_as_durable_events(self):
        """A clock that is sixty times as fast: a bar a second."""
        gateway = self.papergate("--live-interval-ms", "50", "--clock-speed", "60")
        self.home = self.path("fast")
        self.up(env={"MILLRACE_GATEWAY_ADDRESS": gateway.address})
        watch = self.start("millrace", "data", "watch", "SYNA", "1m", "--output=json")

        def events(forming):
            return [event for event in watch.json_lines() if event["bars"].get("forming", False) == forming]

        wait_for(lambda: len(events(False)) >= 4, "bars that have ended")
        watch.signal(signal.SIGINT)
        self.assertEqual(watch.wait(), 130)
        ended = [int(time) for event in events(False) for time in event["bars"]["times"]]
        self.assertEqual(ended, list(range(ended[0], ended[-1] + 60, 60)))
        self.assertEqual({event["eventClass"] for event in events(False)}, {"DURABLE"})
        self.assertEqual({event["eventClass"] for event in events(True)}, {"MERGEABLE"})

    def test_live_streams_have_places_of_their_own(self):
        """A load does not wait for the end of what has none; one stream too many is told so."""
        self.home = self.path("small")
        self.up(env={"MILLRACE_GATEWAY_MAX_OPEN": "1", "MILLRACE_GATEWAY_MAX_LIVE": "2"})
        for symbol in ("SYNA", "SYNB"):
            watch = self.start("millrace", "data", "watch", symbol, "1m", "--output=json")
            watch.line(lambda line: "bars" in json.loads(line), "bars so far")
        self.ok("data", "load", "SYNT", "1d", "--from=2024-03-04", "--to=2024-03-18")
        done = self.millrace("data", "watch", "SYNC", "1m", "--output=text")
        self.assertNotEqual(done.code, 0)
        self.assertIn("2 live streams run, and no more may (gateway.max_live)", done.stderr())

    def test_it_outlives_a_host_whose_socket_is_away(self):
        """The next host is started only when watch has met the missing socket."""
        away = "unix:" + self.path("away.sock")
        gateway = self.papergate("--live-interval-ms", "50")
        self.home = self.path("elsewhere")

        def start_host():
            host = self.start("millrace-ib-host", "--listen", away, "--gateway", gateway.address)
            host.line(lambda line: "listens on" in line, "listening host", err=True)
            return host

        host = start_host()
        self.start("millrace", "up", "--home", self.home, env={"MILLRACE_IB_HOST_ADDRESS": away}).line(
            lambda line: json.loads(line)["event"] == "ready", "healthy mesh")
        watch = self.start("millrace", "data", "watch", "SYNA", "1m", "--output=json")
        watch.line(lambda line: "bars" in json.loads(line), "bars so far")
        self.assertEqual(host.end(), 0)
        for _ in range(15):  # each is a call to the host that is away
            self.assertEqual(self.millrace("data", "search", "SYN").code, 4)
        seen = len(watch.out)
        start_host()
        wait_for(lambda: len(watch.out) > seen + 3 or not watch.running(), "bars of the next host")
        self.assertTrue(watch.running(), watch.transcript())
        watch.signal(signal.SIGINT)
        self.assertEqual(watch.wait(), 130, watch.transcript())

    def test_a_series_without_live_bars_says_so(self):
        for symbol in ["EURUSD", "NOSUCH"]:  # one that has no one-minute bars, one that is unknown
            with self.subTest(symbol):
                done = self.millrace("data", "watch", symbol, "1m", "--output=json")
                self.assertEqual(done.code, 3, done.transcript())
                self.assertIn(symbol, done.transcript())


if __name__ == "__main__":
    unittest.main()
