"""Drain: every program is restarted in turn while commands run; no command sees an error."""

import json
import os
import signal
import threading
import unittest

from counting import CountingCase, difference
from made_up import LongSeries
from mesh_processes import children, file_rows, outcome, wait_for

ROUNDS = 2


class RollingTest(CountingCase):
    def setUp(self):
        super().setUp()
        self.series = LongSeries(self.path("market"))
        self.set_papergate_flags("--latency-ms", "40")
        self.start_counter()
        self.mesh = self.up(market=self.series.market)

    def restart(self, program):
        """SIGTERM; the program must leave by itself, with 0, and `up` start another."""
        old = children(self.mesh.pid)[program]
        os.kill(old, signal.SIGTERM)
        wait_for(lambda: children(self.mesh.pid).get(program, old) != old, "new " + program)

    def ask_all_the_time(self, failures, stop):
        """Commands of a person who does not know what happens behind."""
        commands = [["ops", "list"], ["data", "list"], ["hosts", "list"]]
        while not stop.is_set():
            for command in commands:
                done = self.start("millrace", *command)
                if done.wait() != 0:
                    failures.append(done.transcript())
                self.processes.remove(done)

    def test_nobody_sees_an_error(self):
        failures, stop = [], threading.Event()
        name = self.count(to=600, stepUs=5000, checkpointEvery=100)
        watcher = self.watch(name)
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        load.line(lambda line: "segment" in json.loads(line), "stored segment")
        asking = threading.Thread(target=self.ask_all_the_time, args=(failures, stop))
        asking.start()
        try:
            for _ in range(ROUNDS):
                for program in ["millrace-backend", "millrace-ib-host"]:
                    self.restart(program)
                self.restart_counter()
                wait_for(lambda: self.millrace("status").code == 0, "healthy mesh")
        finally:
            stop.set()
            asking.join()
        self.assertEqual(failures, [])
        self.assertEqual(load.wait(), 0, load.transcript())
        self.assertEqual(watcher.wait(), 0, watcher.transcript())
        self.assertIsNone(difference(watcher.json_lines(), self.journal(name)))
        load_name = load.json_lines()[0]["operation"]
        self.assertIsNone(difference(load.json_lines(), self.journal(load_name)))
        self.assertIn("succeeded", outcome(self.journal(name)))
        self.assertEqual(self.export("LONG", "1h"), file_rows(self.series.path))
        numbers = [step[2] for step in self.steps() if step[0] == "step"]
        self.assertEqual(numbers, list(range(1, 601)))  # drained hosts lose no step, make none twice

    def test_a_drained_backend_says_where_to_go_on(self):
        name = self.count(to=100000, stepUs=2000, checkpointEvery=10)
        watcher = self.watch(name)
        watcher.line(lambda line: '"checkpoint"' in line, "checkpoint")
        self.restart("millrace-backend")
        watcher.line(lambda line: '"adopted"' in line, "adoption")
        self.ok("ops", "cancel", name)
        self.assertEqual(watcher.wait(), 1, watcher.transcript())
        self.assertIsNone(difference(watcher.json_lines(), self.journal(name)))
        self.assertEqual(len(self.begun()), 1)


if __name__ == "__main__":
    unittest.main()
