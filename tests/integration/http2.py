"""Both ends of HTTP/2 by hand, frame by frame: for what no library would send."""

import contextlib
import os
import socket
import struct
import threading

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING = 0, 1, 2, 3, 4, 6
GOAWAY, WINDOW_UPDATE, CONTINUATION = 7, 8, 9
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE, TRUE_BINARY_METADATA = 3, 4, 6, 0xfe03
ENHANCE_YOUR_CALM = 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_MAX = 16384


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def setting(name, value):
    return struct.pack(">HI", name, value)


def length(octets):
    """The length of a text, as HPACK writes it without Huffman's code."""
    if octets < 127:
        return bytes([octets])
    size, rest = bytes([127]), octets - 127
    while rest >= 128:
        size, rest = size + bytes([rest % 128 | 128]), rest // 128
    return size + bytes([rest])


def field(name, value):
    """A header field as HPACK writes it without any compression."""
    return b"\0" + length(len(name)) + name.encode() + length(len(value)) + value.encode()


def fields(**named):
    return b"".join(field(name.replace("_", "-"), value) for name, value in named.items())


def request(path, **more):
    named = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
             "te": "trailers", "content-type": "application/grpc", **more}
    return b"".join(field(name, value) for name, value in named.items())


def response(**more):
    return field(":status", "200") + fields(content_type="application/grpc", **more)


def message(body, compressed=0):
    return struct.pack(">BI", compressed, len(body)) + body


def hidden_in_padding(hidden):
    """The payload of a HEADERS frame that says it is padded. Who knows padding reads one field of 97 and some
    octets, and `hidden` as its value; gRPC takes the length of the padding for the first octet of HPACK, and reads
    `hidden` as headers. (16 is both: so many octets of padding, and a field that is never indexed.)"""
    rest = len(hidden) - 127
    field_ = (bytes([16, 97]) + b"a" * 15 + bytes([84])).ljust(99, b"a") + bytes([0x7f, rest % 128 | 128, rest // 128])
    return bytes([16]) + field_ + hidden + b"\xbe" * 16


class Connection:
    """One end: what comes is answered where the protocol itself asks for it."""

    def __init__(self, connected):
        self.socket = connected
        self.socket.settimeout(30)
        self.window = {0: 65535}
        self.buffer = b""

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def fill(self, octets):
        """Reads until so many are there; False if the other end closes before."""
        while len(self.buffer) < octets:
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                return False
            if not more:
                return False
            self.buffer += more
        return True

    def frames(self):
        """What comes: (kind, flags, stream, payload), until the other end closes."""
        while self.fill(9):
            size = int.from_bytes(self.buffer[:3], "big")
            if not self.fill(9 + size):
                return
            kind, flags = self.buffer[3], self.buffer[4]
            stream = int.from_bytes(self.buffer[5:9], "big")
            payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
            with contextlib.suppress(OSError):
                if kind == SETTINGS and not flags & 1:
                    self.send(frame(SETTINGS, 1, 0))
                if kind == PING and not flags & 1:
                    self.send(frame(PING, 1, 0, payload))
            if kind == WINDOW_UPDATE:
                grant = int.from_bytes(payload, "big")
                self.window[stream] = self.window.get(stream, 65535) + grant
            yield kind, flags, stream, payload

    def answer_pings(self):
        """What has come so far is read and forgotten; False if the other end has closed."""
        patience = self.socket.gettimeout()
        self.socket.settimeout(0.005)
        try:
            for _ in self.frames():
                pass
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(patience)

    def pour(self, stream, octets):
        """Sends data as the other end's windows allow; returns how much until something else came."""
        sent = 0
        answers = self.frames()
        with contextlib.suppress(OSError):
            while sent < octets:
                piece = min(FRAME_MAX, octets - sent, self.window[0], self.window[stream])
                if piece > 0:
                    self.send(frame(DATA, 0, stream, b"a" * piece))
                    sent += piece
                    self.window[0] -= piece
                    self.window[stream] -= piece
                    continue
                for kind, _, on, _ in answers:
                    if kind == GOAWAY or (kind in (HEADERS, RST_STREAM) and on == stream):
                        return sent
                    if kind == WINDOW_UPDATE:
                        break
                else:
                    return sent
        return sent

    def pour_headers(self, stream, first, pieces):
        """A block of headers that does not end; returns how many octets were taken."""
        sent = 0
        with contextlib.suppress(OSError):
            self.send(frame(HEADERS, 0, stream, first))
            for piece in pieces:
                self.send(frame(CONTINUATION, 0, stream, piece))
                sent += len(piece)
        return sent

    def status_of(self, stream=1):
        """What ends a call: its grpc-status, "RST n" or "closed"."""
        for kind, _, on, payload in self.frames():
            if kind == RST_STREAM and on == stream:
                return "RST %d" % int.from_bytes(payload, "big")
            at = payload.find(b"grpc-status") if kind == HEADERS and on == stream else -1
            if at >= 0:
                at += len(b"grpc-status")
                return payload[at + 1:at + 1 + payload[at]].decode()
        return "closed"

    def close(self):
        self.socket.close()


class Peer(Connection):
    """A client that does as it is told."""

    def __init__(self, path, settings=b"", preface=True):
        connected = socket.socket(socket.AF_UNIX)
        # With a time limit of Python's own, connect() would not wait while many stand at the door.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 30, 0))
        connected.connect(path)
        super().__init__(connected)
        with contextlib.suppress(OSError):  # turned away at the door: why is there to read
            if preface:
                self.send(PREFACE, frame(SETTINGS, 0, 0, settings))

    def begin_message(self, stream, path, size):
        """A call's headers, and a message that says it has `size` bytes."""
        self.window[stream] = 65535 - 5
        self.window[0] -= 5
        self.send(frame(HEADERS, 4, stream, request(path)),
                  frame(DATA, 0, stream, struct.pack(">BI", 0, size)))


class Host:
    """A server on a unix socket, healthy. Else answer(connection, stream) says what a call gets; what
    that returns is kept in `answered`."""

    def __init__(self, path):
        self.answer, self.answered = lambda connection, stream: None, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o600)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=self.listener.accept()[:1], daemon=True).start()

    def serve(self, connected):
        connection = Connection(connected)
        with contextlib.suppress(OSError), connected:
            if not connection.fill(len(PREFACE)):
                return
            connection.buffer = connection.buffer[len(PREFACE):]
            connection.send(frame(SETTINGS, 0, 0))
            asks_health = None  # whoever does asks nothing else; its path is in words once
            for kind, _, stream, payload in connection.frames():
                if kind != HEADERS:
                    continue
                if asks_health is None:
                    asks_health = b"/grpc.health." in payload
                connection.window.setdefault(stream, 65535)
                if asks_health:
                    connection.send(frame(HEADERS, 4, stream, response()),
                                    frame(DATA, 0, stream, message(b"\x08\x01")),  # SERVING
                                    frame(HEADERS, 5, stream, field("grpc-status", "0")))
                else:
                    self.answered.append(self.answer(connection, stream))

    def close(self):
        self.listener.close()
