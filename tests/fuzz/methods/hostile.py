"""Peers that lie: a host and a backend whose every answer is made up, a gateway that speaks TWS
and does not mean it."""
import concurrent.futures
import random
import socket
import struct
import threading
import time

import grpc

from messages import Maker, delimited, tag, varint

CODES = [code for code in grpc.StatusCode if code != grpc.StatusCode.OK]


class Host(grpc.GenericRpcHandler):
    """Answers every method of `pool` with messages of its own type, damaged or not."""

    def __init__(self, pool, seed, address):
        self.pool, self.seed, self.calls = pool, seed, 0
        self.lock = threading.Lock()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(48), handlers=(self,),
                                  options=[("grpc.max_send_message_length", -1)])
        self.server.add_insecure_port(address)
        self.server.start()

    def stop(self):
        self.server.stop(0)

    def service(self, details):
        service, _, method = details.method.lstrip("/").rpartition("/")
        try:
            found = self.pool.FindServiceByName(service).methods_by_name[method]
        except KeyError:
            return None
        with self.lock:
            self.calls += 1
            rng = random.Random("%s/%d" % (self.seed, self.calls))

        def answer(requests, context):
            first = next(requests, b"")
            yield from self.answer(rng, found, first, context)

        return grpc.stream_stream_rpc_method_handler(answer)

    def answer(self, rng, method, request, context):
        maker = Maker(rng, learned=[request[2:40]])
        if method.output_type.full_name == "millrace.v1.OperationEvent":
            yield from self.events(rng, maker, method, request)
        else:
            for _ in range(rng.choice([0, 1, 1, 1, 2, 30])):
                yield maker.message(method.output_type)
        if rng.random() < 0.15:
            end = time.monotonic() + rng.choice([0.05, 0.5, 3])
            while context.is_active() and time.monotonic() < end:
                time.sleep(0.02)
        if rng.random() < 0.3:
            context.set_trailing_metadata(
                (("grpc-status-details-bin", self.status(rng, maker)),))
            context.abort(rng.choice(CODES), "".join(rng.choice("aü%s\n") for _ in range(
                rng.choice([0, 5, 200, 1500]))))

    def status(self, rng, maker):
        data = maker.message(self.pool.FindMessageTypeByName("google.rpc.Status"))
        return data[:rng.choice([0, 10, 500, 3000])]

    def events(self, rng, maker, method, request):
        """A stream that could be one, most of the time: numbers that rise, then an outcome."""
        fields = method.output_type.fields_by_name
        name = request[2:2 + request[1]] if len(request) > 2 and request[0] == 0x0a else b"x"
        sequence = 0
        for _ in range(rng.choice([0, 1, 3, 10])):
            if rng.random() < 0.2:
                yield maker.message(method.output_type)
                continue
            sequence += rng.choice([1, 1, 1, 1, 0, 2, -1, 2**40])
            field = rng.choice([f for f in method.output_type.fields
                                if f.message_type is not None and f.name not in ("time", "hops")])
            body = maker.body(field.message_type, 1)
            if rng.random() < 0.2:
                body = maker.damage(body)
            yield self.event(rng, fields, name, sequence, field.number, body[:200000])
        if rng.random() < 0.6:
            outcome = fields["outcome"]
            yield self.event(rng, fields, name, sequence + 1, outcome.number,
                             maker.body(outcome.message_type, 1)[:200000])

    @staticmethod
    def event(rng, fields, name, sequence, number, body):
        return (delimited(fields["operation"].number, name[:64]) +
                tag(fields["epoch"].number, 0) + varint(rng.choice([1, 1, 1, 7, 2**63 - 1])) +
                tag(fields["sequence"].number, 0) + varint(sequence) +
                tag(fields["event_class"].number, 0) + varint(rng.choice([1, 1, 1, 2, 0, 99])) +
                delimited(number, body))


