"""Ctrl-C and cut connections: the request at the gateway stops at once, what is stored stays."""

import json
import os
import signal
import time
import unittest

from made_up import LongSeries
from mesh_processes import MeshCase, file_rows, outcome, read_log, wait_for
from reflected import Client

WIRE_MS = float(os.environ.get("WIRE_MS", 50))  # from the signal to papergate's log


class CancelTest(MeshCase):
    """Each test cuts a load of a slow series after its first stored segment."""

    def setUp(self):
        super().setUp()
        self.series = LongSeries(self.path("market"))
        self.log = self.set_papergate_flags("--latency-ms", "300")  # 1.5 s a load, in the middle of which to cut
        self.up(market=self.series.market)

    def open_requests(self):
        """The requests that the gateway works on."""
        def ids(event):
            return {one["reqId"] for one in read_log(self.log, event)}

        return ids("reqHistoricalData") - ids("reply") - ids("error") - ids("cancelHistoricalData")

    def wait_for_open_request(self):
        """The load is in the middle of its series then."""
        wait_for(self.open_requests, "open request at the gateway")

    def check_wire(self, cut):
        """papergate sees every open request cancelled, the first of them soon after the cut. `cut(symbol)` loads
        until requests are open, cuts, and returns when, and what else there is to know. A machine that has other
        things to do makes a cut slow, never fast: then up to three more series are cut."""
        first, taken_ms = None, []
        for symbol in [LongSeries.SYMBOL, "SYNA", "SYNB", "SYNC"]:
            before = len(read_log(self.log, "cancelHistoricalData"))
            cut_at, what = cut(symbol)
            first = first or what
            cancels = wait_for(lambda: read_log(self.log, "cancelHistoricalData")[before:],
                               "cancelHistoricalData in papergate's log")
            taken_ms.append((cancels[0]["unix_ns"] / 1e9 - cut_at) * 1e3)
            wait_for(lambda: not self.open_requests(), "end of every request at the gateway")
            if taken_ms[-1] < WIRE_MS:
                break
        print("cancelHistoricalData after the cut:", ", ".join("%.1f ms" % ms for ms in taken_ms))
        self.assertLess(min(taken_ms), WIRE_MS)
        return first

    def check_operation(self, name):
        """The journal says who stopped last; nobody works on it any more."""
        def ended():
            shown = self.json("ops", "show", name)[0]
            return shown if shown["state"] not in ("RUNNING", "CANCELLING") else None

        shown = wait_for(ended, "end of the operation")
        self.assertEqual(shown["state"], "CANCELLED")
        cancelled = shown["outcome"]["cancelled"]
        stopped = [stop["layer"] for stop in cancelled["stops"]]
        self.assertIn("ib-host", stopped)
        self.assertEqual(cancelled["lastLayer"], stopped[-1])

    def check_rest(self, seen):
        """What was stored stays; the next load asks only for the rest, and completes the series."""
        want = file_rows(self.series.path)
        stored = self.export("LONG", "1h")
        self.assertGreaterEqual(len(stored), seen)
        self.assertLess(len(stored), len(want))
        kept = set(stored)
        self.assertEqual([row for row in want if row in kept], stored)

        done = outcome(self.json(*LongSeries.LOAD))
        result = done["succeeded"]["load"]
        self.assertEqual(int(result["barsStored"]), len(want) - len(stored))
        self.assertEqual(self.export("LONG", "1h"), want)

    @staticmethod
    def load_of(symbol):
        return [symbol if word == LongSeries.SYMBOL else word for word in LongSeries.LOAD]

    def test_ctrl_c(self):
        def cut(symbol):
            load = self.start("millrace", *self.load_of(symbol), "--output=json")
            segment = load.line(lambda line: "segment" in json.loads(line) and json.loads(line),
                                "stored segment")
            self.wait_for_open_request()
            cut_at = load.signal(signal.SIGINT)
            self.assertEqual(load.wait(), 130)
            return cut_at, (segment["operation"], load.json_lines())

        name, events = self.check_wire(cut)
        self.assertIn("cancelled", outcome(events))
        self.check_operation(name)
        self.check_rest(sum(int(e["segment"].get("bars", 0)) for e in events if "segment" in e))

    def test_a_cut_connection_of_grpc_cli(self):
        def cut(symbol):
            load = self.start("grpc_cli", "call", self.socket("backend"), "millrace.v1.DataService.Load",
                              json.dumps({**LongSeries.REQUEST, "symbol": symbol}), "--json_input",
                              "--json_output")
            load.line(lambda line: '"segment"' in line, "stored segment")
            name = load.line(lambda line: '"operation"' in line and line.split('"')[3], "operation")
            self.wait_for_open_request()
            cut_at = load.signal(signal.SIGKILL)
            load.wait()
            return cut_at, name

        self.check_operation(self.check_wire(cut))
        self.check_rest(1)

    def test_a_cancelled_call_of_grpcio(self):
        with Client(self.socket("backend")) as client:
            def cut(symbol):
                load = client.call("millrace.v1.DataService/Load", {**LongSeries.REQUEST, "symbol": symbol})
                name = next(load)["operation"]
                seen = next(int(event["segment"]["bars"]) for event in load if "segment" in event)
                self.wait_for_open_request()
                cut_at = time.time()
                load.cancel()
                return cut_at, (name, seen)

            name, seen = self.check_wire(cut)
            self.check_operation(name)
        self.check_rest(seen)

    def test_ops_cancel_proves_the_end(self):
        self.ok(*LongSeries.LOAD, "--detach")
        self.wait_for_open_request()
        name = self.json("ops", "list")[0]["name"]
        events = self.json("ops", "cancel", name)
        self.assertIn("cancelled", outcome(events))
        self.assertEqual(self.open_requests(), set())
        self.check_operation(name)

    # ---- leaving is not cancelling, but for who started it and has it alone ----

    def interrupt(self, process):
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.transcript())
        self.assertIn("goes on", process.stderr())

    def state_of(self, name):
        return self.json("ops", "show", name)[0]["state"]

    def test_a_watcher_only_leaves(self):
        """Also one that has not seen the events which say what it is."""
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        name = load.line(lambda line: json.loads(line)["operation"], "operation")
        for flags in [[], ["--after", "1"]]:
            watch = self.start("millrace", "ops", "watch", name, "--output=json", *flags)
            watch.line(lambda line: "segment" in json.loads(line), "stored segment")
            self.interrupt(watch)
        self.assertEqual(load.wait(), 0, load.transcript())
        self.assertIn("succeeded", outcome(load.json_lines()))

    def test_the_starter_leaves_what_others_have(self):
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        name = load.line(lambda line: json.loads(line)["operation"], "operation")
        watch = self.start("millrace", "ops", "watch", name, "--output=json")
        watch.line(lambda line: "segment" in json.loads(line), "stored segment")
        self.interrupt(load)
        self.assertEqual(watch.wait(), 0, watch.transcript())
        self.assertIn("succeeded", outcome(watch.json_lines()))

    def test_the_starter_leaves_what_was_joined_for_good(self):
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        name = load.line(lambda line: json.loads(line)["operation"], "operation")
        self.ok(*LongSeries.LOAD, "--detach")
        load.line(lambda line: json.loads(line).get("joined", {}).get("detached"), "joined event")
        self.interrupt(load)
        self.assertIn("succeeded", outcome(self.json("ops", "watch", name)))

    def test_a_joiner_only_leaves(self):
        load = self.start("millrace", *LongSeries.LOAD, "--output=json")
        load.line(lambda line: "segment" in json.loads(line), "stored segment")
        joiner = self.start("millrace", *LongSeries.LOAD, "--output=json")
        joiner.line(lambda line: "segment" in json.loads(line), "stored segment")
        self.interrupt(joiner)
        self.assertEqual(load.wait(), 0, load.transcript())

    def test_what_has_ended_is_not_cancelled(self):
        self.ok(*LongSeries.LOAD)
        name = self.json("ops", "list")[0]["name"]
        done = self.millrace("ops", "cancel", name, "--output=text")
        self.assertEqual((done.code, done.stdout()), (5, ""), done.transcript())
        self.assertIn(name + " had ended before it was cancelled", done.stderr())

    def test_a_detached_load_survives_its_watcher(self):
        self.ok(*LongSeries.LOAD, "--detach")
        name = self.json("ops", "list")[0]["name"]
        watch = self.start("millrace", "ops", "watch", name, "--output=json")
        watch.line(lambda line: "segment" in json.loads(line), "stored segment")
        watch.signal(signal.SIGINT)
        self.assertEqual(watch.wait(), 130)
        events = self.json("ops", "watch", name)
        self.assertIn("succeeded", outcome(events))
        self.assertEqual(self.export("LONG", "1h"), file_rows(self.series.path))


if __name__ == "__main__":
    unittest.main()
