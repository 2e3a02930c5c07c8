"""What somebody on the socket can take: hostile HTTP/2 against a real mesh with small limits. Each test
is answered by another caller meanwhile and afterwards."""

import contextlib
import gzip
import os
import random
import resource
import socket
import struct
import unittest

from mesh_processes import MeshCase, children, wait_for

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE = 3, 6
ENHANCE_YOUR_CALM = 11
FRAME_MAX = 16384
LIMITS = {"STREAMS": 20, "CALLS": 60, "CONNECTIONS": 60, "PEER_CONNECTIONS": 30, "RESETS": 20,
          "CONNECTION_MIB": 2, "MESSAGE_KIB": 256}


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    """A header field as HPACK writes it without any compression."""
    def text(octets):
        if len(octets) < 127:
            return bytes([len(octets)]) + octets
        size, rest = bytes([127]), len(octets) - 127
        while rest >= 128:
            size, rest = size + bytes([rest % 128 | 128]), rest // 128
        return size + bytes([rest]) + octets
    return b"\0" + text(name.encode()) + text(value.encode())


def request(path, **more):
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
              "te": "trailers", "content-type": "application/grpc", **more}
    return b"".join(field(name, value) for name, value in fields.items())


def message(body, compressed=0):
    return struct.pack(">BI", compressed, len(body)) + body


class Peer:
    """An HTTP/2 client that does as it is told."""

    def __init__(self, path, settings=b""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.window = {0: 65535}
        self.buffer = b""
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings))

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def frames(self):
        """What comes: (kind, flags, stream, payload), until the other end closes."""
        while True:
            while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
                with contextlib.suppress(ConnectionError):
                    more = self.socket.recv(65536)
                    if more:
                        self.buffer += more
                        continue
                return
            size = int.from_bytes(self.buffer[:3], "big")
            kind, flags = self.buffer[3], self.buffer[4]
            stream = int.from_bytes(self.buffer[5:9], "big")
            payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
            if kind == SETTINGS and not flags & 1:
                with contextlib.suppress(OSError):
                    self.send(frame(SETTINGS, 1, 0))
            if kind == WINDOW_UPDATE:
                grant = int.from_bytes(payload, "big")
                self.window[stream] = self.window.get(stream, 65535) + grant
            yield kind, flags, stream, payload

    def begin_message(self, stream, size):
        """A call's headers, and a message that says it has `size` bytes."""
        self.window[stream] = 65535 - 5
        self.window[0] -= 5
        self.send(frame(HEADERS, 4, stream, request(CHECK)),
                  frame(DATA, 0, stream, struct.pack(">BI", 0, size)))

    def pour(self, stream, octets):
        """Sends data as the other end's windows allow; returns how much until something else came."""
        sent = 0
        answers = self.frames()
        while sent < octets:
            piece = min(FRAME_MAX, octets - sent, self.window[0], self.window[stream])
            if piece > 0:
                self.send(frame(DATA, 0, stream, b"a" * piece))
                sent += piece
                self.window[0] -= piece
                self.window[stream] -= piece
                continue
            for kind, _, on, _ in answers:
                if kind in (HEADERS, RST_STREAM, GOAWAY):
                    return sent
                if kind == WINDOW_UPDATE:
                    break
            else:
                return sent
        return sent

    def close(self):
        self.socket.close()


