"""Messages that nobody would send: made at the wire from descriptors, then damaged.

All of it comes from one random.Random: the same seed makes the same bytes.
"""
import struct

from google.protobuf.descriptor import FieldDescriptor as Field

WHOLE = [0, 1, -1, 2, 7, 60, 1000, 10**6, 2**31 - 1, -2**31, 2**31, 2**32, 2**53, 10**13,
         9223372036855, 2**63 - 1, -2**63, 253402300799, -62135596800, 1577836800, 1600000000]
REAL = [0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, 1e308, -1e308, float("inf"), float("-inf"),
        float("nan")]
DEEPEST = 8  # messages within messages, where the types allow it
FIELDS_MOST = 3000  # of one maker: messages within messages multiply

WORDS = [b"", b"EURUSD", b"SYNA", b"SPX", b"1h", b"1m", b"1d", b"1M", b"load", b"train", b"cpu",
         b"cuda", b"ib-host", b"millrace.v1.DataService", b"grpc.health.v1.Health",
         b"millrace/v1/operation.proto", b"a/b", b"../../x", b"..", b"/", b"name@3", b"x=y",
         b"done=false AND kind=\"load\"", b"((((((((", b"%s%n%n%s", b"$(id)", b"-1", b"0",
         b"type.googleapis.com/google.rpc.ErrorInfo", b"type.googleapis.com/google.rpc.RetryInfo",
         b"2020-01-01T00:00:00Z", "ü".encode() * 85, b"\xff\xfe", b"M\xfcnchen", b"\xed\xa0\x80",
         b"\xf4\x90\x80\x80", b"\xc0\xaf", b"a\0b", b"\x1b]0;owned\x07\x1b[2J", b"line\nforged",
         "\u202e\u2066".encode()]

CLEAN = [word for word in WORDS if word.isascii() and word.decode().isprintable()]

PLAUSIBLE = {"symbol": [b"EURUSD", b"SYNA", b"SPX"], "timeframe": [b"1h", b"1d", b"1m"],
             "symbols": [b"EURUSD"], "timeframes": [b"1h"], "device": [b"", b"cpu"],
             "type_url": [b"type.googleapis.com/google.rpc.ErrorInfo",
                          b"type.googleapis.com/google.rpc.RetryInfo"]}

STRATEGY = b"""name: fuzz
training_data:
  symbols: {mode: single, symbol: EURUSD}
  timeframes: {mode: single, timeframe: 1h}
  history_required: 20
indicators:
  rsi_14: {type: rsi, period: 14}
nn_inputs:
  - {raw_indicator: rsi_14, timeframes: all, normalization: zscore}
model:
  type: mlp
  architecture: {hidden_layers: [4], activation: tanh, dropout: 0.1}
  training: {learning_rate: 0.001, batch_size: 32, epochs: 2, optimizer: adam}
training:
  labels: {source: zigzag, zigzag_threshold: 0.01}
  data_split: {train: 0.7, validation: 0.15, test: 0.15}
"""


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number, wire_type):
    return varint(number << 3 | wire_type)


def delimited(number, data):
    return tag(number, 2) + varint(len(data)) + data


