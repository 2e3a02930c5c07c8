"""attacks: what hostile HTTP/2 costs the backend of a mesh with its own limits, and those who call it beside.

    bazel run -c opt //tests/integration:attacks

A line for each: what it took at the most and afterwards more than before (MiB resident), CPU time of the backend, how
long the longest health check of another process took meanwhile, and what the attacker was told. docs/limits.md has the
table. limits_test.py does the same with small limits in every build; this is not a test of every build because it looks
at a whole machine.
"""

import contextlib
import fcntl
import multiprocessing
import os
import struct
import sys
import termios
import threading
import time

from http2 import (CONTINUATION, DATA, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
                   WINDOW_UPDATE, FRAME_MAX, Peer, field, frame, hidden_in_padding, length, message,
                   request, setting)
from mesh_processes import MeshCase, children, outcome, wait_for
from training import DEFAULTS, STRATEGY

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
MOST_MIB, MOST_WAIT_S, KEPT_MIB = 128, 5, 8
BARS_MIB = 256  # of answers_mib, and what stands behind each of them in the layers below
PUSH_PROMISE, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 5, 1, 4
LARGEST = 2**31 - 1  # of a window
READ, SYNT_1M = "/millrace.v1.DataService/Read", b"\x0a\x04SYNT\x12\x021m"
GO, CANCEL = message(b""), struct.pack(">I", 8)
NAMED = b"\x40\x01x"  # HPACK: a field called x, kept in the table, where it is number 62
REFERENCE = bytes([0x80 | 62])


def memory_mib(pid, line):
    with open("/proc/%d/status" % pid) as file:
        return next(int(one.split()[1]) for one in file if one.startswith(line)) / 1024


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def ask_for_health(path, ask, answer):
    """Somebody else, in a process of its own: asks, each time on a new connection, until `ask` says no more; tells
    through `answer` of the first one, and how many there were, how many were refused, and the longest."""
    asked, refused, longest_s = 0, 0, 0
    while not ask.poll(0.005):
        begin = time.monotonic()
        peer = Peer(path)
        peer.send(frame(HEADERS, 4, 1, request(CHECK)), frame(DATA, 1, 1, GO))
        refused += peer.status_of() != "0"
        peer.close()
        longest_s = max(longest_s, time.monotonic() - begin)
        asked += 1
        if asked == 1:
            answer.send("begun")
    answer.send((asked, refused, longest_s))


@contextlib.contextmanager
def somebody_else(path, seen):
    """`seen` gets what they saw."""
    ask, asks = multiprocessing.Pipe()
    answer, answers = multiprocessing.Pipe()
    process = multiprocessing.Process(target=ask_for_health, args=(path, asks, answers))
    process.start()
    answer.recv()
    yield
    ask.send("enough")
    seen.extend(answer.recv())
    process.join()


def stand_at_the_door(path, calls, rounds):
    """256 connections without a call, or with one, that answer PINGs; those that are closed are opened again."""
    peers = []
    while True:
        rounds.value += 1
        while len(peers) < 256:
            peers.append(Peer(path))
            with contextlib.suppress(OSError):
                peers[-1].send(*calls)
        for peer in list(peers):
            if not peer.answer_pings():
                peer.close()
                peers.remove(peer)


def unsent(peer):
    """Octets that the other end has not taken."""
    octets = bytearray(4)
    fcntl.ioctl(peer.socket, termios.TIOCOUTQ, octets)
    return int.from_bytes(octets, sys.byteorder)


