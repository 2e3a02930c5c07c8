"""Numbers from outside: for ever is never now, no time is a time that is none."""

import concurrent.futures
import os
import socket
import unittest

import grpc
from google.protobuf import message_factory

from mesh_processes import DEADLINE_S, MeshCase, wait_for
from reflected import Client
from served import ServedCase

def varint(value):
    out = b""
    while value > 0x7f:
        out, value = out + bytes([value & 0x7f | 0x80]), value >> 7
    return out + bytes([value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6  # kinds of HTTP/2 frames


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


MOST, LEAST = 2**63 - 1, -2**63
LONG = 10**13  # milliseconds: 317 years, and more nanoseconds than 64 bits hold


class ForEverTest(ServedCase):
    """Durations that do not fit are long, not over."""

    def start_load(self, client, symbol, **options):
        call = client.call("millrace.v1.DataService/Load",
                           {"symbol": symbol, "timeframe": "1m", "from": "2012-01-01T00:00:00Z",
                            "start": options})
        return call, next(call)["operation"]

    def state(self, client, name):
        return next(client.call("millrace.v1.OperationsService/Get", {"name": name}))["state"]

    def cancel(self, client, name):
        return list(client.call("millrace.v1.OperationsService/Cancel", {"name": name}))[-1]

    def papergate_flags(self):
        return ["--latency-ms", "200"]  # so that no load is done before it was looked at

    def test_deadlines_and_timeouts(self):
        client = Client(self.backend_unix)
        for number, options in enumerate([
                {"deadlineMs": MOST}, {"deadlineMs": LONG}, {"cancelTimeoutMs": MOST},
                {"cancelTimeoutMs": LONG}]):
            with self.subTest(options):
                _, name = self.start_load(client, "SYN%c" % (65 + number), detached=True, **options)
                end = self.cancel(client, name)
                self.assertIn("cancelled", end["outcome"], end)
                self.assertFalse(end["outcome"]["cancelled"].get("forced", False), end)

    def test_a_grace_for_ever(self):
        client = Client(self.backend_unix)
        for number, grace in enumerate([MOST, LONG]):
            with self.subTest(grace):
                call, name = self.start_load(client, "SYN%c" % (75 + number), graceMs=grace)
                call.cancel()
                wait_for(lambda n=name: self.watchers(client, n) == 0, "end of the watching")
                self.assertEqual(self.state(client, name), "RUNNING")
                self.cancel(client, name)

    def watchers(self, client, name):
        return next(client.call("millrace.v1.OperationsService/Get",
                                {"name": name})).get("watchers", 0)

    def test_the_longest_deadline_of_a_call(self):
        # 2,562,048 hours are what a Go client sends as its longest; 99,999,999 the most there are.
        for timeout in ["2562048H", "2562047H", "99999999H", "99999999S"]:
            with self.subTest(timeout):
                self.assertEqual(self.watch(timeout), [HEADERS, DATA])

    def watch(self, timeout):
        """The kinds of frames that answer Health/Watch before a PING is answered."""
        fields = {":method": "POST", ":scheme": "http", ":path": "/grpc.health.v1.Health/Watch",
                  ":authority": "localhost", "te": "trailers", "content-type": "application/grpc",
                  "grpc-timeout": timeout}
        block = b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) +
                         value.encode() for name, value in fields.items())
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE_S)
            connection.connect(self.backend_unix[len("unix:"):])
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) +
                               frame(HEADERS, 4, 1, block) + frame(DATA, 1, 1, bytes(5)))
            stream, kinds = connection.makefile("rb"), []
            while True:
                kind, flags, number = self.next_frame(stream)
                if number == 1:
                    kinds.append(kind)
                if kind == PING and flags & 1:
                    return kinds
                if kinds[-1:] in ([DATA], [HEADERS]) and (kind == DATA or flags & 1):
                    connection.sendall(frame(PING, 0, 0, bytes(8)))

    @staticmethod
    def next_frame(stream):
        head = stream.read(9)
        stream.read(int.from_bytes(head[:3], "big"))
        return head[3], head[4], int.from_bytes(head[5:9], "big")