class Gateway:
    """Listens on a port of its own; each connection is a thread that answers what is asked, wrong."""

    def __init__(self, seed):
        self.seed, self.connections, self.closed = seed, 0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.closed = True
        self.listener.close()

    def accept(self):
        while not self.closed:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            rng = random.Random("%s/%d" % (self.seed, self.connections))
            threading.Thread(target=self.serve, args=(connection, rng), daemon=True).start()

    @staticmethod
    def frame(*fields):
        data = b"".join((f if isinstance(f, bytes) else str(f).encode()) + b"\0" for f in fields)
        return struct.pack(">I", len(data)) + data

    def serve(self, connection, rng):
        with connection:
            connection.settimeout(20)
            try:
                self.talk(connection, rng)
            except (OSError, EOFError, struct.error):
                pass

    @staticmethod
    def take(connection, count):
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def talk(self, connection, rng):
        self.take(connection, 4)
        size, = struct.unpack(">I", self.take(connection, 4))
        self.take(connection, min(size, 1000))
        if rng.random() < 0.1:
            connection.sendall(rng.randbytes(rng.choice([1, 4, 100])))
            return
        connection.sendall(self.frame(rng.choice([178, 178, 178, 157, 2**31, -1, b"\xff"]),
                                      b"20260101 00:00:00 UTC"))
        while not self.closed:
            size, = struct.unpack(">I", self.take(connection, 4))
            fields = self.take(connection, min(size, 1 << 20)).split(b"\0")
            for reply in self.replies(rng, fields):
                connection.sendall(reply)
            if rng.random() < 0.01:
                return

    def replies(self, rng, asked):
        kind, request = asked[0], asked[1] if len(asked) > 1 else b"0"
        good = {b"71": [self.frame(9, 1, 1), self.frame(15, 1, b"DU1,DU2")],
                b"49": [self.frame(49, 1, int(time.time()))],
                b"87": [self.frame(88, request, self.moment(rng))],
                b"9": [self.contract(rng, request), self.frame(52, 1, request)],
                b"81": [self.symbols(rng, request)],
                b"20": [self.bars(rng, request)]}.get(kind, [])
        if kind in (b"71", b"49") and rng.random() < 0.9:
            return good
        out = [self.spoil(rng, reply) if rng.random() < 0.4 else reply for reply in good]
        if rng.random() < 0.2:
            text = rng.choice([b"", b"HMDS query returned no data: M\xfcnchen@SMART", b"x" * 5000,
                               b"\x1b[2J%s%n", b"pacing violation"])
            out.insert(rng.randrange(len(out) + 1), self.frame(
                4, 2, rng.choice([request, b"-1", b"99999999999"]),
                rng.choice([162, 200, 321, 354, 366, 420, 1100, 1102, 2105, 10197, -1, 2**40]), text,
                b""))
        if rng.random() < 0.05:
            out.append(struct.pack(">I", rng.choice([0, 1, 0xffffff, 0xffffffff])))
        return out

    @staticmethod
    def moment(rng):
        return rng.choice([1500000000, 0, -1, 2**63 - 1, -2**63, 10**30, b"20170102-00:00:00",
                           b"soon", b""])

    @staticmethod
    def number(rng):
        return rng.choice([b"1.5", b"1.6", b"0", b"-1", b"NaN", b"Infinity", b"1e308", b"1e-400",
                           b"", b"2147483647", b"1.7976931348623157E308", b"x", b"9" * 400])

    def bars(self, rng, request):
        count = rng.choice([0, 1, 3, 50])
        rows = []
        for i in range(count):
            rows += [rng.choice([1500000000 + 60 * i, b"20170102", self.moment(rng)])]
            rows += [self.number(rng) for _ in range(7)]
        said = rng.choice([count, count, count, -1, 2**31 - 1, 2**62, b""])
        return self.frame(17, request, b"20170101 00:00:00", b"20170102 00:00:00", said, *rows)

    def contract(self, rng, request):
        return self.frame(10, request, *[rng.choice([b"EUR", b"USD", b"", b"x" * 300, b"\xff\xfe", 7,
                                                     b"2147483647", b"0.01"])
                                         for _ in range(rng.choice([3, 30, 45, 60]))])

    def symbols(self, rng, request):
        return self.frame(79, request, rng.choice([0, 1, 5, -1, 2**31 - 1]),
                          *[rng.choice([b"1", b"EUR", b"STK", b"", b"\xff" * 200, 3])
                            for _ in range(rng.choice([0, 6, 40]))])

    @staticmethod
    def spoil(rng, reply):
        data = bytearray(reply)
        for _ in range(rng.choice([1, 3])):
            if len(data) <= 5:
                break
            at = rng.randrange(4, len(data))
            if rng.random() < 0.5:
                data[at] = rng.getrandbits(8)
            else:
                del data[at:at + rng.randrange(20)]
        if rng.random() < 0.9:
            data[:4] = struct.pack(">I", len(data) - 4)
        return bytes(data)
