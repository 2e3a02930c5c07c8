"""Text from outside: what is no UTF-8, what steers a terminal, what forges a line or a path."""

import os
import sqlite3
import unittest

import grpc

from mesh_processes import DEADLINE_S, MeshCase
from reflected import Client
from scripted import ScriptedGateway
from training import TrainingCase

ESCAPES = "\x1b]0;owned\x07\x1b[31mRED\u202e\u009b2J"


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def strings(message, deep=4):
    """Each string that a message can hold: its names from the outside in, and a function that wraps
    text into the bytes of a message."""
    for one in message.fields:
        if one.type == one.TYPE_STRING:
            yield [one.name], lambda text, n=one.number: field(n, text)
        elif one.type == one.TYPE_MESSAGE and deep > 0:
            for names, wrap in strings(one.message_type, deep - 1):
                yield [one.name] + names, lambda text, n=one.number, w=wrap: field(n, w(text))


def code_of(client, method, request):
    call = client.channel.unary_stream("/" + method)(request, timeout=DEADLINE_S)
    try:
        for _ in call:
            call.cancel()
            return "an answer", ""
        return "OK", ""
    except grpc.RpcError as error:
        return error.code().name, error.details()


class EveryStringTest(MeshCase):
    def test_no_service_can_forget_to_look(self):
        self.up()
        asked = set()
        for server in ["backend", "ib-host", "training-host"]:
            with Client(self.socket(server)) as client:
                for service in client.services:
                    if service.endswith("ServerReflection"):
                        continue  # streams its requests: //tests/mesh/rpc:services_test
                    for method in client.methods(service):
                        self.ask(client, service + "/" + method.name, method.input_type, asked)
        self.assertGreater(len(asked), 120, sorted(asked)[:5])

    def ask(self, client, method, request_type, asked):
        for names, wrap in strings(request_type):
            where = ".".join(names)
            for text, words in [(b"M\xfcller", "is no UTF-8"), (b"a\0b", "control character"),
                                (b"x" * (1 << 21), "more bytes")]:
                code, details = code_of(client, method, wrap(text))
                self.assertEqual(code, "INVALID_ARGUMENT", (method, where, text[:9], details))
                self.assertIn(where, details)
                self.assertIn(words, details)
            if names[-1] != "strategy":
                code, details = code_of(client, method, wrap(b"\x1b[2J"))
                self.assertEqual(code, "INVALID_ARGUMENT", (method, where, details))
            asked.add(method + " " + where)


