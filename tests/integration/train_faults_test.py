"""Trainings that cannot be: one clear line each, and nothing lost."""

import os
import signal
import sqlite3
import unittest

from mesh_processes import bear_full_disks, fill_disk, make_room, outcome
from training import TrainingCase, epochs_of


class BadInputTest(TrainingCase):
    def refused_training(self, *words, flags=(), code=None, text=None, **changes):
        path = self.strategy(text, **changes)
        self.check_one_line(self.millrace("train", path, *flags), *words, code=code)

    def test_what_is_wrong_with_the_file(self):
        with open(self.strategy()) as file:
            good = file.read()
        for old, new, words in [
                ("period: 14", "perid: 14", [":7:30", "perid", "it has: period"]),
                ("history_required", "histry_required",
                 [":5:3", "histry_required", "history_required"]),
                ("type: rsi,", "type: rsj,", [":7:18", "rsj", "rsi"]),
                ("indicator: rsi_14\n", "indicator: rsi_15\n", [":11:16", "rsi_15"]),
                ("trend.adx", "trend.adz", ["adz", "plus_di"]),
                ("[0, 20, 40]", "[0, 20]", [":12:15", "3 numbers", "2 are there"]),
                ("[30, 50, 70]", "[30, 50, 40]", ["40", "after 50"]),
                ("epochs: 4", "epochs: many", ["many", "whole number"]),
                ("dropout: 0.1", "dropout: 1.5", ["dropout 1.5"]),
                ("hidden_layers: [16, 8]", "hidden_layers: [99999]", ["99999", "4096"]),
                ("activation: tanh", "activation: swish", ["swish", "leaky_relu"]),
                ("train: 0.7", "train: 0.9", ["data_split"]),
                ("type: mlp", "type: lstm", ["mlp"]),
                ("name: small", "nome: small", [":1:1", "nome", "name"]),
                ("training_data:", "training_data: [", ["strategy-"])]:
            with self.subTest(new):
                self.assertIn(old, good)
                self.refused_training(*words, text=good.replace(old, new, 1))

    def test_what_is_wrong_with_the_data(self):
        self.refused_training("GBPUSD 1h", "millrace data load GBPUSD 1h", symbol="GBPUSD")
        self.refused_training("5000 bars", "history_required is 6000", history=6000)
        self.refused_training("rows are HOLD", "training.labels", threshold=5)
        self.refused_training("none of 10 bars", flags=["--from", "2017-04-19T09:00:00Z", "--to",
                                                        "2017-04-19T19:00:00Z"], history=0)
        self.refused_training("leaves no row for test", "data_split", train=0.9, validation=0.0999,
                              test=0.0001)

    def test_a_price_that_is_no_number(self):
        """No load stores one; the file may have been written by others."""
        database = sqlite3.connect(os.path.join(self.home, "millrace.db"), timeout=30)
        with database:
            database.execute("UPDATE bars SET high = 9e999 WHERE time_s = 1493110800")  # infinite
            database.execute("UPDATE series SET updated_ns = updated_ns + 1")
        database.close()
        self.refused_training("EURUSD 1h", "2017-04-25T09:00:00Z", "high", "inf")

    def test_no_gpu(self):
        done = self.millrace("train", self.strategy(), "--device", "cuda")
        self.check_one_line(done, "device cuda")

    def test_bf16_is_of_the_cpu(self):
        done = self.millrace("train", self.strategy(), "--device", "cuda", "--precision", "bf16")
        self.check_one_line(done, "precision bf16", "--device cuda")

    def test_no_such_file(self):
        self.check_one_line(self.millrace("train", "/nowhere.yaml"), "/nowhere.yaml", code=3)


class MemoryTest(TrainingCase):
    def settings(self):
        return {"MILLRACE_TRAINING_HOST_MEMORY_MIB": "1"}

    def test_rows_that_are_too_large_are_refused(self):
        with open(self.strategy()) as file:
            text = file.read()
        large = text.replace("  training: {", "  features: {lookback_periods: 50}\n  training: {", 1)
        self.assertNotEqual(large, text)
        self.check_one_line(self.millrace("train", self.strategy(large)), "5000 bars with 306 features",
                            "this host gives a training 1")
        self.result(self.train())

    def test_networks_that_are_too_large_are_refused(self):
        done = self.millrace("train", self.strategy(hidden="[256, 256]", batch=4096))
        self.check_one_line(done, "network of", "batches of 4096 rows", "this host gives a training 1")


class FullDiskTest(TrainingCase):
    """The files of the training's host cannot grow beyond what a small model takes."""

    def host_with_little_room(self):
        self.mesh.end()
        self.mesh = self.up("--output=json", before_exec=None)
        listen = "unix:" + self.path("small.sock")
        host = self.start("millrace-training-host", "--listen", listen, "--backend",
                          self.socket("backend"), "--home", self.home, before_exec=bear_full_disks)
        host.line(lambda line: "listens" in line or "listening" in line, "host", err=True)
        fill_disk([host.pid], 1 << 19)
        self.mesh.end()
        self.mesh = self.up(env={"MILLRACE_TRAINING_HOST_ADDRESS": listen})
        return host

    def kept(self):
        """The files of all trainings."""
        directory = os.path.join(self.home, "checkpoints")
        return [name for one in os.listdir(directory)
                for name in os.listdir(os.path.join(directory, one))]

    def test_a_training_goes_on_and_its_model_waits_for_room(self):
        host = self.host_with_little_room()
        training = self.start("millrace", "train", self.strategy(hidden="[384, 384]"), "--output=json",
                              "--checkpoint-epochs", "1")
        said = training.line(lambda line: '"log"' in line and line, "log event")
        self.assertIn("checkpoint", said)
        self.assertIn("File too large; it goes on without", said)
        training.line(lambda line: '"progress"' in line and "File too large" in line,
                      "model that waits for room")
        self.assertTrue(host.running())
        self.assertEqual(self.kept(), ["model.about"])  # and nothing half written
        make_room([host.pid])
        self.assertEqual(training.wait(), 0, training.transcript())
        events = training.json_lines()
        self.result(events)
        self.assertEqual(epochs_of(events), [1, 2, 3, 4])
        self.assertEqual(len([event for event in events if "log" in event]), 1)  # and once is enough

    def test_what_waits_for_room_can_be_cancelled(self):
        self.host_with_little_room()
        training = self.start("millrace", "train", self.strategy(hidden="[384, 384]"), "--output=json",
                              "--checkpoint-epochs", "1")
        training.line(lambda line: '"progress"' in line and "File too large" in line,
                      "model that waits for room")
        training.signal(signal.SIGINT)
        self.assertEqual(training.wait(), 130, training.transcript())
        self.assertIn("cancelled", outcome(training.json_lines()))
        self.result(self.train(hidden="[4]", epochs=2))  # and the slot is free


if __name__ == "__main__":
    unittest.main()
