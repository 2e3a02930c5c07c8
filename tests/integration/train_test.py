"""Training through every layer: what comes out, and what outlives what."""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
import unittest

from mesh_processes import DEADLINE_S, children, outcome, wait_for
from training import TrainingCase, epochs_of

KILLS = int(os.environ.get("MILLRACE_KILLS", "4"))


class ResultTest(TrainingCase):
    def test_a_model_comes_out(self):
        events = self.train()
        self.assertEqual(epochs_of(events), [1, 2, 3, 4])
        result = self.result(events)
        self.assertEqual((result["model"], result["version"], result["epochs"]), ("small", 1, 4))
        self.assertEqual(result["features"], 6)
        self.assertGreater(result["test"]["accuracy"], 0.4)
        rows = int(result["trainRows"]) + int(result["validationRows"]) + int(result["testRows"])
        self.assertAlmostEqual(int(result["trainRows"]) / rows, 0.7, delta=0.01)
        listed, = self.json("models", "list")
        self.assertEqual((listed["name"], listed["version"]), ("small", 1))
        shown, = self.json("models", "show", "small")
        self.assertEqual(len(shown["epochs"]), 4)
        self.assertEqual(shown["features"][0], "1h_momentum_oversold")
        self.assertEqual(shown["features"][-1], "1h_rsi_14_raw")
        self.assertEqual(int(shown["series"][0]["bars"]), 5000)
        self.assertEqual(shown["series"][0]["source"], "papergate")
        self.assertIn(", simulated: 5,000 bars", self.ok("models", "show", "small", "--output=text").stdout())
        self.assertEqual(shown["result"]["weightsSha256"], result["weightsSha256"])

    def test_the_same_training_gives_the_same_weights_and_another_version(self):
        first, second = self.result(self.train()), self.result(self.train())
        other = self.result(self.train("--seed", "2"))
        self.assertEqual(first["weightsSha256"], second["weightsSha256"])
        self.assertNotEqual(first["weightsSha256"], other["weightsSha256"])
        self.assertEqual([first["version"], second["version"], other["version"]], [1, 2, 3])
        compared = self.json("models", "compare", "small")
        self.assertEqual([model["version"] for model in compared], [3, 2, 1])

    def test_bars_that_have_not_changed_are_not_read_again(self):
        def counts():
            status, = self.json("call", "millrace.v1.TrainingAdapter/Status", "{}")
            return int(status.get("cacheHits", 0)), int(status.get("cacheMisses", 0))

        stamp = "2017-09-01T00:00:00Z"
        first = self.result(self.train("--to", stamp))
        self.assertEqual(counts(), (0, 1))
        again = self.result(self.train("--to", stamp))
        self.assertEqual(counts(), (1, 1))
        self.assertEqual(first["weightsSha256"], again["weightsSha256"])
        # Another window is something else; so is the same one after a load has written to the series.
        self.train("--to", "2017-10-01")
        self.assertEqual(counts(), (1, 2))
        database = sqlite3.connect(os.path.join(self.home, "millrace.db"), timeout=30)
        with database:  # as a load does it that gets other prices
            database.execute("UPDATE bars SET close = close * 1.0001 WHERE time_s % 7200 = 0")
            database.execute("UPDATE series SET updated_ns = updated_ns + 1")
        database.close()
        other = self.result(self.train("--to", stamp))
        self.assertEqual(counts(), (1, 3))
        self.assertNotEqual(first["weightsSha256"], other["weightsSha256"])

    def test_large_layers_are_openblas_s(self):
        trained = self.result(self.train(hidden="[1024, 1024]", epochs=1, batch=512))
        self.assertRegex(trained["device"], "^cpu .*, OpenBLAS ")

    def test_bf16_where_the_processor_has_it(self):
        path = self.strategy(hidden="[64, 64]")
        done = self.millrace("train", path, "--precision", "bf16", "--output=json")
        if done.code != 0:
            self.check_one_line(done, "precision bf16", "neither AMX nor AVX512_BF16", code=5)
            return
        result = self.result([json.loads(line) for line in done.stdout().splitlines()])
        self.assertRegex(result["device"], "^cpu .*, oneDNN ")
        whole = self.result(self.train(hidden="[64, 64]"))
        self.assertNotEqual(result["weightsSha256"], whole["weightsSha256"])
        self.assertAlmostEqual(result["test"]["loss"], whole["test"]["loss"], delta=0.02)

    def test_predict_export_delete(self):
        self.train()
        self.kill_host()  # it is started again meanwhile
        signals = self.json("models", "predict", "small", "--last", "5")
        self.assertEqual({signal["source"] for signal in signals}, {"papergate"})
        told = self.ok("models", "predict", "small", "--last", "5", "--output=text").transcript()
        self.assertEqual(told.count("simulated (papergate)"), 1)
        self.assertEqual(len(signals), 5)
        for one in signals:
            self.assertIn(one["signal"], ["BUY", "HOLD", "SELL"])
            self.assertAlmostEqual(sum(one["outputs"]), 1, places=6)
        stored = self.export("EURUSD", "1h")[-5:]
        self.assertEqual([one["close"] for one in signals], [bar[4] for bar in stored])
        onnx, tensors = self.path("m.onnx"), self.path("m.safetensors")
        self.ok("models", "export", "small", "--out", onnx)
        self.ok("models", "export", "small", "--format", "safetensors", "--out", tensors)
        self.assertGreater(os.path.getsize(onnx), 1000)
        with open(tensors, "rb") as file:
            self.assertIn(b"layers.0.weight", file.read())
        self.ok("models", "delete", "small")
        self.assertEqual(self.json("models", "list"), [])
        self.assertEqual(os.listdir(os.path.join(self.home, "models")), [])
        self.check_one_line(self.millrace("models", "show", "small"), "no model 'small'", code=3)

    def test_a_damaged_model_is_not_used(self):
        self.train()
        path, = [os.path.join(self.home, "models", name)
                 for name in os.listdir(os.path.join(self.home, "models"))]
        with open(path, "r+b") as file:
            file.seek(-3, os.SEEK_END)
            file.write(b"\1\2\3")
        for command in [["export"], ["predict"]]:
            self.check_one_line(self.millrace("models", *command, "small"), "is damaged")

    def test_a_second_training_waits_for_the_slot(self):
        first = self.start("millrace", "train", self.strategy(epochs=1000000), "--output=json")
        first.line(lambda line: '"epochReport"' in line, "first epoch")
        second = self.start("millrace", "train", self.strategy(name="second"), "--output=json")
        second.line(lambda line: "waiting for a slot" in line, "place in the queue")
        first.signal(signal.SIGINT)
        self.assertEqual(first.wait(), 130)
        self.assertEqual(second.wait(), 0, second.transcript())

    def test_a_backend_that_is_killed_in_the_first_epoch_does_not_queue_its_training(self):
        """The host has the run, though the journal has heard nothing of it yet."""
        process = self.start("millrace", "train", self.strategy(hidden="[2048, 1024]", epochs=1000000),
                             "--output=json")
        process.line(lambda line: '"note":"epoch 1 of' in line, "first steps")
        host = self.host_pid()
        os.kill(host, signal.SIGSTOP)  # so that the epoch does not end before the backend is there again
        os.kill(children(self.mesh.pid)["millrace-backend"], signal.SIGKILL)
        process.line(lambda line: '"adopted"' in line, "adoption")
        epochs = epochs_of(process.json_lines())
        os.kill(host, signal.SIGCONT)
        self.assertEqual(epochs, [])
        process.line(lambda line: '"epochReport"' in line, "first epoch")
        self.assertFalse(any("waiting for a slot" in line for _, line in process.out))
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.transcript())


