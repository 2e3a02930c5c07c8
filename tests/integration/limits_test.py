"""What somebody on the socket can take: hostile HTTP/2 against a real mesh with small limits. Each test
is answered by another caller meanwhile and afterwards."""

import contextlib
import gzip
import os
import random
import resource
import signal
import socket
import struct
import unittest

import grpc

from http2 import (CONTINUATION, DATA, ENHANCE_YOUR_CALM, FRAME_MAX, GOAWAY, HEADERS,
                   MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE, PING, PRIORITY, RST_STREAM, SETTINGS,
                   TRUE_BINARY_METADATA, WINDOW_UPDATE, Host, Peer, field, frame,
                   hidden_in_padding, length, message, request, response, setting)
from limited import LIMITS, LimitsCase, open_files, resident_kib
from mesh_processes import MeshCase, children, wait_for

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
LOAD = "/millrace.v1.DataService/Load"
# google.rpc.RetryInfo of one second, as an Any has it.
RETRY_IN_1_S = b"type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01"


class LimitsTest(LimitsCase):
    def test_the_limits_are_announced(self):
        settings = next(payload for kind, flags, _, payload in self.peer().frames() if kind == SETTINGS)
        told = dict(struct.unpack_from(">HI", settings, at) for at in range(0, len(settings), 6))
        self.assertEqual(told[MAX_CONCURRENT_STREAMS], LIMITS["STREAMS"])
        self.assertEqual(told[MAX_HEADER_LIST_SIZE], 8192)

    def test_open_calls(self):
        """More than it was told it may: the rest is refused, with the time to come again, and who goes
        on and takes no answers is shut out."""
        peer = self.peer(settings=setting(TRUE_BINARY_METADATA, 1))

        def watch(stream):
            peer.send(frame(HEADERS, 4, stream, request(WATCH)), frame(DATA, 1, stream, message(b"")))

        for i in range(LIMITS["STREAMS"] + 1):
            watch(2 * i + 1)
        last = 2 * LIMITS["STREAMS"] + 1
        refused = next(payload for kind, _, on, payload in peer.frames() if kind == HEADERS and on == last)
        self.assertIn(b"too many calls at a time: on this connection, 20 may run", refused)
        self.assertIn(b"TOO_MANY_CALLS", refused)
        self.assertIn(RETRY_IN_1_S, refused)
        with contextlib.suppress(OSError):
            for stream in range(last + 2, 40001, 2):
                watch(stream)
            self.fail("all were taken")
        for _ in peer.frames():
            pass  # until it is closed
        self.peak_is_within(8)
        self.others_notice_nothing()

    def test_a_message_of_4_gib(self):
        peer = self.peer()
        peer.begin_message(1, CHECK, 0xfffffff0)
        poured = peer.pour(1, 64 << 20)
        self.assertGreater(poured, 100000)
        self.assertLess(poured, 8 << 20)
        self.others_notice_nothing()

    def test_a_message_above_the_limit(self):
        peer = self.peer()
        peer.begin_message(1, CHECK, (LIMITS["MESSAGE_KIB"] << 10) + 1)
        peer.pour(1, (LIMITS["MESSAGE_KIB"] << 10) + 1)
        with contextlib.suppress(OSError):
            peer.send(frame(DATA, 1, 1))
        self.assertIn(peer.status_of(), ("8", "RST 0", "RST 8"))
        self.others_notice_nothing()

    def test_compressed_messages(self):
        bomb = gzip.compress(b"\0" * (50 << 20), 9)
        peer = self.peer()
        peer.send(frame(HEADERS, 4, 1, request(CHECK, **{"grpc-encoding": "gzip"})))
        with contextlib.suppress(OSError):
            for at in range(0, 48 << 10, FRAME_MAX):
                peer.send(frame(DATA, 0, 1, message(bomb, 1)[at:at + FRAME_MAX]))
        self.assertEqual(peer.status_of(), "12")  # UNIMPLEMENTED
        self.others_notice_nothing()

    def is_ended(self, peer, *words):
        """The peer hears why, and that it may not go on like that; nobody else notices anything."""
        goodbye = [payload for kind, _, _, payload in peer.frames() if kind == GOAWAY][-1]
        self.assertEqual(int.from_bytes(goodbye[4:8], "big"), ENHANCE_YOUR_CALM)
        for word in words:
            self.assertIn(word, goodbye[8:].decode())
        self.peak_is_within(8)
        self.others_notice_nothing(8)

    def test_headers_that_are_too_long_are_refused(self):
        """Above what is announced, but whole: the call is refused, and the connection goes on."""
        peer = self.peer()
        peer.send(frame(HEADERS, 4, 1, request(CHECK, x="y" * 9000)), frame(DATA, 1, 1, message(b"")))
        self.assertEqual(peer.status_of(), "8")
        peer.send(frame(HEADERS, 4, 3, request(CHECK)), frame(DATA, 1, 3, message(b"")))
        self.assertEqual(peer.status_of(3), "0")

    def test_headers_without_end(self):
        """Each frame of them is below every limit of gRPC's."""
        peer = self.peer()
        peer.pour_headers(1, request(CHECK), (field("x-%d" % i, "y" * 7000) for i in range(10000)))
        self.is_ended(peer, "headers of more than 32768 bytes")

    def test_headers_of_very_many_frames(self):
        peer = self.peer()
        peer.pour_headers(1, request(CHECK), (field("x-%d" % i, "y") for i in range(10000)))
        self.is_ended(peer, "headers in more than 16 frames")

    def test_one_header_of_many_pieces(self):
        """gRPC looks at a field when it is whole, and begins anew with each piece."""
        peer = self.peer()
        pieces = (b"y" * 100 for _ in range(10000))
        peer.pour_headers(1, request(CHECK) + b"\0" + length(1) + b"x" + length(30000), pieces)
        self.is_ended(peer, "headers in more than 16 frames")

    def test_one_header_that_is_named_again_and_again(self):
        """A byte names four thousand."""
        peer = self.peer()
        with contextlib.suppress(OSError):
            peer.send(frame(HEADERS, 4, 1, request(CHECK) + b"\x40\x01x" + length(3900) + b"y" * 3900))
            for stream in range(3, 803, 2):
                peer.send(frame(HEADERS, 4, stream, request(CHECK) + b"\xbe" * 4000))
        self.is_ended(peer, "a header list of more than 32768 bytes")

    def test_very_many_headers_of_no_length(self):
        peer = self.peer()
        with contextlib.suppress(OSError):
            for stream in range(1, 801, 2):
                peer.send(frame(HEADERS, 4, stream, request(CHECK) + b"\0\0\0" * 5000))
        self.is_ended(peer, "a header list of more than 256 fields")

    def test_frames_of_no_protocol(self):
        """Each kind of frame where it may not be, with what it may not hold, and then at random."""
        begun = frame(HEADERS, 4, 1, request(CHECK))
        for bad in [
                b"GET / HTTP/1.1\r\n\r\n", frame(DATA, 0, 0, b"x"), frame(DATA, 1, 7, b"x"),
                frame(HEADERS, 5, 2, request(CHECK)), frame(CONTINUATION, 4, 1, b"x"), begun + begun,
                frame(SETTINGS, 1, 0, b"123456"), frame(SETTINGS, 0, 0, b"12345"),
                frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)),  # a window too large
                frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 1)),        # frames too small
                frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"), 3 * frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
                b"\xff\xff\xff\0\0\0\0\0\1", frame(200, 255, 5, b"zz"), frame(PING, 0, 0, b"123"),
                frame(RST_STREAM, 0, 99, b"\0\0\0\x08"), frame(GOAWAY, 0, 0, b"\0" * 8),
                frame(HEADERS, 5 | 8, 1, b"\xff" + request(CHECK)),     # more padding than there is
                frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\x0f"),      # an index without an entry
                frame(HEADERS, 5, 1, b"\x3f\xff\xff\xff\x7f"),          # a table of 256 MiB
                frame(HEADERS, 5, 1, b"\0\x7f"), frame(HEADERS, 5, 1), frame(HEADERS, 5, 1, field(":method", "POST")),
                frame(HEADERS, 4, 1, request(CHECK) + field(":path", "/x/y")),
                frame(HEADERS, 4, 1, request(CHECK, x="a\0b")),
                begun + frame(DATA, 1, 1, b"\7\0\0\0\0"), begun + frame(DATA, 1, 1, b"\0\0\0\0\x64abc")]:
            peer = self.peer()
            with contextlib.suppress(OSError):
                peer.send(bad)
                peer.socket.shutdown(socket.SHUT_WR)
            for _ in peer.frames():
                pass  # until it is closed
            peer.close()
        chance = random.Random(1)
        for _ in range(300):
            peer = self.peer()
            with contextlib.suppress(OSError):
                for _ in range(chance.randrange(1, 6)):
                    body = chance.choice([request(CHECK), request(WATCH), message(b""), b"", chance.randbytes(20)])
                    peer.send(frame(chance.randrange(11), chance.randrange(256), chance.choice([0, 1, 2, 3, 5]), body))
            peer.close()
        self.others_notice_nothing()

    def test_headers_hidden_in_padding(self):
        """gRPC knows no padding: what is none to whoever reads before it would be headers to it."""
        peer = self.peer()
        peer.send(frame(HEADERS, 4, 1, request(CHECK) + b"\x40\x01x\x01y"), frame(DATA, 1, 1, message(b"")))
        self.assertEqual(peer.status_of(), "0")
        with contextlib.suppress(OSError):
            for stream in range(3, 200, 2):
                peer.send(frame(HEADERS, 4 | 8, stream, hidden_in_padding(request(CHECK) + b"\xbe" * 9500)))
        self.is_ended(peer, "padding")

    def test_answers_that_nobody_reads(self):
        """A server that keeps them all would grow for as long as it is asked."""
        for flood, name in [(frame(PING, 0, 0, b"12345678"), "PINGs"),
                            (frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)), "SETTINGS")]:
            peer = self.peer()
            peer.send(200 * flood)  # at once: none of them is answered before the last has come
            self.is_ended(peer, "more than 100 " + name)
            # Where answers fill the socket first, there is no room to say why; but an end there is.
            peer = self.peer()
            with contextlib.suppress(OSError):
                for _ in range(500):
                    peer.send(100 * flood)
                self.fail("all were taken")
            for _ in peer.frames():
                pass  # until it is closed
            self.peak_is_within(8)
            self.others_notice_nothing(8)

    def test_frames_that_ask_for_nothing(self):
        peer = self.peer()
        peer.send(frame(HEADERS, 4, 1, request(WATCH)))
        for flood in [frame(DATA, 0, 1), frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
                      frame(PRIORITY, 0, 5, b"\0\0\0\x03\x10"), frame(RST_STREAM, 0, 99, b"\0\0\0\x08")]:
            with contextlib.suppress(OSError):
                for _ in range(200):
                    peer.send(100 * flood)
        self.others_notice_nothing()

    def test_rapid_reset(self):
        """The bystander is the same peer's: it would go on there."""
        peer, bystander = self.peer(), self.peer()
        next(bystander.frames())
        with contextlib.suppress(OSError):
            for stream in range(1, 40001, 2):
                peer.send(frame(HEADERS, 4, stream, request(CHECK)), frame(DATA, 0, stream, message(b"")),
                          frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
        for _ in bystander.frames():
            pass  # until it is closed
        self.is_ended(peer, "more than 20 calls that were given up")

    def test_calls_that_the_server_has_to_give_up(self):
        """The peer resets none of them itself: it makes a mistake on each."""
        peer = self.peer()
        with contextlib.suppress(OSError):
            for stream in range(1, 40001, 2):
                peer.send(frame(HEADERS, 4, stream, request(WATCH)),
                          frame(WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff"),
                          frame(WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff"))
        for _ in peer.frames():
            pass  # until it is closed
        self.peak_is_within(16)
        self.others_notice_nothing()

    def test_connections_of_one_process(self):
        """The first ones stay, the rest are told; other processes come in."""
        before = open_files(self.backend)
        quiet = [self.peer() for _ in range(LIMITS["PEER_CONNECTIONS"])]
        wait_for(lambda: open_files(self.backend) > before + 2 * len(quiet), "connections that are let in")
        told = list(self.peer().frames())
        self.assertEqual(told[-1][0], GOAWAY)
        self.assertEqual(int.from_bytes(told[-1][3][4:8], "big"), ENHANCE_YOUR_CALM)
        self.assertEqual(told[-1][3][8:], b"too many connections")
        self.others_notice_nothing()
        for peer in quiet:
            peer.close()
        wait_for(lambda: open_files(self.backend) < before + len(quiet) // 2, "connections that are forgotten")


@unittest.skipIf("KEEPS_MEMORY" in os.environ, "a sanitizer keeps what is freed")
class BurstTest(MeshCase):
    def test_what_was_taken_apart_is_given_back(self):
        """Eight requests of 30,000 fields each, while the connection stays: resident memory is what the
        backend uses, not what it once used."""
        mesh = self.up("--output=json")
        backend = children(mesh.pid)["millrace-backend"]
        before_kib = resident_kib(backend)
        address = "unix:" + os.path.join(self.home, "run", "backend.sock")
        with grpc.insecure_channel(address) as channel:
            train = channel.unary_stream("/millrace.v1.TrainingService/Train")
            calls = [train(b"\x0a\x04a=bc" * 30000) for _ in range(8)]
            for call in calls:
                with contextlib.suppress(grpc.RpcError):
                    list(call)
            self.assertGreater(resident_kib(backend, "VmHWM:"), before_kib + (6 << 10))
            wait_for(lambda: resident_kib(backend) < before_kib + (4 << 10), "memory given back")


class OpenCallsTest(LimitsCase):
    LIMITS = {"STREAMS": 100, "CALLS": 8}

    def test_calls_that_are_begun_at_once(self):
        """A peer may have twice its half of the calls open before gRPC has looked at one; this is one more."""
        peer = self.peer()
        peer.send(*(frame(HEADERS, 4, stream, request(WATCH)) for stream in range(1, 2 * 9, 2)))
        told = [payload[8:] for kind, _, _, payload in peer.frames() if kind == GOAWAY]
        self.assertEqual(told, [b"more than 8 calls that are open, on all its connections"])
        peer = self.peer()
        peer.send(*(frame(HEADERS, 4, stream, request(WATCH)) for stream in range(1, 2 * 8, 2)))
        self.assertTrue(any(kind == HEADERS and on == 15 for kind, _, on, _ in peer.frames()))  # refused in order
        self.others_notice_nothing()


class HostTest(LimitsCase):
    """The backend asks a host for many: what they do is not taken for its own doing."""
    LIMITS = {"RESETS": 5, "PASSED": 64}
    SUBSCRIBE, SYNT_1M = "/millrace.v1.DataService/Subscribe", b"\x0a\x04SYNT\x12\x021m"

    def prepare(self):
        self.set_papergate_flags("--live-interval-ms", "50")

    def watch(self, symbol, timeframe):
        return self.start("millrace", "data", "watch", symbol, timeframe, "--output=json")

    def test_watches_that_many_give_up(self):
        """One each, of processes that are strangers to each other: the host gets all of them from the backend."""
        stays = self.watch("SYNT", "1m")
        stays.line(lambda line: line, "bar")
        watches = [self.watch(symbol, timeframe) for symbol in ("SYNA", "SYNB", "SYNC", "SYND")
                   for timeframe in ("1m", "5m", "1h")]
        for watch in watches:
            watch.line(lambda line: line, "bar")
        for watch in watches:
            watch.signal(signal.SIGINT)
        for watch in watches:
            watch.wait()
        self.ok("data", "load", "SYNT", "1d", "--from=2024-03-04", "--to=2024-03-18")
        self.assertEqual(stays.stderr(), "")
        with open(os.path.join(self.home, "log", "ib-host.log")) as log:
            self.assertNotIn("given up", log.read())

    def test_live_bars_for_one_caller(self):
        """A quarter of what is passed on; others, and what the backend does by itself, have the rest."""
        peer = self.peer(settings=setting(TRUE_BINARY_METADATA, 1))
        for stream in range(1, 2 * 17 + 1, 2):
            peer.send(frame(HEADERS, 4, stream, request(self.SUBSCRIBE)),
                      frame(DATA, 1, stream, message(self.SYNT_1M)))
        refused = next(payload for kind, _, _, payload in peer.frames() if kind == HEADERS and b"TOO_MANY_CALLS" in payload)
        self.assertIn(b"16 calls are passed on to it for this caller", refused)
        self.assertIn(RETRY_IN_1_S, refused)
        self.ok("data", "load", "SYNT", "1d", "--from=2024-03-04", "--to=2024-03-18")
        self.watch("SYNA", "1m").line(lambda line: line, "bar")
        self.others_notice_nothing()


class StartsTest(LimitsCase):
    LIMITS = {"STARTS_PER_S": 1}

    def test_a_start_that_is_refused_says_when(self):
        peer = self.peer(settings=setting(TRUE_BINARY_METADATA, 1))
        load = b"\x0a\x05NOSUC\x12\x021d"  # LoadRequest: symbol, timeframe
        for i in range(60):  # ten seconds' worth may start at once
            one = load.replace(b"NOSUC", b"NO%03d" % i)
            peer.send(frame(HEADERS, 4, 2 * i + 1, request(LOAD)),
                      frame(DATA, 1, 2 * i + 1, message(one)))
        refused = next(payload for kind, _, _, payload in peer.frames()
                       if kind == HEADERS and b"TOO_MANY_STARTS" in payload)
        self.assertIn(b"google.rpc.RetryInfo", refused)
        self.others_notice_nothing()


class TimesTest(LimitsCase):
    LIMITS = {"IDLE_S": 1, "AGE_S": 2}

    def ping(self, peer, frames):
        """True if the other end still answers; what came before is in the list."""
        peer.send(frame(PING, 0, 0, b"are you?"))
        before = []
        for one in frames:
            if one[0] == PING and one[1] & 1 and one[3] == b"are you?":
                return before
            before.append(one)
        self.fail("closed")

    def test_a_connection_without_calls_ends_and_one_with_a_call_takes_no_new_ones(self):
        busy = self.peer()
        busy.send(frame(HEADERS, 4, 1, request(WATCH)), frame(DATA, 1, 1, message(b"")))
        came = busy.frames()
        next(one for one in came if one[0] == DATA)  # it runs
        idle = self.peer()
        self.assertIn(GOAWAY, [kind for kind, _, _, _ in idle.frames()])  # and then it is closed

        goodbyes = [one for one in self.ping(busy, came) if one[0] == GOAWAY]
        while not goodbyes or int.from_bytes(goodbyes[-1][3][:4], "big") != 1:
            goodbyes.append(next(one for one in came if one[0] == GOAWAY))  # old; the last call is 1
        busy.send(frame(HEADERS, 4, 3, request(CHECK)), frame(DATA, 1, 3, message(b"")))
        since = self.ping(busy, came)
        self.assertEqual([one for one in since if one[0] in (HEADERS, DATA, RST_STREAM) and one[2] == 1],
                         [], "the call that runs goes on")
        self.assertEqual([one for one in since if one[0] == DATA and one[2] == 3], [])
        busy.send(frame(RST_STREAM, 0, 1, struct.pack(">I", 8)))
        for _ in came:
            pass  # until it is closed: nothing runs on it
        self.others_notice_nothing()


class LyingHostTest(LimitsCase):
    """What a host can make the backend take: a link's limits."""
    LIMITS = {}

    def more_env(self):
        path = self.path("host.sock")
        self.host = Host(path)
        self.addCleanup(self.host.close)
        return {"MILLRACE_IB_HOST_ADDRESS": "unix:" + path}

    def is_bounded(self, answer, grown_mib, *words):
        self.host.answer = answer
        self.check_one_line(self.millrace("data", "search", "SPX"), *words)
        self.peak_is_within(grown_mib)
        self.others_notice_nothing()
        return max(taken for taken in self.host.answered if taken is not None)

    def test_a_message_without_end(self):
        def answer(connection, stream):
            connection.send(frame(HEADERS, 4, stream, response()),
                            frame(DATA, 0, stream, struct.pack(">BI", 0, 0xfffffff0)))
            connection.window[0] -= 5
            connection.window[stream] -= 5
            return connection.pour(stream, 512 << 20)

        self.assertLess(self.is_bounded(answer, 110, "RESOURCE_EXHAUSTED"), 80 << 20)

    def test_a_compressed_message(self):
        bomb = message(gzip.compress(b"\0" * (40 << 20), 9), 1)

        def answer(connection, stream):
            connection.send(frame(HEADERS, 4, stream, response(grpc_encoding="gzip")),
                            *(frame(DATA, 0, stream, bomb[at:at + FRAME_MAX])
                              for at in range(0, len(bomb), FRAME_MAX)))
            return len(bomb)

        self.is_bounded(answer, 24, "UNIMPLEMENTED", "gzip")

    def test_headers_without_end(self):
        """Frame by frame each is short enough, and gRPC counts no further: docs/limits.md."""
        def answer(connection, stream):
            taken = connection.pour_headers(stream, response(),
                                            (field("x-%d" % i, "y" * 7000) for i in range(1000)))
            with contextlib.suppress(OSError):
                connection.send(frame(CONTINUATION, 4, stream),
                                frame(HEADERS, 5, stream, field("grpc-status", "0")))
            return taken

        self.is_bounded(answer, 24, "RESOURCE_EXHAUSTED", "link ib-host", "the answer's headers have 70",
                        "and may have 16384")

    def test_trailers_without_end(self):
        def answer(connection, stream):
            connection.send(frame(HEADERS, 4, stream, response()))
            return connection.pour_headers(stream, field("grpc-status", "0"),
                                           (field("x-%d" % i, "y" * 8000) for i in range(4000)))

        self.is_bounded(answer, 24)


class DescriptorsTest(MeshCase):
    def test_the_soft_limit_is_raised(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        mesh = self.up("--output=json",
                       before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)))
        for name, pid in children(mesh.pid).items():
            if name.startswith("millrace-"):
                self.assertEqual(resource.prlimit(pid, resource.RLIMIT_NOFILE)[0], hard, name)

    def test_more_connections_than_descriptors(self):
        """Few for the whole mesh: who comes too late is told, and afterwards all is as before."""
        mesh = self.up("--output=json",
                       before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160)))
        backend = children(mesh.pid)["millrace-backend"]
        path = os.path.join(self.home, "run", "backend.sock")
        peers = []
        for _ in range(400):
            peers.append(socket.socket(socket.AF_UNIX))
            peers[-1].settimeout(30)
            peers[-1].connect(path)
        self.assertIn(b"too many connections", peers[-1].recv(1000))
        self.ok("ops", "list")  # another process: half of the room is not for this one
        for peer in peers:
            peer.close()
        wait_for(lambda: open_files(backend) < 60, "connections that are forgotten")
        self.ok("ops", "list")
        self.ok("data", "load", "SPX", "1d")
        self.assertEqual(children(mesh.pid)["millrace-backend"], backend)


if __name__ == "__main__":
    unittest.main()