def resident_kib(pid):
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def open_files(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


class LimitsTest(MeshCase):
    def env(self):
        return {**super().env(), **{"MILLRACE_LIMITS_" + name: str(n) for name, n in LIMITS.items()}}

    def setUp(self):
        super().setUp()
        self.mesh = self.up("--output=json")
        self.backend = children(self.mesh.pid)["millrace-backend"]
        self.before_kib = resident_kib(self.backend)

    def peer(self, **options):
        peer = Peer(os.path.join(self.home, "run", "backend.sock"), **options)
        self.addCleanup(peer.close)
        return peer

    def others_notice_nothing(self, grown_mib=24):
        """Another caller is answered, by the same backend, which has not kept what it was made to take."""
        self.ok("ops", "list")
        self.assertEqual(children(self.mesh.pid)["millrace-backend"], self.backend)
        wait_for(lambda: resident_kib(self.backend) < self.before_kib + (grown_mib << 10),
                 "memory of the backend given back")

    def status_of(self, peer, stream=1):
        """What ends a call: its grpc-status, "RST n" or "closed"."""
        for kind, _, on, payload in peer.frames():
            if kind == RST_STREAM and on == stream:
                return "RST %d" % int.from_bytes(payload, "big")
            at = payload.find(b"grpc-status") if kind == HEADERS and on == stream else -1
            if at >= 0:
                at += len(b"grpc-status")
                return payload[at + 1:at + 1 + payload[at]].decode()
        return "closed"

    def test_the_limits_are_announced(self):
        settings = next(payload for kind, flags, _, payload in self.peer().frames() if kind == SETTINGS)
        told = dict(struct.unpack_from(">HI", settings, at) for at in range(0, len(settings), 6))
        self.assertEqual(told[MAX_CONCURRENT_STREAMS], LIMITS["STREAMS"])
        self.assertEqual(told[MAX_HEADER_LIST_SIZE], 8192)

    def test_open_calls(self):
        """More than it was told it may: the rest is refused, and who goes on is shut out."""
        peer = self.peer()
        with contextlib.suppress(OSError):
            for stream in range(1, 2001, 2):
                peer.send(frame(HEADERS, 4, stream, request(WATCH)), frame(DATA, 1, stream, message(b"")))
        ended = [(kind, payload) for kind, _, _, payload in peer.frames() if kind in (HEADERS, GOAWAY)]
        self.assertTrue(any(b"too many calls" in payload or kind == GOAWAY for kind, payload in ended) or
                        not ended)  # closed before it could read
        self.others_notice_nothing()

    def test_a_message_of_4_gib(self):
        peer = self.peer()
        peer.begin_message(1, 0xfffffff0)
        poured = peer.pour(1, 64 << 20)
        self.assertGreater(poured, 100000)
        self.assertLess(poured, 8 << 20)
        self.others_notice_nothing()

    def test_a_message_above_the_limit(self):
        peer = self.peer()
        peer.begin_message(1, (LIMITS["MESSAGE_KIB"] << 10) + 1)
        peer.pour(1, (LIMITS["MESSAGE_KIB"] << 10) + 1)
        with contextlib.suppress(OSError):
            peer.send(frame(DATA, 1, 1))
        self.assertIn(self.status_of(peer), ("8", "RST 0", "RST 8"))
        self.others_notice_nothing()

    def test_compressed_messages(self):
        bomb = gzip.compress(b"\0" * (50 << 20), 9)
        peer = self.peer()
        peer.send(frame(HEADERS, 4, 1, request(CHECK, **{"grpc-encoding": "gzip"})))
        with contextlib.suppress(OSError):
            for at in range(0, 48 << 10, FRAME_MAX):
                peer.send(frame(DATA, 0, 1, message(bomb, 1)[at:at + FRAME_MAX]))
        self.assertEqual(self.status_of(peer), "12")  # UNIMPLEMENTED
        self.others_notice_nothing()

    def test_headers_without_end(self):
        """One that is too long is refused; the peer's others go on."""
        peer = self.peer()
        next(peer.frames())
        peer.send(frame(HEADERS, 0, 1, request(CHECK)))
        with contextlib.suppress(OSError):
            for i in range(400):
                peer.send(frame(CONTINUATION, 0, 1, field("x-%d" % i, "y" * 500)))
            peer.send(frame(CONTINUATION, 4, 1), frame(DATA, 1, 1, message(b"")))
        self.assertNotEqual(self.status_of(peer), "0")
        self.others_notice_nothing()

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

    def test_answers_that_nobody_reads(self):
        """A server that keeps them all would grow for as long as it is asked; after that its memory is as before."""
        for flood in [frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535))]:
            peer = self.peer()
            peer.socket.settimeout(1)
            with contextlib.suppress(OSError):  # it is not read any more
                for _ in range(500):
                    peer.send(100 * flood)
            self.ok("ops", "list")
            peer.close()
        self.others_notice_nothing()

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
        peer = self.peer()
        with contextlib.suppress(OSError):
            for stream in range(1, 40001, 2):
                peer.send(frame(HEADERS, 4, stream, request(CHECK)), frame(DATA, 0, stream, message(b"")),
                          frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
        for _ in peer.frames():
            pass  # until it is closed
        self.others_notice_nothing()

    def test_connections_of_one_process(self):
        """The first ones stay, the rest are told; other processes come in."""
        quiet = [self.peer() for _ in range(LIMITS["PEER_CONNECTIONS"])]
        wait_for(lambda: open_files(self.backend) > 2 * len(quiet), "connections that are let in")
        told = list(self.peer().frames())
        self.assertEqual(told[-1][0], GOAWAY)
        self.assertEqual(int.from_bytes(told[-1][3][4:8], "big"), ENHANCE_YOUR_CALM)
        self.assertEqual(told[-1][3][8:], b"too many connections")
        self.others_notice_nothing()
        for peer in quiet:
            peer.close()
        wait_for(lambda: open_files(self.backend) < len(quiet), "connections that are forgotten")


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
