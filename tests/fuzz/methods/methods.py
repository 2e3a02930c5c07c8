"""Every method of every server, with messages that nobody would send, beside peers that lie.

  bazel run //tests/fuzz/methods -- --seconds=600 [--seed=N] [--workers=N]

Seven servers of a whole mesh and of parts of one: a backend with real hosts; one with hosts whose
every answer is made up; one whose gateway lies; a training host whose backend lies. What is called
comes from each server's reflection. No program may end, each answers health over a new connection
all the while, what a server with honest peers answers can be read, and memory has a bound: after
ten minutes at most 1.1 times of what it was after two. The last requests that a program saw before
it ended are printed, with the seed and the number of the case, and kept beside the test's log.
"""
import argparse
import base64
import collections
import os
import random
import sys
import threading
import time
import unittest

import grpc
from google.protobuf import message, message_factory

from hostile import Gateway, Host
from mesh_processes import MeshCase
from messages import Maker
from reflected import Client

HEALTH_LIMIT_S = 20  # what a busy machine may take; a server that hangs takes for ever
KEPT = 40            # requests of each server
CONFIRM_S, SETTLED_S, LONG_S, REST_S = 600, 120, 120, 30  # at work: as long after minute 2 as before 10
RSS_FACTOR, RSS_MOST_MIB = 1.1, 1500
NEVER_DRAIN = (b"ib-host", b"training-host", b"training-host-2")