class TimesTest(ServedCase):
    """Times that are no google.protobuf.Timestamp are refused by name, in each layer."""

    def refused(self, client, method, symbol_and, *words):
        service, name = method.split("/")
        info = client.pool.FindServiceByName(service).methods_by_name[name]
        message = message_factory.MessageFactory(client.pool).GetPrototype(info.input_type)()
        message.symbol, message.timeframe = "EURUSD", "1h"
        for field, seconds in symbol_and.items():
            getattr(message, field).seconds = seconds
        call = client.channel.unary_stream("/" + method)
        with self.assertRaises(grpc.RpcError) as raised:
            list(call(message.SerializeToString(), timeout=20))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT,
                         raised.exception.details())
        for word in words:
            self.assertIn(word, raised.exception.details())

    def test_each_layer(self):
        client = Client(self.backend_unix)
        for layer in ["DataService", "DataManager"]:
            for method in ["Load", "Read", "Gaps"]:
                with self.subTest(layer + "/" + method):
                    name = "millrace.v1.%s/%s" % (layer, method)
                    self.refused(client, name, {"from": LEAST, "to": MOST}, "from", str(LEAST))
                    self.refused(client, name, {"from": 0, "to": MOST}, "to", str(MOST))
                    self.refused(client, name, {"to": LEAST}, "to", str(LEAST))


class TalkativeHost(grpc.GenericRpcHandler):
    """A host that says more of itself than anybody thought: the note is field 7."""

    def __init__(self, note, address):
        self.note = note
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=(self,))
        self.server.add_insecure_port(address)
        self.server.start()

    def service(self, details):
        if not details.method.endswith("HostControl/Get"):
            return None
        return grpc.unary_stream_rpc_method_handler(lambda request, context: iter([self.note]))


class LongTextTest(MeshCase):
    """What is longer than anybody thought."""

    def hosts(self, host_address):
        os.makedirs(self.path("home", "run"), exist_ok=True)
        os.chmod(self.home, 0o700)
        backend = self.start("millrace-backend", "--home", self.home, "--listen",
                             self.socket("backend"), "--ib-host", host_address)
        backend.line(lambda line: "listens on" in line, "address", err=True)
        with Client(self.socket("backend")) as client:
            hosts = list(client.call("millrace.v1.HostsService/List", {}))
        self.assertTrue(backend.running())
        backend.end()
        return hosts

    def test_a_host_address_of_100_000_bytes(self):
        self.assertEqual([host["state"] for host in self.hosts("a" * 100000 + ":4711")],
                         ["UNREACHABLE"])

    def test_a_note_of_any_length(self):
        for size in [1200, 8000, 100000]:
            with self.subTest(size):
                note = b"n" * size
                address = "unix:" + self.path("host%d.sock" % size)
                host = TalkativeHost(b"\x3a" + varint(size) + note, address)
                [answer] = self.hosts(address)
                host.server.stop(0)
                self.assertTrue(answer["note"].startswith("nnn"), answer.get("note"))
                self.assertLess(len(answer["note"]), 1024 + 1)


class VagueBackend(grpc.GenericRpcHandler):
    """A backend whose every load fails, by its own account, with code `number`."""

    def __init__(self, number, address):
        status = varint(1 << 3) + varint(number % 2**64) + field(2, b"all is fine")
        head = field(1, b"load-1") + varint(2 << 3) + b"\1" + varint(4 << 3) + b"\1"
        accepted = head + varint(3 << 3) + b"\1" + field(10, field(1, b"load"))
        self.events = [accepted, head + varint(3 << 3) + b"\2" + field(14, field(2, status))]
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=(self,))
        self.server.add_insecure_port(address)
        self.server.start()

    def service(self, details):
        if not details.method.endswith("DataService/Load"):
            return None
        return grpc.unary_stream_rpc_method_handler(lambda request, context: iter(self.events))


class CodeTest(MeshCase):
    def test_no_failure_ends_with_0(self):
        os.makedirs(self.path("home", "run"), exist_ok=True)
        os.chmod(self.home, 0o700)
        for number in [0, 9999, -1]:
            with self.subTest(number):
                backend = VagueBackend(number, self.socket("backend"))
                done = self.millrace("data", "load", "SYNA", "1d")
                backend.server.stop(None).wait()
                self.assertNotEqual(done.code, 0, done.transcript())
                self.assertIn("all is fine", done.stderr())


if __name__ == "__main__":
    unittest.main()
