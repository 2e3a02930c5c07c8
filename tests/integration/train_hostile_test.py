"""What comes from outside and would hurt a training host: it answers throughout, and goes on."""

import json
import os
import signal
import unittest

import grpc

from mesh_processes import DEADLINE_S, children, outcome, wait_for
from training import DEFAULTS, STRATEGY, TrainingCase, epochs_of

HEALTH = "/grpc.health.v1.Health/Check"
CHECK = "/millrace.v1.TrainingHost/CheckStrategy"
RUN = "/millrace.v1.TrainingHost/Run"
SYMBOLS, EPOCHS = 3, 10  # fields of a TrainRequest


class PillTest(TrainingCase):
    """A training that its host does not survive is begun twice, not a third time."""

    def start_training(self):
        """One that runs long, and makes no checkpoint."""
        return self.start("millrace", "train", self.strategy(epochs=1000000), "--checkpoint-epochs",
                          "1000000", "--output=json")

    def await_begin(self, process, times):
        """Until its first epoch was heard of for so many times."""
        wait_for(lambda: epochs_of(process.json_lines()).count(1) >= times or not process.running(),
                 "begin number %d" % times)
        self.assertTrue(process.running(), process.transcript())

    def check_failed(self, process):
        self.assertEqual(process.wait(), 1, process.transcript())
        events = process.json_lines()
        failed = outcome(events)["failed"]
        self.assertIn("its host did not survive it 2 times", failed["message"])
        self.assertEqual(epochs_of(events).count(1), 2)
        lost = [event["checkpoint"]["lost"] for event in events if "checkpoint" in event]
        self.assertEqual(lost, [1, 2])
        # The host that came after the second death has its slot for others.
        self.result(self.train(epochs=2))

    def test_twice_is_enough(self):
        process = self.start_training()
        for times in [1, 2]:
            self.await_begin(process, times)
            self.kill_host()
        self.check_failed(process)

    def test_a_new_backend_counts_on(self):
        process = self.start_training()
        self.await_begin(process, 1)
        self.kill_host()
        self.await_begin(process, 2)
        os.kill(children(self.mesh.pid)["millrace-backend"], signal.SIGKILL)
        process.line(lambda line: '"adopted"' in line, "adoption")
        adopted = len(process.out)
        wait_for(lambda: len(process.out) > adopted, "more events")
        self.kill_host()
        self.check_failed(process)


def field(number, data):
    """A field of bytes, encoded: what a client may send that no library would."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def whole(number, value):
    return varint(number << 3) + varint(value)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


class DirectCase(TrainingCase):
    """Calls to the training host itself, byte by byte."""

    def setUp(self):
        super().setUp()
        self.channel = grpc.insecure_channel(self.socket("training-host"))
        self.addCleanup(self.channel.close)
        self.pid = self.host_pid()

    def tearDown(self):
        self.assertEqual(self.host_pid(), self.pid, "the host has died")
        super().tearDown()

    def begin(self, method, request):
        """Starts a call; its answers are read with list(), or waited for."""
        return self.channel.unary_stream(method)(request, timeout=4 * DEADLINE_S)

    def refused(self, method, request):
        """(code, message) of a call that fails."""
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.begin(method, request))
        return caught.exception.code(), caught.exception.details()

    def train_request(self, strategy, *more):
        return field(1, strategy) + b"".join(more)

    def run_request(self, operation, *request):
        return field(1, operation) + field(10, self.train_request(*request))

    def failed_run(self, operation, *request):
        """The bytes of a run's last event, or what is said where it does not begin."""
        try:
            return list(self.begin(RUN, self.run_request(operation, *request)))[-1]
        except grpc.RpcError as error:
            return error.details().encode()


GOOD = (STRATEGY % DEFAULTS).encode()


