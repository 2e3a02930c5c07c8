"""How streams end: OK only with an outcome, whoever leaves, and whoever runs the operation."""

import os
import signal
import unittest

import grpc
from counting import CountingCase, durable
from mesh_processes import children, outcome, wait_for
from reflected import Client

WATCH = "millrace.v1.OperationsService/Watch"


def read_to_end(start):
    """The events of a call that start() begins, and the error that it ends with; None: OK."""
    events = []
    try:
        for event in start():
            events.append(event)
    except grpc.RpcError as error:
        return events, error
    return events, None


class DrainTest(CountingCase):
    def setUp(self):
        super().setUp()
        self.set_papergate_flags("--live-interval-ms", "50")
        self.start_counter()
        self.mesh = self.up()

    def subscribe(self, client):
        bars = client.call("millrace.v1.DataService/Subscribe",
                           {"symbol": "SYNA", "timeframe": "1m"})
        self.assertIn("bars", next(bars))
        return bars

    def check_drained(self, answers):
        events, error = read_to_end(lambda: answers)
        self.assertIsNotNone(error)
        self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE, error)
        self.assertIn("drain", events[-1])
        self.assertIn("leaving", error.details())

    def test_live_streams_hear_of_it_at_once(self):
        """Each hears that the backend leaves, with where to go on, instead of holding it up."""
        with Client(self.socket("backend")) as client:
            bars = self.subscribe(client)
            status = client.call("millrace.v1.DataAdapter/Status", {"follow": True})
            next(status)
            self.kill("millrace-backend", signal.SIGTERM)
            self.check_drained(bars)
            _, error = read_to_end(lambda: status)
            self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE, error)
            self.assertIn("leaving", error.details())

    def test_a_watch_never_ends_ok_while_the_backend_leaves(self):
        name = self.count(to=100000, stepUs=1000)
        old = children(self.mesh.pid)["millrace-backend"]
        with Client(self.socket("backend")) as client:
            self.subscribe(client)  # what once held the backend up
            watching = client.call(WATCH, {"name": name})
            next(watching)
            os.kill(old, signal.SIGTERM)
            while children(self.mesh.pid).get("millrace-backend", old) == old:
                events, error = read_to_end(
                    lambda: client.call(WATCH, {"name": name}, timeout=1))
                self.assertIsNotNone(error, "OK, and %d events without an outcome" % len(events))
                # gRPC's own word for what reaches a server that has said GOAWAY.
                gone = error.code() == grpc.StatusCode.CANCELLED and error.details() == "CANCELLED"
                if not gone and error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                    self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE, error)
            self.check_drained(watching)
        self.ok("ops", "cancel", name)


class TwoBackendsTest(CountingCase):
    """The older one has nothing to write, so nobody has told it that it is no longer the owner."""

    def test_it_learns_of_it_from_a_watch(self):
        events = self.check(WATCH)
        self.assertIn("accepted", events[0])

    def test_it_learns_of_it_from_a_cancel(self):
        self.check("millrace.v1.OperationsService/Cancel")

    def test_it_learns_of_it_from_whoever_waits(self):
        self.check("google.longrunning.Operations/WaitOperation")

    def check(self, method):
        """The older one's answer is UNAVAILABLE, and its end; returns the events."""
        self.start_counter()
        mesh = self.up()
        address = "unix:" + self.path("other.sock")
        other = self.start("millrace-backend", "--home", self.home, "--ib-host",
                           self.socket("ib-host"), "--listen", address)
        other.line(lambda line: "listens on" in line, "second backend", err=True)
        with Client(address) as newer, Client(self.socket("backend")) as older:
            start = {"to": 100000, "stepUs": 1000, "start": {"detached": True}}
            counting = newer.call("millrace.test.v1.CounterService/Count", start)
            name = next(counting)["operation"]
            events, error = read_to_end(lambda: older.call(method, {"name": name}))
            self.assertIsNotNone(error, events)
            self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE, error)
            self.assertEqual(mesh.wait(), 2, mesh.transcript())  # it can only leave
            self.assertIn("a newer process owns the store", mesh.stderr())
            cancelling = newer.call("millrace.v1.OperationsService/Cancel", {"name": name})
            self.assertIn("cancelled", outcome(durable(list(cancelling))))
        return events


if __name__ == "__main__":
    unittest.main()
