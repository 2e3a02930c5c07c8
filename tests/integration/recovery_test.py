"""What outlives a backend: relayed operations, loads, cancels, watchers."""

import glob
import os
import signal
import sqlite3
import time
import unittest
from contextlib import closing

from counting import COUNT, CountingCase, difference, durable
from mesh_processes import children, file_rows, outcome, read_log, wait_for, MARKET
from reflected import Client


def all_stopped(pid):
    """Whether each thread of it has seen the SIGSTOP."""
    for path in glob.glob("/proc/%d/task/*/stat" % pid):
        try:
            with open(path) as file:
                if file.read().rpartition(")")[2].split()[0] != "T":
                    return False
        except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            continue
    return True


class RelayedTest(CountingCase):
    def setUp(self):
        super().setUp()
        self.start_counter()
        self.mesh = self.up()

    def await_event(self, watcher, payload):
        return watcher.line(lambda line: '"%s"' % payload in line, payload)

    def await_step(self, number):
        wait_for(lambda: any(s[0] == "step" and s[2] >= number for s in self.steps()),
                 "step %d" % number)

    def check_watcher(self, watcher, name, code=0):
        self.assertEqual(watcher.wait(), code, watcher.transcript())
        self.assertIsNone(difference(watcher.json_lines(), self.journal(name)))

    def test_the_hosts_work_never_restarts(self):
        name = self.count(to=400, stepUs=10000, checkpointEvery=20)
        watchers = [self.watch(name) for _ in range(3)]
        for number in range(50, 350, 75):
            self.await_step(number)
            self.kill("millrace-backend")
        for watcher in watchers:
            self.check_watcher(watcher, name)
        self.assertEqual(len(self.begun()), 1)
        numbers = [step[2] for step in self.steps() if step[0] == "step"]
        self.assertEqual(numbers, list(range(1, 401)))
        self.assertEqual(len([e for e in self.journal(name) if "checkpoint" in e]), 20)

    def test_adopted_within_a_second(self):
        name = self.count(to=100000, stepUs=5000, checkpointEvery=1)
        watcher = self.watch(name)
        self.await_event(watcher, "checkpoint")
        killed = time.time()
        self.kill("millrace-backend")
        self.await_event(watcher, "adopted")
        arrived = next(at for at, line in watcher.out if '"adopted"' in line)
        self.assertLess(arrived - killed, 1.0)
        seen = len(watcher.out)
        wait_for(lambda: len(watcher.out) > seen + 3, "more events")
        self.ok("ops", "cancel", name)
        self.check_watcher(watcher, name, code=1)

    def test_a_new_host_goes_on_at_the_checkpoint(self):
        name = self.count(to=200, stepUs=5000, checkpointEvery=10)
        watcher = self.watch(name)
        self.await_step(55)
        os.kill(self.counter.pid, signal.SIGKILL)
        self.counter.wait()
        self.start_counter()
        self.check_watcher(watcher, name)
        begun = self.begun(name)
        self.assertEqual(len(begun), 2)
        self.assertGreaterEqual(begun[1][2], 40)
        self.assertTrue(any("attempt" in event for event in self.journal(name)))

    def test_a_drained_host_loses_no_step(self):
        name = self.count(to=200, stepUs=5000, checkpointEvery=50)
        watcher = self.watch(name)
        self.await_step(60)
        self.assertEqual(self.counter.end(), 0)
        self.start_counter()
        self.check_watcher(watcher, name)
        numbers = [step[2] for step in self.steps() if step[0] == "step"]
        self.assertEqual(numbers, list(range(1, 201)))

    def test_cancel_while_the_backend_recovers(self):
        name = self.count(to=100000, stepUs=1000, stubborn=True,
                          start={"detached": True, "cancelTimeoutMs": 60000})
        watcher = self.watch(name)
        self.await_step(5)
        cancel = self.start("millrace", "ops", "cancel", name)
        self.await_event(watcher, "cancelRequested")
        self.kill("millrace-backend")
        self.await_event(watcher, "adopted")
        os.kill(self.counter.pid, signal.SIGKILL)  # what never listens ends now
        self.counter.wait()
        self.start_counter()
        self.assertEqual(cancel.wait(), 0, cancel.transcript())
        ended = outcome(self.journal(name))
        self.assertEqual(ended["cancelled"]["requestedBy"], "millrace ops cancel")
        self.assertEqual(len(self.begun(name)), 1)  # and nothing began again

    def test_force_after_the_cancel_timeout(self):
        name = self.count(to=3000, stepUs=1000, stubborn=True,
                          start={"detached": True, "cancelTimeoutMs": 100})
        self.await_step(5)
        self.ok("ops", "cancel", name)
        ended = outcome(self.journal(name))["cancelled"]
        self.assertTrue(ended["forced"])
        self.assertEqual(ended["stops"], [])
        again = self.millrace("ops", "cancel", name)  # it has ended: well defined
        self.assertEqual(again.code, 0, again.transcript())

    def test_attached_ends_when_nobody_comes_back(self):
        with Client(self.socket("backend")) as client:
            events = client.call(COUNT, {"to": 100000, "stepUs": 1000, "start": {"graceMs": 300}})
            name = next(events)["operation"]
            self.await_step(5)
            events.cancel()
        ended = wait_for(lambda: self.json("ops", "show", name)[0].get("outcome"), "outcome")
        self.assertEqual(ended["cancelled"]["requestedBy"], "caller went away")
        self.assertEqual(ended["cancelled"]["lastLayer"], "counter-host")

    def test_the_same_work_is_joined(self):
        first = self.count(to=2000, stepUs=1000, workKey="k")
        with Client(self.socket("backend")) as client:
            events = client.call(COUNT, {"to": 2000, "stepUs": 1000, "workKey": "k"})
            joined, accepted = next(events), next(events)
            events.cancel()
        self.assertEqual(joined["joined"]["because"], "the same work")
        self.assertEqual(accepted["operation"], first)
        self.ok("ops", "cancel", first)
        self.assertEqual(len(self.begun()), 1)

    def test_a_deadline_reaches_the_host(self):
        name = self.count(to=100000, stepUs=1000, start={"detached": True, "deadlineMs": 300})
        watcher = self.watch(name)
        self.check_watcher(watcher, name, code=1)
        self.assertEqual(outcome(self.journal(name))["failed"]["code"], 4)
        self.assertEqual(self.steps()[-1][0], "end")

    def stop_between_writes(self, pid):
        """Stops a backend that holds no lock on its store: one stopped in a write keeps all others out."""
        with closing(sqlite3.connect(os.path.join(self.home, "millrace.db"), timeout=0,
                                     isolation_level=None)) as store:
            while True:
                os.kill(pid, signal.SIGSTOP)
                wait_for(lambda: all_stopped(pid), "stopped backend")
                try:
                    store.execute("BEGIN IMMEDIATE")
                    store.execute("ROLLBACK")
                    return
                except sqlite3.OperationalError as error:
                    self.assertIn("locked", str(error))
                    os.kill(pid, signal.SIGCONT)

    def test_two_backends_on_one_store(self):
        name = self.count(to=300, stepUs=10000, checkpointEvery=10)
        self.await_step(30)
        old = children(self.mesh.pid)["millrace-backend"]
        self.stop_between_writes(old)  # not dead: only away
        other = self.start("millrace-backend", "--home", self.home, "--ib-host",
                           self.socket("ib-host"), "--listen", "unix:" + self.path("other.sock"))
        other.line(lambda line: "goes on with 1 operations" in line, "adoption", err=True)
        os.kill(old, signal.SIGCONT)
        self.assertEqual(self.mesh.wait(), 2, self.mesh.transcript())  # it can only leave
        self.assertIn("a newer process owns the store", self.mesh.stderr())
        wait_for(lambda: any(s[0] == "end" for s in self.steps()), "end of the count")
        with Client("unix:" + self.path("other.sock")) as client:
            events = list(client.call("millrace.v1.OperationsService/Watch", {"name": name}))
        numbers = [int(event["sequence"]) for event in durable(events)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertIn("succeeded", outcome(durable(events)))
        self.assertEqual(len(self.begun()), 1)


class DieAtTest(CountingCase):
    """The backend dies at each durable event of a fixed load, on both sides of its commit."""

    LOAD = ["data", "load", "SPX", "1d", "--output=json"]

    def load(self, die_at=None):
        """One mesh, one load; returns its events, its rows and the gateway's requests."""
        self.home = self.path("home-%s" % (die_at or "undisturbed").replace(" ", "-"))
        log = self.set_papergate_flags()
        if os.path.exists(log):
            os.unlink(log)
        env = {"MILLRACE_DATA_PARALLEL": "1"}
        if die_at is not None:
            env["MILLRACE_TEST_DIE_AT"] = "%s %s" % (die_at, self.home + ".died")
        mesh = self.up(env=env)
        done = self.ok(*self.LOAD)
        name = done.json_lines()[0]["operation"]
        self.assertIsNone(difference(done.json_lines(), self.journal(name)), die_at)
        rows = self.export("SPX", "1d")
        if die_at is not None:
            self.assertTrue(os.path.exists(self.home + ".died"), "nobody died at " + die_at)
        mesh.end()
        self.processes.remove(mesh)
        asked = [(one["end"], one["duration"]) for one in read_log(log, "reqHistoricalData")]
        return done.json_lines(), rows, asked

    def result(self, events):
        load = dict(outcome(events)["succeeded"]["load"])
        for varies in ["elapsedS", "requests"]:
            load.pop(varies, None)
        return load

    def test_each_event(self):
        events, rows, asked = self.load()
        self.assertEqual(rows, file_rows(MARKET + "/SPX-1d.csv"))
        self.assertEqual(len(asked), len(set(asked)))
        count = len(durable(events))
        self.assertGreater(count, 5)
        for number in range(1, count + 1):
            for side in ["before", "after"]:
                die_at = "%d %s" % (number, side)
                with self.subTest(die_at):
                    again, rows_again, asked_again = self.load(die_at)
                    self.assertEqual(self.result(again), self.result(events))
                    self.assertEqual(rows_again, rows)
                    self.assertEqual(set(asked_again), set(asked))
                    # Only what was fetched and not yet stored is asked for again.
                    stored = 2 <= number < count and side == "before"
                    self.assertEqual(len(asked_again) - len(asked), 1 if stored else 0)


if __name__ == "__main__":
    unittest.main()
