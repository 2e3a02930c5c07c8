"""A stored series that is removed, and those who work with it."""

import os
import pty
import select
import sqlite3
import subprocess
import threading
import unittest
from contextlib import closing

import grpc

from counting import CountingCase
from made_up import LongSeries
from mesh_processes import DEADLINE_S, MARKET, MeshCase, file_rows, outcome, read_log, wait_for
from reflected import Client
from scripted import DAY, NO_DATA, ScriptedGateway, at, bar
from served import LayersCase
from training import TrainingCase

WINDOW = ["--from", "2026-11-02", "--to", "2026-11-07"]
DAYS = range(at("2026-11-02"), at("2026-11-07"), DAY)
FAILED, USAGE, NOT_FOUND, REFUSED = 1, 2, 3, 5
SPX, ROWS = ("SPX", "1d"), 5105


class DeleteTest(LayersCase):
    def setUp(self):
        super().setUp()
        self.go_on, self.asked = threading.Event(), threading.Event()
        self.go_on.set()
        self.gateway = ScriptedGateway(self.answer)
        self.addCleanup(self.gateway.close)
        self.addCleanup(self.go_on.set)
        self.start_layers(self.gateway.address)

    def answer(self, ask):
        self.asked.set()
        self.go_on.wait(60)
        return [bar(t) for t in DAYS if ask.from_s <= t < ask.end_s] or NO_DATA

    def load(self, *flags):
        return outcome(self.json("data", "load", "AAPL", "1d", *WINDOW, *flags))["succeeded"]["load"]

    def delete(self, *flags):
        return self.millrace("data", "delete", "AAPL", "1d", "--yes", *flags, "--output=text")

    def listed(self):
        return [(one["symbol"], one["prices"], one["bars"]) for one in self.json("data", "list")]

    def test_it_is_gone_and_can_be_loaded_again(self):
        self.load()
        self.load("--prices=BID")
        rows = self.export("AAPL", "1d")
        done = self.delete()
        self.assertEqual((done.code, done.stdout()),
                         (0, "AAPL 1d, ib: 5 bars are deleted\n"))
        self.assertEqual(self.listed(), [("AAPL", "BID", 5)])
        self.check_one_line(self.delete("--prices=trades"), "no stored series AAPL 1d", code=NOT_FOUND)
        self.assertEqual(self.load()["barsStored"], 5)
        self.assertEqual(self.export("AAPL", "1d"), rows)

    def test_by_any_of_its_texts(self):
        self.load()
        reply, = self.json("data", "delete", "aapl:stk:smart:usd", "1d", "--yes")
        self.assertEqual((reply["symbol"], reply["source"], reply["bars"]), ("AAPL", "ib", 5))

    def test_not_under_a_load(self):
        self.load()
        for text, to in [("AAPL", "2026-11-14"), ("AAPL:STK:SMART:USD", "2026-11-21")]:
            self.go_on.clear()
            self.asked.clear()
            load = self.start("millrace", "data", "load", text, "1d", "--from", "2026-11-02", "--to", to,
                              "--output=json")
            self.assertTrue(self.asked.wait(60))
            self.check_one_line(self.delete(), "AAPL 1d is used by load-", "has not ended", code=REFUSED)
            other = self.millrace("data", "delete", "AAPL", "1h", "--yes", "--output=text")
            self.assertEqual(other.code, NOT_FOUND)  # and not in use
            self.go_on.set()
            self.assertEqual(load.wait(), 0, load.transcript())
        self.assertEqual(self.delete().code, 0)

    def test_not_under_a_load_that_waits_for_its_backend(self):
        """It has no outcome, so the next backend goes on with it."""
        self.load()
        self.go_on.clear()
        self.asked.clear()
        self.start("millrace", "data", "load", "AAPL", "1d", "--from", "2026-11-02", "--to", "2026-11-14",
                   "--detach", "--output=json").wait()
        self.assertTrue(self.asked.wait(60))
        self.backend.end()
        self.start_backend()
        self.check_one_line(self.delete(), "AAPL 1d is used by load-", code=REFUSED)


