"""A mesh whose processes the test starts one by one, and what its layers serve."""

import os
import re

from mesh_processes import MeshCase

STANDARD = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"}
BACKEND = {"millrace.v1.DataService", "millrace.v1.DataManager", "millrace.v1.DataAdapter",
           "millrace.v1.OperationsService", "millrace.v1.HostsService",
           "google.longrunning.Operations"}
IB_HOST = {"millrace.v1.IbHost", "millrace.v1.HostControl"}

# A stretch of EURUSD 1h that one request answers: 2017-04-19T09:00:00Z and the five hours after it.
SEGMENT = {"symbol": "EURUSD", "timeframe": "1h", "from": "2017-04-19T09:00:00Z",
           "to": "2017-04-19T15:00:00Z"}
LOAD = {**SEGMENT, "mode": "BACKFILL"}
# The same in protobuf's text form; seconds since 1970.
SEGMENT_TEXT = 'symbol:"EURUSD" timeframe:"1h" from:{seconds:1492592400} to:{seconds:1492614000}'


class LayersCase(MeshCase):
    """A mesh without `millrace up`: each layer on a unix socket and on TCP."""

    def start_layers(self, gateway_address):
        """An IB host and a backend in self.home."""
        os.makedirs(os.path.join(self.home, "run"))
        self.host_unix, self.backend_unix = self.socket("ib-host"), self.socket("backend")
        self.host, self.host_tcp = self.serve("millrace-ib-host", self.host_unix, "--gateway",
                                              gateway_address, *self.host_flags())
        self.start_backend(**self.backend_options())

    def backend_options(self):
        return {}

    def host_flags(self):
        return []

    def start_backend(self, **options):
        self.backend, self.backend_tcp = self.serve(
            "millrace-backend", self.backend_unix, "--home", self.home, "--ib-host", self.host_unix,
            **options)

    def serve(self, program, unix, *flags, **options):
        """Starts a program on `unix` and on a free port of TCP; returns it and its TCP address."""
        process = self.start(program, "--listen", unix, "--listen", "127.0.0.1:0", *flags,
                             **options)

        def tcp_address(line):
            port = re.search(r"listens on 127\.0\.0\.1:0 \(port (\d+)\)", line)
            return port and "127.0.0.1:" + port.group(1)

        return process, process.line(tcp_address, "address of " + program, err=True)

    def backends(self):
        return [self.backend_unix, self.backend_tcp]

    def hosts(self):
        return [self.host_unix, self.host_tcp]


class ServedCase(LayersCase):
    """The layers, and a papergate below them."""

    def setUp(self):
        super().setUp()
        self.gateway = self.papergate(*self.papergate_flags())
        self.start_layers(self.gateway.address)

    def papergate_flags(self):
        return []
