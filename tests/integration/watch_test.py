"""Live bars, through every layer, until Ctrl-C."""

import json
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

    def test_a_series_without_live_bars_says_so(self):
        for symbol in ["EURUSD", "NOSUCH"]:  # one that has no one-minute bars, one that is unknown
            with self.subTest(symbol):
                done = self.millrace("data", "watch", symbol, "1m", "--output=json")
                self.assertEqual(done.code, 3, done.transcript())
                self.assertIn(symbol, done.transcript())


if __name__ == "__main__":
    unittest.main()