class WholeMeshTest(MeshCase):
    def delete(self, *args):
        return int(self.json("data", "delete", *args, "--yes")[0]["bars"])

    def rows_left(self):
        with closing(sqlite3.connect(os.path.join(self.home, "millrace.db"), timeout=30)) as db:
            return sum(db.execute("SELECT count(*) FROM " + table).fetchone()[0]
                       for table in ("bars", "coverage", "series", "changes"))

    def on_a_terminal(self, typed, *args):
        """The exit code, and what was shown."""
        main, other = pty.openpty()
        os.write(main, typed)
        process = subprocess.Popen([os.path.join(self.bin, "millrace"), *args], env=self.env(), stdin=other,
                                   stdout=other, stderr=other, start_new_session=True)
        os.close(other)
        shown = b""
        try:
            while select.select([main], [], [], DEADLINE_S)[0]:
                part = os.read(main, 65536)
                if not part:
                    break
                shown += part
        except OSError:  # nobody has the other side any more
            pass
        os.close(main)
        return process.wait(DEADLINE_S), shown.decode()

    def test_what_is_loaded_again_is_the_same(self):
        log = self.set_papergate_flags()
        self.up()
        self.ok("data", "load", *SPX)
        self.ok("data", "load", "EURUSD", "1h")
        asked = len(read_log(log, "reqHistoricalData"))
        said = self.ok("data", "delete", *SPX, "--yes", "--output=text").stdout()
        self.assertEqual(said, "SPX 1d, simulated: 5,105 bars are deleted\n")
        for command in ("show", "validate", "gaps", "delete"):
            with self.subTest(command):
                flags = ["--yes"] if command == "delete" else []
                self.assertEqual(self.millrace("data", command, *SPX, *flags).code, NOT_FOUND)
        self.assertEqual([one["symbol"] for one in self.json("data", "list")], ["EURUSD"])
        self.assertEqual(len(self.export("EURUSD", "1h")), 5000)

        done = outcome(self.json("data", "load", *SPX))["succeeded"]["load"]
        self.assertEqual(int(done["barsStored"]), ROWS)
        self.assertGreater(len(read_log(log, "reqHistoricalData")), asked)
        self.assertEqual(self.export(*SPX), file_rows(MARKET + "/SPX-1d.csv"))
        self.assertEqual(self.delete(*SPX), ROWS)
        self.assertEqual(self.delete("eur/usd", "1h"), 5000)
        wait_for(lambda: self.rows_left() == 0, "store without a row of what was deleted")

    def test_it_asks_on_a_terminal_and_nowhere_else(self):
        self.up()
        self.ok("data", "load", *SPX)
        self.check_one_line(self.millrace("data", "delete", *SPX), "--yes", code=USAGE)
        for typed in (b"n\n", b"\n", b"yesterday\n", b"\x04"):
            code, shown = self.on_a_terminal(typed, "data", "delete", *SPX)
            self.assertEqual(code, FAILED, shown)
            self.assertIn("Delete the stored series SPX 1d? [y/N]", shown)
            self.assertIn("nothing was deleted", shown)
        self.assertEqual(len(self.export(*SPX)), ROWS)
        code, shown = self.on_a_terminal(b"y\n", "data", "delete", *SPX)
        self.assertEqual(code, 0, shown)
        self.assertIn("5,105 bars are deleted", shown)
        self.assertEqual(self.json("data", "list"), [])

    def test_not_while_a_load_uses_it(self):
        series = LongSeries(self.path("market"))
        self.set_papergate_flags("--latency-ms", "100")
        self.up(market=series.market)
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        load.line(lambda line: '"segment"' in line, "stored segment")
        name = load.json_lines()[0]["operation"]
        refused = self.millrace("data", "delete", "LONG", "1h", "--yes")
        self.check_one_line(refused, "LONG 1h is used by %s, which has not ended" % name, code=REFUSED)
        self.assertEqual(load.wait(120), 0, load.transcript())
        rows = file_rows(series.path)
        self.assertEqual(self.export("LONG", "1h"), rows)
        self.assertEqual(self.delete("LONG", "1h"), len(rows))


class DeleteWhileTrainingTest(TrainingCase):
    def test_not_while_a_training_uses_it(self):
        self.ok("data", "load", *SPX)
        file = self.strategy(epochs=1000000)
        name = self.json("train", file, "--detach")[0]["operation"]
        refused = self.millrace("data", "delete", "EURUSD", "1h", "--yes")
        self.check_one_line(refused, "EURUSD 1h is used by %s" % name, code=REFUSED)
        self.ok("data", "delete", *SPX, "--yes")
        self.ok("ops", "cancel", name)
        self.ok("data", "delete", "EURUSD", "1h", "--yes")


class DieClearingTest(CountingCase):
    """The backend dies before it, and in the middle: the series is whole, or there is none, and what is left goes."""

    def delete(self, at):
        self.home = self.path("home-%d" % at)
        died = self.home + ".died"
        mesh = self.up(market=self.series.market, env={"MILLRACE_TEST_DIE_CLEARING": "%d %s" % (at, died)})
        self.ok(*LongSeries.LOAD)
        try:
            with Client(self.socket("backend")) as client:  # which asks once: the command would ask again
                list(client.call("millrace.v1.DataService/Delete", {"symbol": "LONG", "timeframe": "1h"}))
        except grpc.RpcError:
            pass
        wait_for(lambda: os.path.exists(died), "death at %d" % at)
        if at == 0:
            self.assertEqual(self.export("LONG", "1h"), self.rows)
            self.ok("data", "delete", "LONG", "1h", "--yes")
        self.assertEqual(self.json("data", "list"), [])
        with closing(sqlite3.connect(os.path.join(self.home, "millrace.db"), timeout=30)) as db:
            wait_for(lambda: db.execute("SELECT count(*) FROM bars").fetchone()[0] == 0, "store without bars")
        self.ok(*LongSeries.LOAD)
        self.assertEqual(self.export("LONG", "1h"), self.rows)
        mesh.end()
        self.processes.remove(mesh)

    def test_each_moment(self):
        self.series = LongSeries(self.path("market"))
        self.rows = file_rows(self.series.path)
        for at in (0, 1, 2, 20):
            with self.subTest(at):
                self.delete(at)


if __name__ == "__main__":
    unittest.main()
