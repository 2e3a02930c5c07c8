"""A gateway that says what a test tells it to say, true or not, frame by frame."""

import calendar
import socket
import struct
import threading
import time
import zlib

SIZES = {"1 min": 60, "5 mins": 300, "15 mins": 900, "30 mins": 1800, "1 hour": 3600, "2 hours": 7200,
         "4 hours": 14400, "1 day": 86400, "1W": 604800}
UNITS = {"S": 1, "D": 86400, "Y": 366 * 86400}
DAY = 86400
NO_DATA = (162, "Historical Market Data Service error message:HMDS query returned no data: X@SMART Trades")


def at(text):
    """"2026-11-02T14:30" as seconds since 1970."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M" if "T" in text else "%Y-%m-%d"))


def bar(start_s, open_=10.0, high=11.0, low=9.0, close=10.5, volume=1):
    return (start_s, open_, high, low, close, volume)


class Ask:
    """A reqHistoricalData: what starts before `end_s` and not before `from_s`, as bars of `size_s`."""

    def __init__(self, fields, now_s):
        self.id, self.con_id, self.symbol, self.kind, self.expiry = fields[1:6]
        self.exchange, self.currency = fields[9], fields[11]
        end, length, unit = fields[15], *fields[17].split()
        self.end, self.regular, self.prices = end, fields[18] == "1", fields[19]
        self.end_s = calendar.timegm(time.strptime(end, "%Y%m%d-%H:%M:%S")) if end else int(now_s)
        self.from_s = self.end_s - int(length) * UNITS[unit]
        self.size_s = SIZES[fields[16]]


class Contract:
    """What a gateway tells of one contract."""

    def __init__(self, con_id, symbol, kind, exchange, currency, primary="", expiry="", name=""):
        self.con_id, self.symbol, self.kind, self.exchange = con_id, symbol, kind, exchange
        self.currency, self.primary, self.expiry, self.name = currency, primary, expiry, name


def same_contract(asked):
    """Whatever is asked for is there, with a number made of its symbol."""
    asked.con_id = asked.con_id or zlib.crc32((asked.symbol + asked.kind + asked.currency).encode())
    return [asked]


class ScriptedGateway:
    """`answer(ask)` gives the bars of an answer, or (code, text) of an error; what it puts into
    `self.notices` as (code, text) is said before. `clock()` is the gateway's; `details(contract)` gives the
    contracts that fit one."""

    def __init__(self, answer):
        self.answer, self.clock, self.head_s = answer, time.time, at("2000-01-03")
        self.details, self.resolved = same_contract, []
        self.asks, self.notices, self.heads, self.sends = [], [], 0, []
        self.tells_heads = threading.Event()  # until it is set they are waited for
        self.tells_heads.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connected, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connected,), daemon=True).start()

    def serve(self, connected):
        with connected, connected.makefile("rb") as stream:
            try:
                self.converse(connected.sendall, stream)
            except (OSError, EOFError):
                pass  # the host has gone

    @staticmethod
    def frame(*fields):
        payload = b"".join((field if isinstance(field, bytes) else str(field).encode()) + b"\0" for field in fields)
        return struct.pack(">I", len(payload)) + payload

    @staticmethod
    def take(stream):
        head = stream.read(4)
        if len(head) < 4:
            raise EOFError
        return stream.read(struct.unpack(">I", head)[0])

    def converse(self, send, stream):
        if stream.read(4) != b"API\0":
            return
        self.take(stream)  # the versions
        send(self.frame(178, "20260101 00:00:00 UTC"))
        self.take(stream)  # startApi
        send(self.frame(15, 1, "DU1") + self.frame(9, 1, 1))
        self.sends.append(send)
        while True:
            fields = self.take(stream).decode().split("\0")
            number = int(fields[0])
            if number == 9:
                self.contract(send, fields)
            elif number == 20:
                self.history(send, Ask(fields, self.clock()))
            elif number == 49:
                send(self.frame(49, 1, int(self.clock())))
            elif number == 87:
                self.heads += 1
                self.tells_heads.wait(60)
                send(self.frame(88, fields[1], self.head_s))

    def contract(self, send, fields):
        request, con_id, symbol, kind, expiry = fields[2:7]
        asked = Contract(int(con_id), symbol, kind, fields[10], fields[12], fields[11], expiry)
        self.resolved.append(asked)
        fitting = self.details(asked)
        for found in fitting:
            if found.kind == "BOND":
                send(self.frame(18, request, found.symbol, found.kind, "912828C57", 2.25, found.expiry, *[""] * 7,
                                found.name, found.exchange, found.currency, "", "", found.con_id, 0.01))
            else:
                send(self.frame(10, request, found.symbol, found.kind, found.expiry, 0, "", found.exchange,
                                found.currency, found.symbol, "", "", found.con_id, 0.01, *[""] * 5, found.name,
                                found.primary, *[""] * 15, 0, *[""] * 9))
        none = "No security definition has been found for the request"
        send(self.frame(52, 1, request) if fitting else self.frame(4, 2, request, 200, none, ""))

    def history(self, send, ask):
        self.asks.append(ask)
        said = self.answer(ask)
        while self.notices:
            send(self.frame(4, 2, -1, *self.notices.pop(0), ""))
        if isinstance(said, tuple):
            send(self.frame(4, 2, ask.id, *said, ""))
            return
        rows = []
        for start_s, open_, high, low, close, volume in said:
            date = time.strftime("%Y%m%d", time.gmtime(start_s)) if ask.size_s >= DAY else start_s
            rows += [date, open_, high, low, close, volume, close, 1]
        send(self.frame(17, ask.id, "a", "b", len(said), *rows))

    def tell(self, code, text):
        """Says so at once, to who is connected."""
        for send in self.sends:
            send(self.frame(4, 2, -1, code, text, ""))

    def close(self):
        self.listener.close()