class Maker:
    """Makes messages of `pool`'s types; learn() adds words that mean something to the servers."""

    def __init__(self, rng, learned=()):
        self.rng, self.learned = rng, list(learned)
        self.left = FIELDS_MOST
        self.plausible = rng.random() < 0.5  # so that it gets behind the first check

    # ---- scalars ----

    def whole(self):
        if self.plausible and self.rng.random() < 0.5:
            return self.rng.choice([0, 1, 2, 60, 1000, 1500000000, 1577836800])
        if self.rng.random() < 0.8:
            return self.rng.choice(WHOLE)
        return self.rng.getrandbits(64) - 2**63

    def real(self):
        return self.rng.choice(REAL) if self.rng.random() < 0.7 else self.rng.uniform(-1e6, 1e6)

    def text(self, name=""):
        rng = self.rng
        if name in ("strategy", "text") and rng.random() < 0.8:
            return self.strategy()
        if name in ("name", "operation", "after", "request_id") and self.learned and \
                rng.random() < 0.6:
            return rng.choice(self.learned)
        if self.plausible and name in PLAUSIBLE:
            return rng.choice(PLAUSIBLE[name])
        choice = rng.random()
        if choice < 0.80 or self.plausible:
            return rng.choice(CLEAN if self.plausible else WORDS)
        if choice < 0.90:
            return rng.randbytes(rng.choice([1, 3, 20, 300]))
        if choice < 0.99:
            return rng.choice([b"x", b"\xff", b"[", "é".encode()]) * rng.choice([64, 130, 1200, 8000])
        return b"x" * rng.choice([100000, 1000000])

    def strategy(self):
        text = bytearray(STRATEGY)
        for _ in range(self.rng.choice([0, 0, 0, 1, 2, 8])):
            at = self.rng.randrange(len(text) - 1)
            if self.rng.random() < 0.5:
                text[at:at + self.rng.randrange(12)] = self.rng.choice(
                    [b"[", b"{", b"*a", b"&a ", b"\n...\n", b"\n---\n", b"\xff", b": ", b"1e309",
                     b"-1", b"99999999999999999999", b"null", b"\t"])
            else:
                text[at] = self.rng.getrandbits(8)
            text += b"\n"
        return bytes(text)

    # ---- fields ----

    def value(self, field, depth):
        """The value of one field, with its wire type: (type, bytes)."""
        kind = field.type
        if kind in (Field.TYPE_MESSAGE, Field.TYPE_GROUP):
            data = self.body(field.message_type, depth + 1) if depth < DEEPEST else b""
            return 2, varint(len(data)) + data
        if kind == Field.TYPE_STRING:
            data = self.text(field.name)
            return 2, varint(len(data)) + data
        if kind == Field.TYPE_BYTES:
            data = self.blob(field)
            return 2, varint(len(data)) + data
        if kind == Field.TYPE_DOUBLE:
            return 1, struct.pack("<d", self.real())
        if kind == Field.TYPE_FLOAT:
            return 5, struct.pack("<I", self.rng.getrandbits(32))
        if kind in (Field.TYPE_FIXED64, Field.TYPE_SFIXED64):
            return 1, struct.pack("<Q", self.whole() & 2**64 - 1)
        if kind in (Field.TYPE_FIXED32, Field.TYPE_SFIXED32):
            return 5, struct.pack("<I", self.whole() & 2**32 - 1)
        if kind == Field.TYPE_BOOL:
            return 0, varint(self.rng.choice([0, 1, 1, 2]))
        if kind == Field.TYPE_ENUM and self.rng.random() < 0.8:
            return 0, varint(self.rng.choice(field.enum_type.values).number)
        return 0, varint(self.whole())

    def blob(self, field):
        """Bytes: often a message again, as those that a run's request holds."""
        if self.rng.random() < 0.5:
            request = field.file.pool.FindMessageTypeByName("millrace.v1.TrainRequest")
            return self.body(request, 2)
        return self.text()

    def field(self, field, depth):
        count = 1
        if field.label == Field.LABEL_REPEATED:
            count = self.rng.choice([1, 1, 2, 3, 40]) if depth > 2 else \
                self.rng.choice([1, 1, 2, 3, 40, 1000])
        elif self.rng.random() < 0.03:
            count = 2  # the last counts, and messages merge
        out = []
        for _ in range(count):
            self.left -= 1
            if self.left < 0 and out:
                break
            wire_type, data = self.value(field, depth)
            out.append((wire_type, data))
        packed = len(out) > 1 and out[0][0] != 2 and self.rng.random() < 0.7
        if packed:
            return delimited(field.number, b"".join(data for _, data in out))
        return b"".join(tag(field.number, wire_type) + data for wire_type, data in out)

    def body(self, descriptor, depth=0):
        often = self.rng.choice([0.2, 0.6, 0.9]) if depth == 0 else 0.5
        return b"".join(self.field(field, depth) for field in descriptor.fields
                        if (self.left > 0 and self.rng.random() < often) or
                        (self.plausible and depth == 0 and field.name in PLAUSIBLE))

    # ---- damage ----

    def unknown(self):
        rng = self.rng
        number = rng.choice([0, 1, 2, 15, 16, 99, 2**28, 2**29 - 1])
        wire_type = rng.choice([0, 1, 2, 3, 4, 5, 6, 7])
        return tag(number, wire_type) + rng.choice(
            [b"", varint(rng.getrandbits(64)), varint(2**32 - 1), varint(3) + b"abc", bytes(8),
             b"\xff" * 10])

    def nested(self):
        """A field within itself, thousands of times; or as many groups that nobody ends."""
        number, levels = self.rng.choice([1, 2, 3, 4, 6, 10]), self.rng.choice([70, 300, 20000])
        if self.rng.random() < 0.3:
            return tag(number, 3) * levels
        data = b""
        for _ in range(min(levels, 3000)):
            data = delimited(number, data)
        return data

    def damage(self, data):
        rng, data = self.rng, bytearray(data)
        kind = rng.randrange(7)
        if kind == 0:
            del data[rng.randrange(len(data) + 1):]
        elif kind == 1:
            for _ in range(rng.choice([1, 2, 8])):
                if data:
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data += self.unknown()
        elif kind == 3:
            at = rng.randrange(len(data) + 1)
            data[at:at] = self.unknown()
        elif kind == 4:
            data += self.nested()
        elif kind == 5:
            data = data + data[:rng.randrange(len(data) + 1)]
        else:  # few bytes that become many messages
            data += delimited(rng.choice([1, 3, 4, 5, 6]), b"") * rng.choice([100, 100000])
        return bytes(data)

    def message(self, descriptor):
        if not self.plausible and self.rng.random() < 0.03:
            return self.rng.randbytes(self.rng.choice([1, 10, 100, 5000]))
        self.left = FIELDS_MOST
        data = self.body(descriptor)
        for _ in range(0 if self.plausible else self.rng.choice([0, 1, 1, 2])):
            data = self.damage(data)
        return data[:3 << 20]
