"""python3-grpcio against every layer, by reflection alone; unix sockets and TCP."""

import time
import unittest

import grpc

from mesh_processes import MARKET, file_rows, wait_for
from reflected import Client
from served import BACKEND, IB_HOST, LOAD, SEGMENT, STANDARD, ServedCase


def layers(test):
    """(address, layer's own services) of everything that listens."""
    return [(a, BACKEND) for a in test.backends()] + [(a, IB_HOST) for a in test.hosts()]


class PythonGrpcioTest(ServedCase):
    def test_lists_and_describes_with_both_versions(self):
        for version in ["v1", "v1alpha"]:
            for address, services in layers(self):
                with self.subTest(version + " " + address), Client(address, version) as client:
                    self.assertEqual(set(client.services), services | STANDARD)
                    for service in services:
                        self.assertGreater(len(client.methods(service)), 0)

    def test_every_kind_of_reflection_request(self):
        for version in ["v1", "v1alpha"]:
            with self.subTest(version), Client(self.backend_unix, version) as client:
                ask = client.reflection.ask
                named = ask(file_by_filename="millrace/v1/bars.proto")
                self.assertTrue(named.HasField("file_descriptor_response"))
                unknown = ask(file_containing_symbol="no.such.Thing")
                self.assertEqual(unknown.error_response.error_code,
                                 grpc.StatusCode.NOT_FOUND.value[0])
                method = ask(host="any", file_containing_symbol="millrace.v1.DataService.Load")
                self.assertTrue(method.HasField("file_descriptor_response"))
                numbers = ask(all_extension_numbers_of_type="millrace.v1.Gap")
                self.assertEqual(numbers.all_extension_numbers_response.base_type_name,
                                 "millrace.v1.Gap")
                nothing = ask(file_containing_extension={"containing_type": "millrace.v1.Gap",
                                                         "extension_number": 100})
                self.assertEqual(nothing.error_response.error_code,
                                 grpc.StatusCode.NOT_FOUND.value[0])

    def test_fetches_bars_from_adapter_and_host(self):
        want = file_rows(MARKET + "/EURUSD-1h.csv")[:6]
        for address, services in layers(self):
            service = "millrace.v1.DataAdapter" if services is BACKEND else "millrace.v1.IbHost"
            with self.subTest(address), Client(address) as client:
                events = list(client.call(service + "/FetchBars", SEGMENT))
                bars = [event["bars"] for event in events if "bars" in event]
                for column, index in [("open", 1), ("high", 2), ("low", 3), ("close", 4)]:
                    got = [value for batch in bars for value in batch[column]]
                    self.assertEqual(got, [row[index] for row in want])

    def test_loads_and_reads_through_service_and_manager(self):
        for address in self.backends():
            for service in ["millrace.v1.DataService", "millrace.v1.DataManager"]:
                with self.subTest(address + " " + service), Client(address) as client:
                    events = list(client.call(service + "/Load", LOAD))
                    result = events[-1]["outcome"]["succeeded"]["load"]
                    self.assertEqual(result["barsInWindow"], "6")
                    batches = list(client.call(service + "/Read", {"symbol": "EURUSD",
                                                                   "timeframe": "1h"}))
                    self.assertEqual(sum(len(batch["times"]) for batch in batches), 6)
                    series = list(client.call(service + "/List", {}))
                    self.assertEqual([one["bars"] for one in series], ["6"])
                    self.assertEqual(list(client.call(service + "/Gaps", {
                        "symbol": "EURUSD", "timeframe": "1h", "from": LOAD["from"],
                        "to": LOAD["to"]})), [])

    def test_watches_operations(self):
        for address in self.backends():
            with self.subTest(address), Client(address) as client:
                events = list(client.call("millrace.v1.DataService/Load", LOAD))
                name = events[0]["operation"]
                shown = list(client.call("millrace.v1.OperationsService/Get", {"name": name}))
                self.assertEqual([one["state"] for one in shown], ["SUCCEEDED"])
                after = list(client.call("millrace.v1.OperationsService/Watch",
                                         {"name": name, "afterSequence": 1}))
                self.assertEqual([int(event["sequence"]) for event in after],
                                 list(range(2, len(after) + 2)))
                self.assertIn("outcome", after[-1])

    def test_live_bars_until_the_call_is_cancelled(self):
        for address in self.backends():
            with self.subTest(address), Client(address) as client:
                live = client.call("millrace.v1.DataService/Subscribe",
                                   {"symbol": "SYNLIVE", "timeframe": "1m"})
                self.assertTrue(any("bars" in event for event in live))
                before = len(self.gateway.events("cancelHistoricalData"))
                live.cancel()
                self.wait_for_cancel(before)

    def wait_for_cancel(self, before):
        wait_for(lambda: len(self.gateway.events("cancelHistoricalData")) > before,
                 "cancelHistoricalData after the subscriber left")

    def test_health_check_list_and_watch(self):
        for address, services in layers(self):
            with self.subTest(address), Client(address) as client:
                for service in ["", *services]:
                    answer = client.call("grpc.health.v1.Health/Check", {"service": service})
                    self.assertEqual(answer, [{"status": "SERVING"}])
                watch = client.call("grpc.health.v1.Health/Watch", {"service": ""})
                self.assertEqual(next(watch), {"status": "SERVING"})
                watch.cancel()

    def test_errors_carry_their_details(self):
        for address in self.backends():
            with self.subTest(address), Client(address) as client:
                with self.assertRaises(grpc.RpcError) as failure:
                    list(client.call("millrace.v1.OperationsService/Get", {"name": "no-such"}))
                self.assertEqual(failure.exception.code(), grpc.StatusCode.NOT_FOUND)
                self.assertIn("no-such", failure.exception.details())


class SlowPythonGrpcioTest(ServedCase):
    def papergate_flags(self):
        return ["--latency-ms", "150"]

    def test_events_arrive_as_they_happen(self):
        for address, symbol in zip(self.backends(), ["SYNA", "SYNB"]):
            with self.subTest(address), Client(address) as client:
                arrivals = [time.monotonic() for _ in client.call("millrace.v1.DataService/Load", {
                    "symbol": symbol, "timeframe": "1h", "from": "2015-01-01T00:00:00Z",
                    "to": "2016-01-01T00:00:00Z"})]
                self.assertGreater(len(arrivals), 3)
                self.assertGreater(arrivals[-1] - arrivals[0], 0.1)
                self.assertGreater(len({round(moment, 2) for moment in arrivals}), 2)


if __name__ == "__main__":
    unittest.main()