class LongAgoTest(TrainingCase):
    def settings(self):
        return {"MILLRACE_GATEWAY_ADDRESS": self.papergate("--live-interval-ms", "50").address}

    def test_live_bars_years_after_the_stored_ones(self):
        """The gateway has nothing between them, so that nothing is missing; a person should know."""
        self.train(epochs=1)
        live = self.start("millrace", "models", "predict", "small", "--live", "--last", "1", "--output=text")
        live.line(lambda line: re.search(r"warning: the last bar before the live ones is of 2018-02-07T15:00:00Z, "
                                         r"\d{4} days before them", line), "warning", err=True)
        live.line(lambda line: "so far" in line, "a live bar")
        live.signal(signal.SIGINT)
        live.wait()
        self.assertEqual(live.stderr().count("warning"), 1)


class LivePredictionTest(TrainingCase):
    """A gateway whose clock is thirty times as fast as ours: a bar in two seconds. It begins two hours ago, so that its
    live bars are past for everybody else."""

    def settings(self):
        self.begin = int(time.time()) // 300 * 300 - 7200
        gateway = self.papergate("--live-interval-ms", "50", "--clock-speed", "30", "--now",
                                 self.stamp(self.begin))
        return {"MILLRACE_GATEWAY_ADDRESS": gateway.address}

    def stamp(self, at_s):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))

    def load(self, from_s, to_s):
        for timeframe in ["1m", "5m"]:
            self.ok("data", "load", "SYNA", timeframe, "--from", self.stamp(from_s), "--to", self.stamp(to_s))

    def setUp(self):
        super().setUp()
        self.load(self.begin - 3 * 86400, self.begin - 2 * 86400)
        self.train("--timeframes", "1m,5m", symbol="SYNA", epochs=2, threshold=0.002)

    def predict(self, *flags):
        return self.start("millrace", "models", "predict", "small", "--output=json", *flags)

    def test_live_bars_after_stored_ones(self):
        self.check_one_line(self.millrace("models", "predict", "small", "--live", "--to", "2024-01-01"),
                            "live bars have no end", code=2)
        gap = self.predict("--live", "--last", "1")
        self.assertNotEqual(gap.wait(), 0)
        self.assertRegex(gap.stderr(), "SYNA [15]m is stored up to .*, live bars begin at .*: "
                                       "millrace data load SYNA [15]m --mode tail")
        self.load(self.begin - 2 * 86400, self.begin)
        live = self.predict("--live", "--last", "3")

        def signals(forming):
            return [one for one in live.json_lines() if one.get("forming", False) == forming]

        # Three of stored bars, then those that the gateway had beside them, then six that end now; five minutes end
        # with one of them, and the host is killed in between.
        wait_for(lambda: signals(True), "a bar that forms")
        begun = len(signals(False))
        wait_for(lambda: len(signals(False)) >= begun + 2, "bars that have ended")
        self.kill_host()
        wait_for(lambda: len(signals(False)) >= begun + 6 or not live.running(), "bars of the next host")
        live.signal(signal.SIGINT)
        self.assertEqual(live.wait(), 130, live.transcript())
        times = [one["time"] for one in signals(False)]
        self.assertEqual(times, sorted(set(times)))
        # What was said of live bars is what is said of the same ones once they are stored.
        for timeframe in ["1m", "5m"]:
            self.ok("data", "load", "SYNA", timeframe, "--from", times[0], "--to", times[-1])
        stored = self.json("models", "predict", "small", "--from", times[0], "--to", times[-1])
        self.assertGreaterEqual(len(stored), 3 + 6 - 1)
        self.assertEqual(signals(False)[:-1], stored)


