"""A mesh whose backend also counts: CounterService down to a counter host that the test restarts."""

import json
import os
import signal

from mesh_processes import MeshCase, children, wait_for
from reflected import Client

COUNT = "millrace.test.v1.CounterService/Count"


class CountingCase(MeshCase):
    """`up` starts the backend with the counter's layers; the counter host is this test's own."""

    def setUp(self):
        super().setUp()
        backend = os.path.join(self.bin, "millrace-backend")
        os.unlink(backend)
        os.symlink(os.path.abspath("tests/fakes/counter-backend"), backend)
        os.symlink(os.path.abspath("tests/fakes/counter-host"), self.path("bin", "counter-host"))
        self.counter_address = "unix:" + self.path("counter.sock")
        self.counter_log = self.path("counter.log")
        self.counter = None

    def env(self):
        return {**super().env(), "MILLRACE_TEST_COUNTER_HOST": self.counter_address}

    def start_counter(self):
        """A counter host that can be called."""
        self.counter = self.start("counter-host", "--listen", self.counter_address, "--steps", self.counter_log)
        self.counter.line(lambda line: "listens on" in line, "counter host", err=True)

    def restart_counter(self):
        """Ends it as SIGTERM does; it must leave by itself."""
        self.assertEqual(self.counter.end(), 0, self.counter.transcript())
        self.processes.remove(self.counter)
        self.start_counter()

    def steps(self):
        """What the counter hosts did: (what, operation, number, more) a line."""
        if not os.path.exists(self.counter_log):
            return []
        with open(self.counter_log) as file:
            lines = [line.split() for line in file if line.endswith("\n")]
        return [(what, name, int(number), *more) for what, name, number, *more in lines]

    def begun(self, name=None):
        return [step for step in self.steps() if step[0] == "begin" and name in (None, step[1])]

    def count(self, **request):
        """Starts a detached count; returns its name."""
        request.setdefault("start", {"detached": True})
        with Client(self.socket("backend")) as client:
            events = client.call(COUNT, request)
            name = next(events)["operation"]
            events.cancel()
        return name

    def watch(self, name, *flags):
        return self.start("millrace", "ops", "watch", name, "--output=json", *flags)

    def journal(self, name):
        """The durable events of an operation, as the backend has them now."""
        return self.json("ops", "events", name)

    def kill(self, program, number=signal.SIGKILL):
        """Kills a program that `up` runs; returns once another process is in its place."""
        dead = children(self.mesh.pid)[program]
        os.kill(dead, number)
        wait_for(lambda: children(self.mesh.pid).get(program, dead) != dead, "new " + program)


def durable(events):
    return [event for event in events if event["eventClass"] == "DURABLE"]


def essence(event):
    """Without the times of the layers that it passed on its way to one watcher."""
    return json.dumps({key: value for key, value in event.items() if key != "hops"}, sort_keys=True)


def difference(log, journal):
    """None if a watcher's durable events are the journal's, each once and in order."""
    seen = [essence(event) for event in durable(log)]
    kept = [essence(event) for event in journal]
    if seen == kept:
        return None
    numbers = [int(event["sequence"]) for event in durable(log)]
    for number, (left, right) in enumerate(zip(seen, kept), 1):
        if left != right:
            return "event %d differs: %s was seen, %s is kept (%s)" % (number, left, right, numbers)
    return "%s were seen, 1..%d are kept" % (numbers, len(kept))
