"""The real grpc_cli against every layer: ls, ls -l, type, call; unix sockets and TCP."""

import json
import unittest

from mesh_processes import MARKET, file_rows
from served import BACKEND, IB_HOST, LOAD, SEGMENT, SEGMENT_TEXT, STANDARD, ServedCase


class GrpcCliTest(ServedCase):
    def cli(self, *args):
        """Runs grpc_cli; it must succeed."""
        process = self.start("grpc_cli", *args)
        self.assertEqual(process.wait(), 0, process.transcript())
        return process.stdout()

    def call_json(self, address, method, request):
        """The answers of a call in JSON; grpc_cli prints each over several lines."""
        text = self.cli("call", address, method, json.dumps(request), "--json_input",
                        "--json_output")
        decoder, answers = json.JSONDecoder(), []
        text = text.lstrip()
        while text:
            answer, end = decoder.raw_decode(text)
            answers.append(answer)
            text = text[end:].lstrip()
        return answers

    def test_ls_lists_every_service(self):
        for addresses, services in [(self.backends(), BACKEND), (self.hosts(), IB_HOST)]:
            for address in addresses:
                with self.subTest(address):
                    self.assertEqual(set(self.cli("ls", address).split()), services | STANDARD)

    def test_ls_l_describes_each_service_and_method(self):
        for address, services in [(self.backend_unix, BACKEND), (self.host_tcp, IB_HOST)]:
            for service in sorted(services | STANDARD):
                with self.subTest(service):
                    text = self.cli("ls", address, service, "-l")
                    self.assertIn("service %s {" % service.rpartition(".")[2], text)
        one = self.cli("ls", self.backend_unix, "millrace.v1.DataService.Load", "-l")
        self.assertIn("rpc Load(millrace.v1.LoadRequest) returns "
                      "(stream millrace.v1.OperationEvent)", one)

    def test_type_describes_messages_and_enums(self):
        for address in self.backends() + self.hosts():
            for name in ["millrace.v1.OperationEvent", "millrace.v1.FetchBarsRequest",
                         "google.protobuf.Timestamp", "google.rpc.Status"]:
                with self.subTest(address + " " + name):
                    self.assertIn("message %s {" % name.rpartition(".")[2],
                                  self.cli("type", address, name))

    def test_an_unknown_method_is_named(self):
        process = self.start("grpc_cli", "ls", self.backend_unix, "millrace.v1.Nothing")
        self.assertEqual(process.wait(), 1)
        self.assertIn("millrace.v1.Nothing not found", process.stdout() + process.stderr())

    def test_call_with_text(self):
        for address, service in [(a, "DataAdapter") for a in self.backends()] + \
                                [(a, "IbHost") for a in self.hosts()]:
            with self.subTest(address):
                text = self.cli("call", address, "millrace.v1.%s.FetchBars" % service, SEGMENT_TEXT)
                self.assertIn("close: 1.07219", text)
                self.assertIn("bars: 6", text)

    def test_call_fetch_bars_with_json(self):
        want = [row[1] for row in file_rows(MARKET + "/EURUSD-1h.csv")[:6]]
        for address, service in [(a, "DataAdapter") for a in self.backends()] + \
                                [(a, "IbHost") for a in self.hosts()]:
            with self.subTest(address):
                events = self.call_json(address, "millrace.v1.%s.FetchBars" % service, SEGMENT)
                batches = [event["bars"] for event in events if "bars" in event]
                opens = [price for batch in batches for price in batch["open"]]
                self.assertEqual(opens, want)
                self.assertEqual(events[-1]["outcome"]["succeeded"]["fetch"]["bars"], "6")

    def test_call_load_and_read_on_each_layer(self):
        for address in self.backends():
            for service in ["DataService", "DataManager"]:
                with self.subTest(address + " " + service):
                    events = self.call_json(address, "millrace.v1.%s.Load" % service, LOAD)
                    result = events[-1]["outcome"]["succeeded"]["load"]
                    self.assertEqual(result["barsInWindow"], "6")
                    batches = self.call_json(address, "millrace.v1.%s.Read" % service,
                                             {"symbol": "EURUSD", "timeframe": "1h"})
                    self.assertEqual(sum(len(batch["close"]) for batch in batches), 6)

    def test_call_operations(self):
        events = self.call_json(self.backend_unix, "millrace.v1.DataService.Load", LOAD)
        name = events[0]["operation"]
        for address in self.backends():
            def ask(method, request):
                return self.call_json(address, "millrace.v1.OperationsService." + method, request)

            with self.subTest(address):
                self.assertEqual([one["name"] for one in ask("List", {})], [name])
                self.assertEqual(ask("Get", {"name": name})[0]["state"], "SUCCEEDED")
                watched = ask("Watch", {"name": name})
                self.assertIn("succeeded", watched[-1]["outcome"])
                self.assertEqual(len(ask("Events", {"name": name})), len(watched))
                self.assertIn("succeeded", ask("Cancel", {"name": name})[-1]["outcome"])

    def test_call_what_else_the_layers_answer(self):
        for address, service in [(self.backend_tcp, "DataAdapter"), (self.host_unix, "IbHost")]:
            def ask(method, request):
                return self.call_json(address, "millrace.v1.%s.%s" % (service, method), request)

            with self.subTest(service):
                self.assertEqual(ask("ResolveContract", {"symbol": "EURUSD"})[0]["secType"], "CASH")
                self.assertTrue(ask("HeadTimestamp", {"symbol": "EURUSD"})[0]["head"]
                                .startswith("2017-04-19"))
                found = ask("SearchSymbols", {"pattern": "SPX"})
                self.assertIn("SPX", [one["symbol"] for one in found])
                self.assertEqual(ask("Status", {})[0]["gateway"], "READY")
                self.assertEqual(len(ask("AwaitStopped", {"operation": "none"})), 1)

    def test_health_on_every_server(self):
        for address, services in [(a, BACKEND) for a in self.backends()] + \
                                 [(a, IB_HOST) for a in self.hosts()]:
            for service in ["", *sorted(services)]:
                with self.subTest(address + " " + service):
                    answer = self.call_json(address, "grpc.health.v1.Health.Check",
                                            {"service": service})
                    self.assertEqual(answer, [{"status": "SERVING"}])

    def test_an_error_keeps_its_code_and_words(self):
        for address in self.backends():
            process = self.start("grpc_cli", "call", address, "millrace.v1.DataService.Load",
                                 'symbol:"EURUSD" timeframe:"7m"')
            self.assertEqual(process.wait(), 1)
            self.assertIn("status code 3", process.stderr() + process.stdout())
            self.assertIn("7m", process.stderr() + process.stdout())

    def test_a_failed_operation_tells_why_in_its_outcome(self):
        for address in self.backends():
            with self.subTest(address):
                events = self.call_json(address, "millrace.v1.DataService.Load",
                                        {"symbol": "NOSUCH", "timeframe": "1d"})
                failed = events[-1]["outcome"]["failed"]
                self.assertEqual(failed["code"], 5)
                self.assertIn("NOSUCH", failed["message"])


class SlowGrpcCliTest(ServedCase):
    def papergate_flags(self):
        return ["--latency-ms", "150"]

    def test_events_arrive_as_they_happen(self):
        for address in self.backends():
            symbol = "SYNA" if address is self.backend_unix else "SYNB"
            request = {"symbol": symbol, "timeframe": "1h", "from": "2015-01-01T00:00:00Z",
                       "to": "2016-01-01T00:00:00Z"}
            process = self.start("grpc_cli", "call", address, "millrace.v1.DataService.Load",
                                 json.dumps(request), "--json_input", "--json_output")
            self.assertEqual(process.wait(), 0, process.transcript())
            times = [time for time, line in process.out if '"eventClass"' in line]
            self.assertGreater(len(times), 3, process.transcript())
            # One answer takes the gateway 150 ms: an output that came all at once is no stream.
            self.assertGreater(times[-1] - times[0], 0.1)
            self.assertGreater(len({round(time, 2) for time in times}), 2)


if __name__ == "__main__":
    unittest.main()