class TwoHostsTest(TrainingCase):
    def settings(self):
        return {"MILLRACE_TRAINING_HOST_MORE": "unix:" + self.path("second.sock")}

    def setUp(self):
        super().setUp()
        self.second = self.start("millrace-training-host", "--listen",
                                 "unix:" + self.path("second.sock"), "--backend",
                                 self.socket("backend"), "--home", self.home)
        wait_for(lambda: self.states().get("training-host-2") == "SERVING", "second host")

    def states(self):
        return {host["name"]: host["state"] for host in self.json("hosts", "list")}

    def start_endless(self, name):
        process = self.start("millrace", "train", self.strategy(name=name, epochs=1000000),
                             "--output=json")
        process.line(lambda line: '"epochReport"' in line, "first epoch of " + name)
        return process

    def running(self):
        return [len(host.get("operations", [])) for host in
                self.json("call", "millrace.v1.TrainingAdapter/Status", "{}")]

    def test_each_gets_one_and_the_third_waits(self):
        first, second = self.start_endless("first"), self.start_endless("second")
        self.assertEqual(self.running(), [1, 1])
        third = self.start("millrace", "train", self.strategy(name="third"), "--output=json")
        third.line(lambda line: "waiting for a slot" in line, "place in the queue")
        os.kill(children(self.mesh.pid)["millrace-backend"], signal.SIGKILL)
        second.line(lambda line: '"adopted"' in line, "adoption")
        second.signal(signal.SIGINT)
        self.assertEqual(second.wait(), 130, second.transcript())
        self.assertEqual(third.wait(), 0, third.transcript())
        first.signal(signal.SIGINT)
        self.assertEqual(first.wait(), 130)
        wait_for(lambda: self.running() == [0, 0], "empty hosts")

    def test_trainings_that_start_together_take_turns(self):
        """None of them is sent to a host that has no slot for it."""
        all_of_them = [self.start("millrace", "train", self.strategy(name="together%d" % i, epochs=40),
                                  "--output=json") for i in range(6)]
        for process in all_of_them:
            self.assertEqual(process.wait(), 0, process.transcript())
            self.assertEqual([event for event in process.json_lines() if "attempt" in event], [])

    def test_one_that_is_away_is_not_chosen(self):
        os.kill(self.host_pid(), signal.SIGSTOP)
        result = self.result(self.train())
        os.kill(self.host_pid(), signal.SIGCONT)
        self.assertEqual(result["version"], 1)


