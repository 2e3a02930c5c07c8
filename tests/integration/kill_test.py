"""kill -9 during a load: `millrace up` restarts what died, the load ends with every row."""

import json
import os
import signal
import unittest

from made_up import LongSeries
from mesh_processes import MeshCase, children, file_rows, outcome, wait_for


class KillTest(MeshCase):
    def setUp(self):
        super().setUp()
        self.series = LongSeries(self.path("market"))
        self.set_papergate_flags("--latency-ms", "100")
        self.mesh = self.up(market=self.series.market)

    def kill(self, program):
        """kill -9; returns once another process runs in its place."""
        dead = children(self.mesh.pid)[program]
        os.kill(dead, signal.SIGKILL)
        wait_for(lambda: children(self.mesh.pid).get(program, dead) != dead, "new " + program)

    def load_and_kill(self, *programs):
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        for program in programs:
            seen = len(load.out)
            load.line(lambda line: "segment" in json.loads(line), "stored segment")
            wait_for(lambda: len(load.out) > seen, "more events")
            self.kill(program)
        self.assertTrue(load.running(), "the load had ended before the kill")
        self.assertEqual(load.wait(120), 0, load.transcript())

        result = outcome(load.json_lines())["succeeded"]["load"]
        self.assertEqual(int(result["barsInWindow"]), len(file_rows(self.series.path)))
        self.assertEqual(result["missing"], [])
        self.assertEqual(self.export("LONG", "1h"), file_rows(self.series.path))

    def test_ib_host(self):
        self.load_and_kill("millrace-ib-host")

    def test_papergate(self):
        self.load_and_kill("papergate")

    def test_both(self):
        self.load_and_kill("millrace-ib-host", "papergate")

    def test_backend(self):
        self.load_and_kill("millrace-backend")

    def test_all(self):
        self.load_and_kill("millrace-backend", "millrace-ib-host", "papergate", "millrace-backend")


if __name__ == "__main__":
    unittest.main()