class Target:
    """A server that is called, and the program that must not end."""

    def __init__(self, name, process, address, honest):
        self.name, self.process, self.address, self.honest = name, process, address, honest
        self.client = Client(address)
        self.methods = [method for service in self.client.services
                        for method in self.client.methods(service)]
        self.recent = collections.deque(maxlen=KEPT)
        self.codes = collections.Counter()
        self.rss = []   # (seconds since the begin, MiB)
        self.kept = []  # MiB, each time that all were at rest

    def rss_mib(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return 0


class Fuzz(MeshCase):
    options = None

    # ---- the mesh ----

    def setUp(self):
        super().setUp()
        options = self.options
        os.makedirs(os.path.join(self.home, "run"))
        self.failure, self.done, self.rests = None, threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.learned = collections.deque(maxlen=64)
        self.cases = 0
        papergate = self.papergate()
        self.targets = []
        ib = self.serve("ib", "millrace-ib-host", True, "--gateway", papergate.address)
        backend = self.serve("backend", "millrace-backend", True, "--home", self.home_of("backend"),
                             "--ib-host", ib.address, "--training-host", self.unix("training"))
        self.serve("training", "millrace-training-host", True, "--home", self.home_of("training"),
                   "--backend", backend.address)
        list(backend.client.call("millrace.v1.DataService/Load",
                                 {"symbol": "EURUSD", "timeframe": "1h"}))
        pool = backend.client.pool
        self.add_types(pool, self.targets)
        host = Host(self.all_types, "%d/host" % options.seed, self.unix("liar"))
        gateway = Gateway("%d/gateway" % options.seed)
        self.addCleanup(host.stop)
        self.addCleanup(gateway.stop)
        self.serve("backend-of-liars", "millrace-backend", False, "--home", self.home_of("b"),
                   "--ib-host", self.unix("liar"), "--training-host", self.unix("liar"))
        lied_to = self.serve("ib-of-liar", "millrace-ib-host", False, "--gateway",
                             "127.0.0.1:%d" % gateway.port, "--request-timeout-ms", "2000",
                             "--connect-timeout-ms", "1000", "--backoff-cap-ms", "200")
        self.serve("backend-below-liar", "millrace-backend", False, "--home", self.home_of("c"),
                   "--ib-host", lied_to.address)
        self.serve("training-of-liar", "millrace-training-host", False, "--home",
                   self.home_of("d"), "--backend", self.unix("liar"))
        self.host, self.gateway = host, gateway
        self.addCleanup(self.end_together)

    def end_together(self):
        """They drain beside each other; end_all() waits for each."""
        for process in self.processes:
            if process.running():
                process.popen.terminate()

    def home_of(self, name):
        path = self.path("home-" + name)
        os.makedirs(path, exist_ok=True)
        return path

    def unix(self, name):
        return "unix:" + self.path(name + ".sock")

    def serve(self, name, program, honest, *flags):
        address = self.unix(name)
        process = self.start(program, "--listen", address, *flags)
        process.line(lambda line: "listens on" in line, "address of " + name, err=True)
        target = Target(name, process, address, honest)
        self.targets.append(target)
        return target

    def add_types(self, pool, targets):
        """One pool with the methods of all servers, for the peer that can answer each of them."""
        self.all_types = pool
        for target in targets:
            for service in target.client.services:
                for proto in target.client.reflection.files(service):
                    try:
                        pool.FindFileByName(proto.name)
                    except KeyError:
                        pool.Add(proto)

    # ---- one call ----

    def case(self, number, channels):
        rng = random.Random("%d/%d" % (self.options.seed, number))
        target = rng.choice(self.targets)
        method = rng.choice(target.methods)
        maker = Maker(rng, list(self.learned))
        path = "/%s/%s" % (method.containing_service.full_name, method.name)
        request = self.request(rng, maker, method, path)
        requests = [request] * (2 if rng.random() < 0.02 else 1)
        target.recent.append((number, path, request))
        channel = channels.get(target, rng)
        call = channel.stream_stream(path)(iter(requests), timeout=rng.choice([0.05, 0.3, 1, 2]),
                                           metadata=self.metadata(rng))
        answers = rng.choice([0, 1, 5, 200])
        code = "OK"
        try:
            for index, answer in enumerate(call):
                self.look_at(target, path, method, answer, number)
                if index >= answers:
                    call.cancel()
                    code = "cancelled by us"
                    break
        except grpc.RpcError as error:
            code = error.code().name
        with self.lock:
            target.codes[code] += 1

    def request(self, rng, maker, method, path):
        if path.endswith("/Drain"):
            # A drain that is understood ends the program, as it should.
            if path.startswith("/millrace.v1.HostControl/"):
                return b"\x0a\xff" + rng.randbytes(5)
            data = maker.message(method.input_type)
            return b"" if any(name in data for name in NEVER_DRAIN) else data
        return maker.message(method.input_type)

    @staticmethod
    def metadata(rng):
        if rng.random() < 0.9:
            return None
        return (("x-odd-bin", rng.randbytes(20)), ("x-odd", "y" * rng.choice([1, 500, 4000])))

    def look_at(self, target, path, method, answer, number):
        """What a server says that has honest peers is well formed, whatever it was asked."""
        if not target.honest:
            return
        factory = message_factory.MessageFactory(target.client.pool)
        read = factory.GetPrototype(method.output_type)()
        try:
            read.ParseFromString(answer)
        except message.DecodeError as error:
            self.fail_with("case %d: an answer of %s %s is no %s: %s\n%s" %
                           (number, target.name, path, method.output_type.full_name, error,
                            base64.b64encode(answer[:300]).decode()))
            return
        for field in ("operation", "name"):
            value = getattr(read, field, "")
            if isinstance(value, str) and value:
                self.learned.append(value.encode())

    # ---- what runs beside each other ----

    def fail_with(self, text):
        with self.lock:
            self.failure = self.failure or text
        self.done.set()

    def work(self):
        channels = Channels()
        while not self.done.is_set():
            if self.rests.is_set():
                self.done.wait(0.1)
                continue
            with self.lock:
                self.cases += 1
                number = self.cases
            try:
                self.case(number, channels)
            except Exception as error:  # pylint: disable=broad-except
                self.fail_with("case %d: the fuzzer itself failed: %r" % (number, error))
                raise

    def watch_health(self):
        """Each server in turn, over a connection of its own."""
        while not self.done.is_set():
            for target in self.targets:
                begin = time.monotonic()
                error = self.ask_health(target)
                if error is not None and target.process.running():
                    self.fail_with("%s did not answer health after %.1f s: %s" %
                                   (target.name, time.monotonic() - begin, error))
                self.slowest = max(self.slowest, time.monotonic() - begin)
            self.done.wait(0.1)

    @staticmethod
    def ask_health(target):
        with grpc.insecure_channel(target.address,
                                   [("grpc.use_local_subchannel_pool", 1)]) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            try:
                answer = check(b"", timeout=HEALTH_LIMIT_S, wait_for_ready=True)
            except grpc.RpcError as error:
                return "%s: %s" % (error.code().name, error.details())
        return None if answer == b"\x08\x01" else "it says %r" % answer

    def sweep(self):
        """Cancels what runs, so that the mesh is busy with new work and not with old."""
        while not self.done.wait(2):
            for target in self.targets:
                if "millrace.v1.OperationsService" in target.client.services:
                    self.cancel_running(target)

    @staticmethod
    def cancel_running(target):
        with grpc.insecure_channel(target.address) as channel:
            ask = channel.unary_stream("/millrace.v1.OperationsService/List")
            cancel = channel.unary_stream("/millrace.v1.OperationsService/Cancel")
            factory = message_factory.MessageFactory(target.client.pool)
            operation = factory.GetPrototype(
                target.client.pool.FindMessageTypeByName("millrace.v1.Operation"))()
            try:
                for data in ask(b"\x10\x01", timeout=10):  # state: RUNNING
                    try:
                        operation.ParseFromString(data)
                    except message.DecodeError:
                        continue
                    name = operation.name.encode()
                    cancel(b"\x0a" + bytes([len(name)]) + name, timeout=5)
            except grpc.RpcError:
                pass

    def look_after(self, begin):
        for target in self.targets:
            if not target.process.running():
                self.fail_with("%s ended with %s" % (target.name, target.process.popen.poll()))
                return
            target.rss.append((time.monotonic() - begin, target.rss_mib()))

    def rest(self, begin):
        """Nothing is called for a while, and what runs is cancelled: what each program takes then, at the
        least, is what it keeps."""
        self.rests.set()
        since = time.monotonic()
        while not self.done.wait(0.25) and time.monotonic() - since < REST_S:
            self.look_after(begin)
        for target in self.targets:
            target.kept.append(min(rss for at, rss in target.rss if at >= since - begin))
        self.rests.clear()

    # ---- the test ----

    def test_nothing_ends(self):
        options = self.options
        self.slowest = 0
        begin = time.monotonic()
        threads = [threading.Thread(target=self.work, daemon=True)
                   for _ in range(options.workers)]
        threads += [threading.Thread(target=self.watch_health, daemon=True),
                    threading.Thread(target=self.sweep, daemon=True)]
        for thread in threads:
            thread.start()
        told, confirms = begin, options.seconds >= CONFIRM_S
        while not self.done.wait(0.25) and time.monotonic() - begin < options.seconds:
            self.look_after(begin)
            if time.monotonic() - told > 60:
                told = time.monotonic()
                self.tell(begin)
            if confirms and not self.targets[0].kept and time.monotonic() - begin > SETTLED_S:
                self.rest(begin)
                rested = time.monotonic() - begin
        ended = time.monotonic() - begin
        if confirms:
            self.rest(begin)
        self.done.set()
        for thread in threads:
            thread.join(HEALTH_LIMIT_S + 10)
        print("%5.0f s  the last call has ended" % (time.monotonic() - begin))
        for target in self.targets:  # what a last request did shows before a later one is answered
            self.ask_health(target)
        self.look_after(begin)
        self.tell(begin)
        for target in self.targets:
            print("  %-20s %s" % (target.name, dict(target.codes)))
        if self.failure is not None:
            self.report()
        self.check_memory(ended, rested if confirms else None)
        self.assertGreater(self.cases, 50, "hardly anything was called")

    def tell(self, begin):
        print("%5.0f s  %d calls, slowest health %.2f s, the hosts were asked %d times, the "
              "gateway %d times; MiB: %s" %
              (time.monotonic() - begin, self.cases, self.slowest, self.host.calls,
               self.gateway.connections,
               ", ".join("%s %.0f" % (t.name, t.rss[-1][1]) for t in self.targets if t.rss)),
              flush=True)

    def report(self):
        kept = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", self.root)
        lines = ["seed %d: %s" % (self.options.seed, self.failure)]
        for target in self.targets:
            if target.process.running() and target.name not in self.failure:
                continue
            path = os.path.join(kept, "last-requests-%s.txt" % target.name)
            with open(path, "w") as file:
                for number, method, request in target.recent:
                    file.write("%d %s %s\n" % (number, method, base64.b64encode(request).decode()))
            lines += ["%s: its last %d requests are in %s; the newest:" %
                      (target.name, len(target.recent), path)]
            lines += ["  case %d %s %s" % (number, method, base64.b64encode(request[:120]).decode())
                      for number, method, request in list(target.recent)[-10:]]
            lines += target.process.stderr().splitlines()[-15:]
        self.fail("\n".join(lines))

    def check_memory(self, ended, rested):
        """Of every program, so that one that takes too much hides no other."""
        missed = []
        for target in self.targets:
            last = self.rss_in(target, ended - LONG_S, ended)
            if last >= RSS_MOST_MIB:
                missed.append("%s takes %.0f MiB" % (target.name, last))
            if rested is not None:
                missed += self.check_growth(target, "at work",
                                            self.rss_in(target, rested, rested + LONG_S), last)
                self.tell_growth(target, "at rest", *target.kept)
        self.assertFalse(missed, "memory: " + "; ".join(missed))

    def check_growth(self, target, when, first, last):
        """At work: medians of two minutes each, with what large requests take while they are there."""
        told = self.tell_growth(target, when, first, last)
        return [told] if last > RSS_FACTOR * first else []

    @staticmethod
    def tell_growth(target, when, first, last):
        """At rest it is what is kept when nothing is called: what to look at where work grows."""
        told = "%-20s %s %.1f MiB after minute 2, %.1f MiB after the last: %.2f times" % (
            target.name, when, first, last, last / first)
        print("  " + told)
        return told

    @staticmethod
    def rss_in(target, begin, end):
        """The median: what is held, not what one large answer takes for a moment."""
        near = sorted(rss for at, rss in target.rss if begin <= at <= end) or [target.rss[-1][1]]
        return near[len(near) // 2]


class Channels:
    """A worker's connections; now and then a new one."""

    def __init__(self):
        self.open = {}

    def get(self, target, rng):
        channel, left = self.open.get(target, (None, 0))
        if left == 0:
            if channel is not None:
                channel.close()
            channel = grpc.insecure_channel(target.address, [
                ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20),
                ("grpc.max_send_message_length", 64 << 20),
                ("grpc.default_compression_algorithm", rng.choice([0, 0, 2]))])
            left = 100
        self.open[target] = (channel, left - 1)
        return channel


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--workers", type=int, default=8)
    Fuzz.options = parser.parse_args()
    print("seed %d" % Fuzz.options.seed, flush=True)
    result = unittest.main(argv=[sys.argv[0], "-v"], exit=False).result
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if result.wasSuccessful() else 1)  # calls that were left behind hold nobody up


if __name__ == "__main__":
    main()