class StrategyTest(TrainingCase):
    def test_a_new_strategy_is_valid_and_trains(self):
        path = self.strategy(self.ok("strategy", "new", "--symbol", "EURUSD").stdout())
        report, = self.json("strategy", "validate", path)
        self.assertEqual(len(report["features"]), 12)
        lines = self.ok("strategy", "features", path, "--output=text").stdout().splitlines()
        self.assertEqual(lines, report["features"])
        self.result(self.json("train", path, "--epochs", "1"))
        fifo = self.path("fifo")  # what <(...) of a shell is
        os.mkfifo(fifo)
        with open(path) as file:
            writer = subprocess.Popen(["tee", fifo], stdin=file, stdout=subprocess.DEVNULL)
        piped, = self.json("strategy", "validate", fifo)
        self.assertEqual(writer.wait(DEADLINE_S), 0)
        self.assertEqual(piped, report)


class StopCase(TrainingCase):
    """Trainings of 60 epochs that something stops, and their weights without that."""

    LONG = dict(epochs=60, hidden="[64, 64]")
    FLAGS = ()

    def whole(self):
        """The weights of an uninterrupted run."""
        return self.result(self.train(*self.FLAGS, **self.LONG))["weightsSha256"]

    def start_training(self):
        process = self.start("millrace", "train", self.strategy(**self.LONG),
                             "--checkpoint-epochs", "1", "--output=json", *self.FLAGS)
        process.line(lambda line: '"epochReport"' in line, "first epoch")
        return process

    def check_ctrl_c(self):
        want = self.whole()
        process = self.start_training()
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.transcript())
        ended = outcome(process.json_lines())["cancelled"]
        stop = next(one for one in ended["stops"] if one["layer"] == "training-host")
        self.assertIn("stopped after step", stop["detail"])
        name = process.json_lines()[0]["operation"]
        events = self.json("ops", "resume", name)
        self.assertEqual(self.result(events)["weightsSha256"], want)
        self.assertEqual(epochs_of(events)[-1], 60)
        again = self.millrace("ops", "resume", events[0]["operation"])
        self.check_one_line(again, "has succeeded")

    def check_kills(self, kills):
        want = self.whole()
        chance = random.Random(4)
        for _ in range(kills):
            process = self.start_training()
            epoch = chance.randrange(1, 50)
            process.line(lambda line: '"epoch":%d,' % epoch in line, "epoch %d" % epoch)
            enough = len(process.out) + chance.randrange(12)  # events further: somewhere in an epoch
            wait_for(lambda: len(process.out) >= enough or not process.running(), "more events")
            self.kill_host()
            self.assertEqual(process.wait(), 0, process.transcript())
            events = process.json_lines()
            self.assertEqual(self.result(events)["weightsSha256"], want)
            self.assertEqual(sorted(set(epochs_of(events))), list(range(1, 61)))


class MoveTest(StopCase):
    """A second host, which nothing starts again."""

    def settings(self):
        return {"MILLRACE_TRAINING_HOST_MORE": "unix:" + self.path("second.sock"),
                "MILLRACE_TRAINING_HOST_GRACE_S": "1"}

    def test_another_host_goes_on_where_one_stays_away(self):
        want = self.whole()
        second = self.start("millrace-training-host", "--listen",
                            "unix:" + self.path("second.sock"), "--backend",
                            self.socket("backend"), "--home", self.home)
        other = self.start("millrace", "train", self.strategy(name="other", epochs=1000000),
                           "--output=json")
        other.line(lambda line: '"epochReport"' in line, "first epoch of another")
        process = self.start_training()
        process.line(lambda line: '"epoch":5,' in line, "epoch 5")
        second.signal(signal.SIGKILL)
        other.signal(signal.SIGINT)
        self.assertEqual(other.wait(), 130)
        self.assertEqual(process.wait(), 0, process.transcript())
        events = process.json_lines()
        self.assertEqual(self.result(events)["weightsSha256"], want)
        self.assertEqual(sorted(set(epochs_of(events))), list(range(1, 61)))
        said = [event["log"]["text"] for event in events if "log" in event]
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0], "^the host stays away .*: a host that answers goes on$")