class TerminalTest(TrainingCase):
    def check_calm(self, done):
        shown = done.stdout() + done.stderr()
        self.assertFalse([c for c in ESCAPES if not c.isprintable() and c in shown], repr(shown))

    def test_names_steer_nothing(self):
        with open(self.strategy(name="NAME"), encoding="utf-8") as file:
            text = file.read()
        for name in ['"%s"' % ESCAPES.encode("unicode_escape").decode().replace("\\x9b", "\\u009b"),
                     "../outside", "model:3", "a/b", '"%s"' % ("ü" * 85)]:
            path = self.path("odd.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("NAME", name))
            for command in [["strategy", "validate", path], ["train", path]]:
                done = self.millrace(*command, "--output", "text")
                self.assertNotEqual(done.code, 0, done.transcript())
                self.assertIn("odd.yaml:1:", done.stderr())
                self.check_calm(done)
        for row in self.json("ops", "list"):
            self.assertEqual(row["damaged"], "")
        self.check_calm(self.ok("ops", "list", "--output", "text"))
        symbol = self.millrace("data", "load", "SY\x1b[31mN", "1m", "--output", "text")
        self.assertNotEqual(symbol.code, 0)
        self.check_calm(symbol)

    def test_a_model_is_addressed_by_name_and_version(self):
        self.ok("train", self.strategy(name="zürich 7", epochs=1))
        for word in ["zürich 7", "zürich 7:1"]:
            model, = self.json("models", "show", word)
            self.assertEqual((model["name"], model["version"]), ("zürich 7", 1))
        self.check_one_line(self.millrace("models", "show", "zürich 7:2"), "zürich 7", code=3)
        self.check_one_line(self.millrace("models", "export", "../../x"), "--out", code=2)


class StoredTest(MeshCase):
    """What an older mesh has let in stays in its store."""

    def test_one_damaged_record_ends_no_list(self):
        mesh = self.up()
        self.ok("data", "load", "SPX", "1d")
        self.ok("data", "load", "EURUSD", "1h")
        mesh.end()
        database = sqlite3.connect(os.path.join(self.home, "millrace.db"))
        name, = database.execute("SELECT name FROM operations WHERE title LIKE 'SPX%'").fetchone()
        database.execute("UPDATE operations SET title=CAST(x'4dfc1b' AS TEXT) WHERE name=?", (name,))
        changed = 0
        for table in ["events", "recent"]:
            for number, of, event in database.execute(
                    "SELECT e.sequence, e.operation, event FROM %s e JOIN operations o "
                    "ON o.id=e.operation WHERE o.name=?" % table, (name,)).fetchall():
                damaged = event.replace(b"SPX", b"\xff\xfe\xfc")
                changed += damaged != event
                database.execute("UPDATE %s SET event=? WHERE operation=? AND sequence=?" % table,
                                 (damaged, of, number))
        self.assertGreater(changed, 0)
        database.commit()
        database.close()
        self.up()
        rows = self.json("ops", "list")
        self.assertEqual([row["damaged"] for row in rows if row["name"] == name], ["title"])
        self.assertEqual([row["damaged"] for row in rows if row["name"] != name], [""])
        self.assertGreater(len(self.json("ops", "events", name)), 1)
        for command in [["ops", "list"], ["ops", "show", name], ["ops", "events", name]]:
            self.assertNotIn("\x1b", self.ok(*command, "--output", "text").stdout())
        with Client(self.socket("backend")) as client:
            page, = client.call("google.longrunning.Operations/ListOperations", {})
            self.assertEqual(len(page["operations"]), 2)


class GatewayTest(MeshCase):
    def test_latin_1_is_mended_where_it_comes_in(self):
        no_data = b"HMDS query returned no data: M\xfcnchen\x1b[2J@SMART Trades"
        gateway = ScriptedGateway(lambda ask: (162, no_data))
        self.addCleanup(gateway.close)
        self.up("--gateway", gateway.address)
        load = self.millrace("data", "load", "SPX", "1d", "--from", "2020-01-01", "--to",
                             "2020-02-01")
        self.assertIn("nchen", load.stdout() + load.stderr())
        row, = self.json("ops", "list")
        events = self.json("ops", "events", row["name"])
        self.assertIn("nchen", str(events))
        self.assertNotIn("\x1b", self.ok("ops", "events", row["name"], "--output=text").stdout())
        with Client(self.socket("backend")) as client:
            list(client.call("millrace.v1.OperationsService/Events", {"name": row["name"]}))
            list(client.call("google.longrunning.Operations/ListOperations", {}))


class CutTest(MeshCase):
    def test_what_is_cut_is_cut_between_characters(self):
        self.up()
        with Client(self.socket("backend")) as client:
            load = client.call("millrace.v1.DataService/Load", {
                "symbol": "SYNA", "timeframe": "1m", "from": "2020-01-01T00:00:00Z",
                "start": {"detached": True, "labels": {"desk": "策略" * 40}}})
            name = next(load)["operation"]
            by = "a" * 126 + "é"
            last = list(client.call("millrace.v1.OperationsService/Cancel",
                                    {"name": name, "requestedBy": by}))[-1]
            self.assertEqual(last["outcome"]["cancelled"]["requestedBy"], "a" * 126)
            self.assertGreater(len(list(client.call("millrace.v1.OperationsService/Events",
                                                    {"name": name}))), 1)
        self.assertEqual(len(self.json("ops", "list")), 1)


if __name__ == "__main__":
    unittest.main()
