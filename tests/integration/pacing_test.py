"""Interactive Brokers' pacing rules for small bars, as a gateway keeps them whose clock runs sixty times as
fast: ten minutes are ten seconds."""

import unittest

from mesh_processes import MARKET, Gateway, outcome
from reflected import Client
from served import LayersCase

SPEED = "60"


class PacingTest(LayersCase):
    # 50 requests each: nearly a window's, and both of them are more.
    WINDOW = ["--from", "2020-03-02T00:00:00Z", "--to", "2020-03-06T04:00:00Z"]
    SECONDS = 100 * 3600

    def host_flags(self):
        return ["--pacing-speed", SPEED]

    def setUp(self):
        super().setUp()
        log = self.path("papergate.jsonl")
        process = self.start("papergate", "--market", MARKET, "--port", "0", "--log", log, "--clock-speed", SPEED)
        self.gateway = Gateway(process, log)
        self.start_layers(self.gateway.address)

    def test_no_rule_is_broken_and_nobody_waits_behind_another(self):
        loads = [self.start("millrace", "data", "load", symbol, "5s", *self.WINDOW, "--output=json")
                 for symbol in ["SYNA", "SYNB"]]
        for load in loads:
            self.assertEqual(load.wait(240), 0, load.transcript()[-2000:])
            events = load.json_lines()
            self.assertEqual([one for one in events if "attempt" in one], [])
            notes = [one["progress"]["note"] for one in events if "progress" in one]
            self.assertTrue(any(note.startswith("waits until 20") for note in notes), notes)
            result = outcome(events)["succeeded"]["load"]
            self.assertEqual((int(result["barsStored"]), result["missing"]), (self.SECONDS / 5, []))
        with open(self.gateway.log) as file:
            self.assertNotIn("pacing violation", file.read())
        asked = [one["symbol"] for one in self.gateway.events("reqHistoricalData")]
        self.assertEqual(len(asked), 100)
        for i in range(10, 80):
            self.assertEqual(set(asked[i:i + 12]), {"SYNA", "SYNB"}, asked)

    def test_who_waits_is_served_in_the_order_of_arrival(self):
        """Thirty requests for one instrument at once, of which five may go in 2 s."""
        hours = ["2020-03-02T%02d:00:00Z" % hour for hour in range(16)]
        with Client(self.host_unix) as client:
            fetches = [client.call("millrace.v1.IbHost/FetchBars",
                                   {"symbol": "SYNA", "timeframe": timeframe, "from": begin, "to": end})
                       for timeframe in ("5s", "10s") for begin, end in zip(hours, hours[1:])]
            for fetch in fetches:
                list(fetch)
        asked = [(one["barSize"], one["end"]) for one in self.gateway.events("reqHistoricalData")]
        self.assertEqual(len(set(asked)), len(fetches), asked)
        self.assertEqual(asked, sorted(asked, key=lambda one: (one[0] != "5 secs", one[1])))

    def test_what_the_rules_do_not_speak_of_goes_on(self):
        small = self.start("millrace", "data", "load", "SYNA", "5s", "--from", "2020-03-02", "--to", "2020-03-09",
                           "--output=json")
        small.line(lambda line: '"segment"' in line, "stored segment")
        self.ok("data", "load", "SYNB", "1m", *self.WINDOW)
        self.assertTrue(small.running(), small.transcript()[-2000:])
        self.assertEqual(small.wait(240), 0, small.transcript()[-2000:])
        with open(self.gateway.log) as file:
            self.assertNotIn("pacing violation", file.read())


if __name__ == "__main__":
    unittest.main()