class StopTest(StopCase):
    def test_ctrl_c_among_short_epochs_loses_none(self):
        """Many of them end between two looks at the training."""
        process = self.start("millrace", "train", self.strategy(hidden="[4]", epochs=1500), "--output=json")
        process.line(lambda line: '"epochReport"' in line, "first epoch")
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.transcript())
        rest = self.json("ops", "resume", process.json_lines()[0]["operation"])
        self.assertEqual(epochs_of(process.json_lines()) + epochs_of(rest), list(range(1, 1501)))

    def test_ctrl_c_keeps_a_checkpoint_and_resume_goes_on_bit_for_bit(self):
        self.check_ctrl_c()

    def test_a_host_that_is_killed_goes_on_bit_for_bit(self):
        self.check_kills(KILLS)

    def stopped(self):
        """A training that was stopped; its name."""
        process = self.start_training()
        process.line(lambda line: '"epoch":5,' in line, "epoch 5")
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.transcript())
        return process.json_lines()[0]["operation"]

    def checkpoints(self, name):
        directory = os.path.join(self.home, "checkpoints", name)
        return sorted(os.path.join(directory, file) for file in os.listdir(directory))

    def resumed(self, name):
        """The weights of a training that went on, and what its log events say."""
        events = self.json("ops", "resume", name)
        return (self.result(events)["weightsSha256"],
                [event["log"]["text"] for event in events if "log" in event])

    def test_a_damaged_checkpoint_gives_way_to_an_older_one(self):
        want, name = self.whole(), self.stopped()
        newest = self.checkpoints(name)[-1]
        with open(newest, "r+b") as file:
            file.seek(-3, os.SEEK_END)
            file.write(b"\1\2\3")
        weights, said = self.resumed(name)
        self.assertEqual(weights, want)
        self.assertEqual(len(said), 1)
        self.assertIn("is damaged", said[0])
        self.assertIn("an older one is used", said[0])

    def test_without_any_checkpoint_it_begins_again(self):
        want, name = self.whole(), self.stopped()
        for path in self.checkpoints(name):
            os.unlink(path)
        weights, said = self.resumed(name)
        self.assertEqual(weights, want)
        self.assertEqual(len(said), 1)
        self.assertIn("training begins again", said[0])

    def test_what_cannot_be_resumed(self):
        self.check_one_line(self.millrace("ops", "resume", "train-nothing"), "train-nothing", code=3)
        load = self.json("data", "load", "SPX", "1d")[0]["operation"]
        self.check_one_line(self.millrace("ops", "resume", load), "is no training")

    def test_a_backend_that_is_killed_goes_on_with_the_same_run(self):
        want = self.whole()
        process = self.start_training()
        host = self.host_pid()
        os.kill(children(self.mesh.pid)["millrace-backend"], signal.SIGKILL)
        self.assertEqual(process.wait(), 0, process.transcript())
        events = process.json_lines()
        self.assertEqual(self.result(events)["weightsSha256"], want)
        self.assertEqual(epochs_of(events), list(range(1, 61)))
        self.assertEqual(self.host_pid(), host)

    def test_a_drained_host_goes_on_at_its_last_step(self):
        want = self.whole()
        process = self.start_training()
        self.ok("hosts", "drain", "training-host")
        self.assertEqual(process.wait(), 0, process.transcript())
        events = process.json_lines()
        self.assertEqual(self.result(events)["weightsSha256"], want)
        self.assertEqual(epochs_of(events), list(range(1, 61)))

    def test_ten_watchers_see_the_same(self):
        process = self.start_training()
        name = process.json_lines()[0]["operation"]
        watchers = [self.start("millrace", "ops", "watch", name, "--output=json")
                    for _ in range(10)]
        self.assertEqual(process.wait(), 0)
        for watcher in watchers:
            self.assertEqual(watcher.wait(), 0)
            self.assertEqual(epochs_of(watcher.json_lines()), list(range(1, 61)))


if __name__ == "__main__":
    unittest.main()