class HostileStrategyTest(DirectCase):
    def test_others_are_answered_while_strategies_are_checked(self):
        """Eight files with as much in them as may be come first, then a question: it is not
        answered last."""
        members = b"".join(b"    m%d: [0, 20, %d]\n" % (i, 30 + i) for i in range(60))
        sets = b"".join(b"  s%d:\n    indicator: rsi_14\n" % i + members for i in range(240))
        long = GOOD.replace(b"fuzzy_sets:\n", b"fuzzy_sets:\n" + sets)
        with grpc.insecure_channel(self.socket("training-host"),
                                   [("grpc.use_local_subchannel_pool", 1)]) as other:
            list(other.unary_stream(HEALTH)(b"", timeout=DEADLINE_S))
            checks = [self.begin(CHECK, field(1, long)) for _ in range(8)]
            list(other.unary_stream(HEALTH)(b"", timeout=DEADLINE_S))
            unanswered = [check for check in checks if not check.done()]
        self.assertGreater(len(unanswered), 0)
        for check in checks:
            self.assertEqual(len(list(check)), 1)

    def test_what_would_take_minutes_is_refused_at_once(self):
        keys = b"".join(b"    a%x: 1\n" % i for i in range(40000))
        for name, text, words in [
                ("lists in lists", b"name: " + b"[" * 500000, "within each other"),
                ("blocks in blocks", b"- " * 500000, "within each other"),
                ("keys", GOOD.replace(b"  rsi_14: {type: rsi, period: 14}\n",
                                      b"  rsi_14:\n    type: rsi\n" + keys), "a0: rsi has no"),
                ("a second document", GOOD + b"---\nname: b\n", "a second document"),
                ("no UTF-8 behind the end", GOOD + b"...\n" + b"# padding\n" * 8000 + b"# M\xfcller\n",
                 "is no UTF-8"),
                ("too large", b"#" * ((1 << 20) + 1), "1048576")]:
            with self.subTest(name):
                code, message = self.refused(CHECK, field(1, text))
                self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
                self.assertIn(words, message)
                self.assertIn(words.encode(), self.failed_run(name.replace(" ", "-").encode(), text))

    def test_names_that_cannot_be_files(self):
        for name in [b"a/b", b"..", b".hidden", b"", b"a" * 64, b"x\xff", b"x\n"]:
            with self.subTest(name):
                code, message = self.refused(RUN, self.run_request(name, GOOD))
                self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
                self.assertIn("operation", message)

    def test_numbers_and_texts_of_a_request(self):
        last = self.failed_run(b"many-epochs", GOOD, whole(EPOCHS, (1 << 31) - 1))
        self.assertIn(b"epochs is 2147483647: use 0 to 1000000", last)
        last = self.failed_run(b"fewer-than-none", GOOD, whole(EPOCHS, (1 << 64) - 1))
        self.assertIn(b"epochs is -1: use 0 to 1000000", last)
        last = self.failed_run(b"no-text", GOOD, field(SYMBOLS, b"EUR\xffUSD"))
        self.assertIn(b"is no UTF-8", last)
        self.result(self.train(epochs=2))


class CancelTest(TrainingCase):
    """Ctrl-C while a training does something long that is not an epoch."""

    def slow_strategy(self):
        """250 deviations over 2,500 of 5,000 bars each: seconds on any machine."""
        text = STRATEGY % {**DEFAULTS, "history": 0}
        head, rest = text.split("indicators:\n", 1)
        slow = "".join("  w%d: {type: bollingerbands, period: 2500, multiplier: %g}\n" % (i, 1 + i / 100)
                       for i in range(250))
        inputs = "".join("  - {raw_indicator: w%d.upper, timeframes: all, normalization: zscore}\n" % i
                         for i in range(250))
        return self.strategy(head + "indicators:\n" + slow +
                             rest.replace("nn_inputs:\n", "nn_inputs:\n" + inputs))

    def test_features(self):
        process = self.start("millrace", "train", self.slow_strategy(), "--output=json")
        process.line(lambda line: "computing features" in line, "features")
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.transcript())
        events = process.json_lines()
        asked = next(i for i, event in enumerate(events) if "cancelRequested" in event)
        cancelled = outcome(events)["cancelled"]
        self.assertFalse(cancelled.get("forced", False), cancelled)
        self.assertEqual(cancelled["lastLayer"], "training-host")
        durable = [event for event in events[asked:] if event.get("eventClass", "") != "MERGEABLE"]
        self.assertLess(len(durable), 6, durable)
        # The slot is free: another one begins at once, and nothing of the first one runs.
        events = self.train(epochs=2)
        self.assertFalse([event for event in events if "waiting for a slot" in json.dumps(event)])
        self.result(events)


if __name__ == "__main__":
    unittest.main()
