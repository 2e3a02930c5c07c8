"""A stored series that is removed, and those who work with it."""

import signal
import threading
import unittest

from mesh_processes import outcome
from scripted import DAY, NO_DATA, ScriptedGateway, at, bar
from served import LayersCase
from training import TrainingCase

WINDOW = ["--from", "2026-11-02", "--to", "2026-11-07"]
DAYS = range(at("2026-11-02"), at("2026-11-07"), DAY)
USAGE, NOT_FOUND, REFUSED = 2, 3, 5


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
                         (0, "AAPL 1d of ib (TRADES, regular) is deleted: 5 bars\n"))
        self.assertEqual(self.listed(), [("AAPL", "BID", 5)])
        self.check_one_line(self.delete("--prices=trades"), "no stored series AAPL 1d", code=NOT_FOUND)
        self.assertEqual(self.load()["barsStored"], 5)
        self.assertEqual(self.export("AAPL", "1d"), rows)

    def test_by_any_of_its_texts(self):
        self.load()
        reply, = self.json("data", "delete", "aapl:stk:smart:usd", "1d", "--yes")
        self.assertEqual((reply["symbol"], reply["source"], reply["bars"]), ("AAPL", "ib", 5))

    def test_it_must_be_meant(self):
        self.load()
        done = self.millrace("data", "delete", "AAPL", "1d", "--output=text")
        self.check_one_line(done, "--yes is needed", code=USAGE)
        done = self.millrace("data", "delet", "AAPL", "1d", "--output=text")
        self.assertNotIn("did you mean", done.transcript())
        self.assertEqual(self.listed(), [("AAPL", "TRADES", 5)])

    def test_not_under_a_load(self):
        self.load()
        for text, to in [("AAPL", "2026-11-14"), ("AAPL:STK:SMART:USD", "2026-11-21")]:
            self.go_on.clear()
            self.asked.clear()
            load = self.start("millrace", "data", "load", text, "1d", "--from", "2026-11-02", "--to", to,
                              "--output=json")
            self.assertTrue(self.asked.wait(60))
            self.check_one_line(self.delete(), "AAPL 1d is in use: load-", "has not ended", code=REFUSED)
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
        self.check_one_line(self.delete(), "AAPL 1d is in use: load-", code=REFUSED)


class TrainingUsesTest(TrainingCase):
    def test_not_under_a_training(self):
        training = self.start("millrace", "train", self.strategy(symbol="EUR/USD", epochs=100000), "--output=json")
        training.line(lambda line: '"epoch"' in line, "epoch")
        done = self.millrace("data", "delete", "EURUSD", "1h", "--yes", "--output=text")
        self.check_one_line(done, "EURUSD 1h is in use: train-", code=REFUSED)
        done = self.millrace("data", "delete", "EURUSD", "4h", "--yes", "--output=text")
        self.assertEqual(done.code, NOT_FOUND)
        training.signal(signal.SIGINT)
        training.wait()
        self.assertEqual(self.millrace("data", "delete", "EURUSD", "1h", "--yes", "--output=text").code, 0)


if __name__ == "__main__":
    unittest.main()
