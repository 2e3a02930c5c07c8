"""Whose bars they are: those of papergate, which are simulated, and a gateway's never become one series."""

import os
import shutil
import signal
import sqlite3
import unittest

from made_up import LongSeries
from mesh_processes import file_rows, outcome, wait_for
from reflected import Client
from scripted import DAY, NO_DATA, ScriptedGateway, at, bar
from served import LayersCase
from wire import Wire

REFUSED = 5
WINDOW = ["--from", "2020-03-02", "--to", "2020-03-12"]
DAYS = range(at("2020-03-02"), at("2020-03-12"), DAY)


class SourcesTest(LayersCase):
    """The host's wire leads to papergate first, and can be laid to a gateway that says nothing of itself, as
    Interactive Brokers' do."""

    def setUp(self):
        super().setUp()
        self.series = LongSeries(self.path("market"))
        self.simulated = self.papergate("--latency-ms", "20", market=self.series.market)
        self.real = ScriptedGateway(self.answer)
        self.addCleanup(self.real.close)
        self.wire = Wire(("127.0.0.1", self.simulated.port))
        self.addCleanup(self.wire.cut)
        self.start_layers(self.wire.address)

    @staticmethod
    def answer(ask):
        return [bar(t) for t in DAYS if ask.from_s <= t < ask.end_s] or NO_DATA

    def lay_to(self, port):
        self.wire.cut()
        self.wire.there = ("127.0.0.1", port)
        self.wire.mend()
        self.await_source("papergate" if port == self.simulated.port else "ib")

    def await_source(self, name):
        """The host has noticed."""
        with Client(self.socket("backend")) as client:
            def source():
                return next(iter(client.call("millrace.v1.DataAdapter/Status", {}))).get("source", "")
            wait_for(lambda: source() == name, "host that knows")

    def load(self, *flags):
        return outcome(self.json("data", "load", "SYNA", "1d", *WINDOW, *flags))["succeeded"]["load"]

    def load_of_both(self):
        first = self.load()
        self.lay_to(self.real.listener.getsockname()[1])
        return first, self.load()

    def rows(self, *flags):
        return self.ok("data", "export", "SYNA", "1d", "--output=text", *flags).stdout().splitlines()[1:]

    def test_each_source_has_a_series_of_its_own(self):
        first, second = self.load_of_both()
        self.assertEqual([(one["source"], one["barsStored"]) for one in (first, second)],
                         [("papergate", 10), ("ib", 10)])
        listed = self.json("data", "list", "SYNA")
        self.assertEqual([(one["source"], one["bars"]) for one in listed], [("ib", 10), ("papergate", 10)])
        text = self.ok("data", "list", "SYNA", "--output=text").stdout()
        self.assertIn(" simulated ", text)
        self.assertIn(" ib ", text)
        real, simulated = self.rows("--source", "ib"), self.rows("--source", "papergate")
        self.assertEqual(len(real), 10)
        self.assertEqual({row.split(",")[4] for row in real}, {"10.5"})
        self.assertFalse(set(real) & set(simulated))

    def test_which_one_is_meant_must_be_said_where_there_are_several(self):
        self.load()
        self.assertEqual(len(self.rows()), 10)
        self.load_of_both()
        for command in ["show", "export", "gaps"]:
            done = self.millrace("data", command, "SYNA", "1d")
            self.check_one_line(done, "ib, papergate", code=REFUSED)
            self.ok("data", command, "SYNA", "1d", "--source", "ib")
        self.assertIn("simulated", self.ok("data", "show", "SYNA", "1d", "--source", "papergate",
                                           "--output=text").stdout())

    def test_a_load_of_another_source_than_the_gateway_is_refused(self):
        done = self.millrace("data", "load", "SYNA", "1d", *WINDOW, "--source", "ib")
        self.check_one_line(done, "do not mix", code=REFUSED)
        self.assertEqual(self.millrace("data", "list", "SYNA").code, 3)

    def test_a_gateway_that_is_another_one_in_the_middle_of_a_load(self):
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        load.line(lambda line: '"segment"' in line, "stored segment")
        self.lay_to(self.real.listener.getsockname()[1])
        self.assertEqual(load.wait(), REFUSED, load.transcript())
        self.assertIn("do not mix", load.transcript())
        self.assertEqual([one["source"] for one in self.json("data", "list")], ["papergate"])
        stored = self.export("LONG", "1h")
        self.assertTrue(set(stored) < set(file_rows(self.series.path)))

    def stored(self, question):
        with sqlite3.connect(os.path.join(self.home, "millrace.db")) as file:
            rows = file.execute(question).fetchall()
        file.close()
        return rows

    def test_a_gateway_that_is_another_one_before_the_first_bar_is_known(self):
        self.load()
        (number,), = self.stored("SELECT con_id FROM instruments")

        def same_number(asked):
            asked.con_id = number
            return [asked]
        self.real.details = same_number  # so that each can answer for the other
        self.real.tells_heads.clear()
        self.lay_to(self.real.listener.getsockname()[1])
        load = self.start("millrace", "data", "load", "SYNA", "1d", "--output=json")
        wait_for(lambda: self.real.heads, "question for the first bar")
        self.lay_to(self.simulated.port)
        self.assertEqual(load.wait(), REFUSED, load.transcript())
        self.assertIn("do not mix", load.transcript())
        known = self.stored("SELECT reason FROM coverage JOIN series ON id = series WHERE source = 'ib'")
        self.assertEqual(known, [], "where its bars begin is not what the other one says")

    def test_a_load_of_another_source_does_not_join(self):
        first = self.start("millrace", *LongSeries.LOAD, "--output=json")
        first.line(lambda line: '"segment"' in line, "stored segment")
        other = self.millrace(*LongSeries.LOAD, "--source", "ib")
        self.check_one_line(other, "do not mix", code=REFUSED)
        self.assertEqual(first.wait(), 0, first.transcript())

    def test_a_load_that_is_adopted_keeps_its_source(self):
        load = self.start("millrace", *LongSeries.LOAD, "--detach", "--output=json")
        self.assertEqual(load.wait(), 0, load.transcript())
        name = load.json_lines()[0]["operation"]
        watch = self.start("millrace", "ops", "watch", name, "--output=json")
        watch.line(lambda line: '"segment"' in line, "stored segment")
        os.kill(self.backend.pid, signal.SIGKILL)
        self.backend.wait()
        self.wire.cut()
        self.wire.there = ("127.0.0.1", self.real.listener.getsockname()[1])
        self.wire.mend()
        self.start_backend()
        self.assertEqual(watch.wait(), REFUSED, watch.transcript()[-2000:])
        self.assertIn("do not mix", watch.transcript())
        self.assertEqual([one["source"] for one in self.json("data", "list")], ["papergate"])

    def test_what_is_stored_needs_no_gateway(self):
        self.load()
        self.assertEqual(self.host.end(), 0)
        again = self.load("--patience", "1s")
        self.assertEqual((again["source"], again["requests"], again["barsInWindow"]), ("papergate", 0, 10))

    def test_a_watch_does_not_go_on_with_another_source(self):
        watch = self.start("millrace", "data", "watch", "SYNA", "1m", "--output=text")
        watch.line(lambda line: "open" in line, "bar")
        self.assertIn("simulated", watch.transcript())
        self.lay_to(self.real.listener.getsockname()[1])
        self.assertEqual(watch.wait(), REFUSED, watch.transcript())
        self.assertIn("do not mix", watch.transcript())
        self.check_one_line(self.millrace("data", "watch", "SYNA", "1m", "--source", "papergate"), "do not mix",
                            code=REFUSED)

    def test_a_load_that_waits_is_of_the_gateway_that_comes(self):
        self.load()
        self.wire.cut()
        self.await_source("")
        load = self.start("millrace", "data", "load", "SYNA", "1d", "--from", "2020-03-02", "--to", "2020-03-20",
                          "--output=json")
        load.line(lambda line: "waits since" in line, "word of the wait")
        self.wire.there = ("127.0.0.1", self.real.listener.getsockname()[1])
        self.wire.mend()
        self.assertEqual(load.wait(), 0, load.transcript())
        result = outcome(load.json_lines())["succeeded"]["load"]
        self.assertEqual((result["source"], result["barsStored"]), ("ib", 10))

    def test_a_store_that_does_not_say_whose_its_bars_are(self):
        """`up` has kept in the home whether they came from papergate or from a gateway."""
        self.load()
        self.backend.end()
        old = self.path("old.db")
        database = os.path.join(self.home, "millrace.db")
        with sqlite3.connect(database) as file:
            file.executescript("""
                DROP TABLE instruments; DROP TABLE aliases; DROP TABLE changes;
                ALTER TABLE series RENAME TO series_6;
                CREATE TABLE series(
                  id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, timeframe TEXT NOT NULL,
                  bars INTEGER NOT NULL DEFAULT 0, first_s INTEGER, last_s INTEGER,
                  updated_ns INTEGER NOT NULL DEFAULT 0, UNIQUE(symbol, timeframe));
                INSERT INTO series SELECT id, symbol, timeframe, bars, first_s, last_s, updated_ns FROM series_6;
                DROP TABLE series_6;
                PRAGMA user_version=5;""")
        file.close()
        shutil.copy(database, old)
        for known, source in [("papergate\n", "papergate"), ("gateway\n", "ib"), (None, "unknown"),
                              ("papergate\ngateway\n", "unknown")]:
            with self.subTest(known):
                shutil.copy(old, database)
                os.unlink(database + ".id")
                path = os.path.join(self.home, "sources")
                if known is not None:
                    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
                        file.write(known)
                elif os.path.exists(path):
                    os.unlink(path)
                self.start_backend()
                listed = self.json("data", "list", "SYNA")
                self.assertEqual([(one["source"], one["bars"]) for one in listed], [(source, 10)])
                self.backend.end()


if __name__ == "__main__":
    unittest.main()