class AttacksTest(MeshCase):
    def setUp(self):
        super().setUp()
        self.mesh = self.up("--output=json")
        self.backend = children(self.mesh.pid)["millrace-backend"]
        self.socket_path = os.path.join(self.home, "run", "backend.sock")
        self.peers = []

    def peer(self):
        peer = Peer(self.socket_path)
        peer.socket.settimeout(2)
        self.peers.append(peer)
        return peer

    def told(self):
        """The first GOAWAY's words."""
        for peer in self.peers:
            with contextlib.suppress(OSError):
                for kind, _, _, payload in peer.frames():
                    if kind == GOAWAY:
                        return payload[8:].decode()
        return "-"

    def measure(self, attack, most_mib=MOST_MIB, kept_mib=KEPT_MIB, refused_part=0):
        with open("/proc/%d/clear_refs" % self.backend, "w") as file:
            file.write("5")  # the peak begins anew
        before, cpu = memory_mib(self.backend, "VmRSS:"), cpu_s(self.backend)
        seen = []
        with somebody_else(self.socket_path, seen):
            with contextlib.suppress(OSError):
                attack()
            told = self.told()
            for peer in self.peers:
                peer.close()
        asked, refused, longest_s = seen
        peak = memory_mib(self.backend, "VmHWM:") - before
        wait_for(lambda: memory_mib(self.backend, "VmRSS:") < before + kept_mib,
                 "memory given back: %s" % self.id())
        print("\n%-28s peak +%.1f MiB, kept %+.1f, CPU %.2f s, the longest of %d other calls %.3f s; "
              "told: %s" % (self._testMethodName[5:], peak, memory_mib(self.backend, "VmRSS:") - before,
                            cpu_s(self.backend) - cpu, asked, longest_s, told), flush=True)
        self.assertLess(peak, most_mib)
        self.assertLess(longest_s, MOST_WAIT_S)
        self.assertLessEqual(refused, asked * refused_part)
        self.assertEqual(children(self.mesh.pid)["millrace-backend"], self.backend)

    def one(self, frames):
        """One connection that sends them until it is closed."""
        peer = self.peer()

        def attack():
            for each in frames:
                peer.send(each)

        self.measure(attack)

    def many(self, count, frames):
        """`count` connections, each with its own, which the backend has all taken (or closed)."""
        def attack():
            for _ in range(count):
                peer = self.peer()
                with contextlib.suppress(OSError):
                    for each in frames():
                        peer.send(each)
            wait_for(lambda: not any(unsent(peer) for peer in self.peers), "what was sent to be taken")

        self.measure(attack)

    # ---- the door ----

    def test_a_door_full_of_idle_connections(self):
        # No more is kept the next time. Who comes again before his last connection is forgotten may be refused once.
        self.measure(lambda: self.crowds(()), kept_mib=12, refused_part=0.01)

    def crowds(self, calls):
        """Five processes that want 256 connections each, of 1,024 that there is room for; until each has looked
        after its own five times."""
        rounds = [multiprocessing.Value("i") for _ in range(5)]
        crowds = [multiprocessing.Process(target=stand_at_the_door, args=(self.socket_path, calls, each), daemon=True)
                  for each in rounds]
        for crowd in crowds:
            crowd.start()
        wait_for(lambda: all(each.value > 5 for each in rounds), "crowds at the door")
        for crowd in crowds:
            crowd.terminate()
            crowd.join()

    def test_starts_through_a_full_door(self):
        """Connections are ended to make room, also of those who have just asked: nothing is started twice."""
        started = []

        def start():
            while len(started) < 60 or crowds.is_alive():
                request = "start-%d" % len(started)
                started.append(outcome(self.json("data", "load", "SYNT", "1d", "--from=2024-03-04", "--to=2024-03-06",
                                                 "--request-id", request, "--label", "request=" + request)))

        crowds = threading.Thread(target=self.crowds, args=((),))
        crowds.start()
        start()
        crowds.join()
        listed = [one["labels"]["request"] for one in self.json("ops", "list", "--limit", "10000")]
        self.assertEqual(sorted(listed), sorted("start-%d" % i for i in range(len(started))))
        self.assertEqual({"succeeded" in one for one in started}, {True})

    # ---- headers ----

    def test_headers_without_end(self):
        """512 MB in frames of 7 KB."""
        peer = self.peer()
        piece = field("x", "y" * 7000)
        self.measure(lambda: peer.pour_headers(1, request(CHECK), (piece for _ in range(73000))))

    def test_one_field_of_32_mib(self):
        size = 32 << 20
        peer, pieces = self.peer(), size // FRAME_MAX - 1
        self.measure(lambda: peer.pour_headers(
            1, request(CHECK) + b"\0" + length(1) + b"x" + length(size), (b"y" * FRAME_MAX for _ in range(pieces))))

    def test_trailers_without_end(self):
        peer = self.peer()
        peer.send(frame(HEADERS, 4, 1, request(WATCH)))
        piece = field("x", "y" * 7000)
        self.measure(lambda: peer.pour_headers(1, field("a", "b"), (piece for _ in range(5000))))

    def test_one_header_named_4000_times(self):
        """In each of 400 calls; it has 3.9 KB."""
        first = frame(HEADERS, 4, 1, request(CHECK) + NAMED + length(3900) + b"y" * 3900)
        self.one([first] + [frame(HEADERS, 4, 3 + 2 * i, request(CHECK) + REFERENCE * 4000)
                            for i in range(400)])

    def test_250_short_headers(self):
        """In each of 3,000 calls."""
        first = frame(HEADERS, 4, 1, request(CHECK) + NAMED + b"\x01y")
        self.one([first] + [frame(HEADERS, 4, 3 + 2 * i, request(CHECK) + REFERENCE * 240)
                            for i in range(3000)])

    def test_headers_in_padding(self):
        """10,000 short ones in each of 1,500 calls, where padding says there is one."""
        first = frame(HEADERS, 4, 1, request(CHECK) + NAMED + b"\x01y")
        hidden = hidden_in_padding(request(CHECK) + REFERENCE * 9500)
        self.one([first] + [frame(HEADERS, 4 | 8, 3 + 2 * i, hidden) for i in range(1500)])

    def test_lists_of_31_kb(self):
        """In each of 3,000 calls."""
        first = frame(HEADERS, 4, 1, request(CHECK) + NAMED + length(3900) + b"y" * 3900)
        self.one([first] + [frame(HEADERS, 4, 3 + 2 * i, request(CHECK) + REFERENCE * 7)
                            for i in range(3000)])

    def test_half_a_block_each(self):
        """30 KB of headers on each of 250 connections, that do not go on."""
        self.many(250, lambda: [
            frame(HEADERS, 0, 1, request(CHECK) + field("x", "y" * 15000)),
            frame(CONTINUATION, 0, 1, field("z", "y" * 15000))])

    # ---- calls ----

    def test_calls_that_send_nothing(self):
        """20,000 of them."""
        self.one(frame(HEADERS, 4, s, request(WATCH)) for s in range(1, 40001, 2))

    def test_resets(self):
        """50,000 calls that are given up at once."""
        self.one(frame(HEADERS, 4, s, request(CHECK)) + frame(DATA, 0, s, GO) + frame(RST_STREAM, 0, s, CANCEL)
                 for s in range(1, 100001, 2))

    def test_answers_that_are_not_read(self):
        """800 calls on each of 100 connections."""
        self.many(100, lambda: [frame(HEADERS, 4, s, request(CHECK)) + frame(DATA, 0, s, GO)
                                for s in range(1, 1600, 2)])

    def test_windows_of_nothing(self):
        """50 calls on each of 200 connections, to which nothing may be sent."""
        closed = setting(INITIAL_WINDOW_SIZE, 0) + setting(HEADER_TABLE_SIZE, 0)
        self.many(200, lambda: [frame(SETTINGS, 0, 0, closed)] +
                  [frame(HEADERS, 4, s, request(CHECK)) + frame(DATA, 1, s, GO) for s in range(1, 100, 2)])

    # ---- answers ----

    def ask_for_much(self, path, body, window=0, count=950):
        """`count` calls on each of two connections. With a `window` of 0 no data may be sent to them, and they
        answer PINGs; else they read nothing."""
        def attack():
            peers = [self.peer(), self.peer()]
            for peer in peers:
                peer.send(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, window)),
                          frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST - 65535)))
            for s in range(1, 2 * count, 2):
                for peer in peers:
                    peer.send(frame(HEADERS, 4, s, request(path)), frame(DATA, 1, s, message(body)))
            grown = [0]

            def settled():
                grown.append(memory_mib(self.backend, "VmRSS:"))
                for peer in peers if window == 0 else ():
                    peer.answer_pings()
                return len(grown) > 40 and max(grown[-20:]) - min(grown[-20:]) < 1

            wait_for(settled, "answers that wait")

        return attack

    def test_lists_that_nobody_takes(self):
        for _ in range(30):
            self.ok("data", "load", "SYNT", "1d", "--from=2024-03-04", "--to=2024-03-18")
        self.measure(self.ask_for_much("/millrace.v1.OperationsService/List", b""))

    def load_bars(self):
        self.ok("data", "load", "SYNT", "1m", "--from=2024-03-04", "--to=2024-03-18")

    def test_bars_that_nobody_takes(self):
        self.load_bars()
        self.measure(self.ask_for_much(READ, SYNT_1M), BARS_MIB)

    def test_bars_that_nobody_reads(self):
        """They may be sent; but the socket is full."""
        self.load_bars()
        self.measure(self.ask_for_much(READ, SYNT_1M, window=LARGEST), BARS_MIB)

    def strategy(self, epochs):
        path = self.path("strategy-%d.yaml" % epochs)
        with open(path, "w") as file:
            file.write(STRATEGY % {**DEFAULTS, "epochs": epochs})
        return path

    def test_a_training_meanwhile(self):
        """And a load: both come to what they come to without."""
        self.load_bars()
        self.ok("data", "load", "EURUSD", "1h")
        attack, results = self.ask_for_much(READ, SYNT_1M), []

        def work():
            trained = outcome(self.json("train", self.strategy(300)))["succeeded"]["train"]
            self.ok("data", "delete", "EURUSD", "1h", "--yes")
            self.ok("data", "load", "EURUSD", "1h")
            results.append((trained["weightsSha256"], trained["epochs"], self.export("EURUSD", "1h")))

        work()
        meanwhile = threading.Thread(target=work)

        def both():
            meanwhile.start()
            attack()
            meanwhile.join()

        self.measure(both, BARS_MIB)
        self.assertEqual(results[1], results[0])

    def test_watches_that_nobody_takes(self):
        """Of a training that ends an epoch many times a second."""
        self.ok("data", "load", "EURUSD", "1h")
        started = self.ok("train", self.strategy(1000000), "--detach", "--output=json").json_lines()
        name = started[0]["operation"].encode()
        self.measure(self.ask_for_much("/millrace.v1.OperationsService/Watch", b"\x0a" + bytes([len(name)]) + name),
                     BARS_MIB)
        self.ok("ops", "cancel", name.decode())

    def test_live_bars_that_nobody_takes(self):
        """The host, the links to it, and their buffers come with the first ones."""
        self.ask_for_much("/millrace.v1.DataService/Subscribe", SYNT_1M, count=100)()
        for peer in self.peers:
            peer.close()
        self.peers = []
        self.measure(self.ask_for_much("/millrace.v1.DataService/Subscribe", SYNT_1M), BARS_MIB)

    # ---- other frames ----

    def test_pings(self):
        self.one(100 * frame(PING, 0, 0, b"12345678") for _ in range(500))

    def test_settings(self):
        self.one(100 * frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW_SIZE, 65535)) for _ in range(500))

    def test_goodbyes(self):
        self.one(100 * frame(GOAWAY, 0, 0, bytes(8)) for _ in range(10000))

    def test_priorities(self):
        self.one(100 * frame(PRIORITY, 0, 2 * i + 1, b"\0\0\0\0\7") for i in range(1000))

    def test_window_updates(self):
        self.one(100 * frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") for _ in range(1000))

    def test_empty_data(self):
        self.one([frame(HEADERS, 4, 1, request(WATCH))] + 1000 * [100 * frame(DATA, 0, 1)])

    def test_promises(self):
        self.one([frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + b"z" * 1000)] * 2000)

    def test_frames_of_no_kind(self):
        self.one([frame(99, 0, 0, b"z" * FRAME_MAX)] * 2000)

    def test_a_frame_of_16_mib(self):
        self.one([b"\xff\xff\xff\0\0\0\0\0\1"] + [b"a" * 65536] * 256)

    # ---- messages and connections ----

    def test_a_message_of_4_gib(self):
        peer = self.peer()
        peer.begin_message(1, CHECK, 0xfffffff0)
        self.measure(lambda: peer.pour(1, 1 << 30))

    def test_connections_that_come_and_go(self):
        """5,000, one after the other."""
        def attack():
            for _ in range(5000):
                with contextlib.closing(Peer(self.socket_path)):
                    pass

        self.measure(attack)

    def test_a_byte_at_a_time(self):
        """A call's headers on each of 100 connections."""
        octets = frame(HEADERS, 4, 1, request(CHECK))

        def attack():
            peers = [self.peer() for _ in range(100)]
            for at in range(len(octets)):
                for peer in peers:
                    peer.send(octets[at:at + 1])

        self.measure(attack)
