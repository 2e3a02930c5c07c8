"""The hosts of a mesh: what they are doing, and emptying one while it works."""

import os
import signal
import unittest

from made_up import LongSeries
from mesh_processes import MeshCase, children, file_rows, outcome, wait_for

AWAY = ["DRAINING", "LINK_DOWN", "GATEWAY_DOWN"]


class HostsTest(MeshCase):
    def test_list(self):
        mesh = self.up()
        hosts = {host["name"]: host for host in self.json("hosts", "list")}
        self.assertEqual({name: host["state"] for name, host in hosts.items()},
                         {"ib-host": "SERVING", "training-host": "SERVING"})
        for name, host in hosts.items():
            self.assertEqual(int(host["pid"]), children(mesh.pid)["millrace-" + name])
        self.assertIn("SERVING", self.ok("hosts", "list").stdout())

    def test_one_that_is_away_is_listed_with_the_reason(self):
        mesh = self.up()
        os.kill(children(mesh.pid)["millrace-ib-host"], signal.SIGSTOP)
        hosts = {host["name"]: host for host in self.json("hosts", "list")}
        os.kill(children(mesh.pid)["millrace-ib-host"], signal.SIGCONT)
        self.assertEqual(hosts["ib-host"]["state"], "UNREACHABLE")
        self.assertNotEqual(hosts["ib-host"]["note"], "")
        self.assertEqual(hosts["training-host"]["state"], "SERVING")

    def test_an_unknown_one(self):
        self.up()
        done = self.millrace("hosts", "drain", "gpu-7")
        self.check_one_line(done, "gpu-7", "ib-host", code=3)

    def test_drain_during_a_load(self):
        series = LongSeries(self.path("market"))
        self.set_papergate_flags("--latency-ms", "50")
        mesh = self.up(market=series.market)
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        load.line(lambda line: '"segment"' in line, "stored segment")
        old = children(mesh.pid)["millrace-ib-host"]
        said = self.json("hosts", "drain", "ib-host", "--limit", "120s")  # a slow machine is no reason
        self.assertEqual(said[0]["state"], "DRAINING")
        self.assertEqual(int(said[-1].get("running", 0)), 0)
        wait_for(lambda: children(mesh.pid).get("millrace-ib-host", old) != old, "new ib-host")
        self.assertEqual(load.wait(), 0, load.transcript())
        self.assertEqual(outcome(load.json_lines())["succeeded"]["load"]["missing"], [])
        self.assertEqual(self.export("LONG", "1h"), file_rows(series.path))

    def test_one_that_is_away_is_one_line(self):
        """However many pieces meet it, and however long it stays away."""
        series = LongSeries(self.path("market"))
        self.set_papergate_flags("--latency-ms", "50")
        mesh = self.up(market=series.market)
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        load.line(lambda line: '"segment"' in line, "stored segment")
        mesh.signal(signal.SIGSTOP)
        drained = self.ok("hosts", "drain", "ib-host", "--output=text")
        self.assertEqual(len(drained.stdout().splitlines()), 1, drained.transcript())
        attempts = lambda: [one for one in load.json_lines() if "attempt" in one]
        load.line(lambda line: '"waits since' in line and "ib-host" in line, "word of the wait")
        mesh.signal(signal.SIGCONT)
        self.assertEqual(load.wait(), 0, load.transcript())
        for one in attempts():
            self.assertIn(one["attempt"]["error"]["details"][0]["reason"], AWAY)
        text = self.ok("ops", "watch", attempts()[0]["operation"], "--output=text").stdout()
        self.assertEqual([line for line in text.splitlines() if "ib-host" in line],
                         [text.splitlines()[0]], text)
        self.assertIn("; waiting", text)
        self.assertNotIn("failed", text)

    def test_a_live_stream_goes_on_with_the_next_host(self):
        self.set_papergate_flags("--live-interval-ms", "50")
        mesh = self.up()
        watch = self.start("millrace", "data", "watch", "SYNA", "1m", "--output=json")
        watch.line(lambda line: '"bars"' in line, "live bar")
        self.json("hosts", "drain", "ib-host")
        watch.line(lambda line: '"drain"' in line, "drain event")
        seen = len(watch.out)
        wait_for(lambda: len(watch.out) > seen + 3 or not watch.running(), "bars of the next host")
        self.assertTrue(watch.running(), watch.transcript())
        watch.signal(signal.SIGINT)
        self.assertEqual(watch.wait(), 130, watch.transcript())


if __name__ == "__main__":
    unittest.main()
