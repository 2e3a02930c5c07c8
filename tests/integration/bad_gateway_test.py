"""Gateways that refuse, hang, send garbage or stumble: overcome, or told in one clear line."""

import socket
import threading
import unittest

from mesh_processes import MARKET, MeshCase, file_rows
from served import LayersCase

UNAVAILABLE = 4
SPX = MARKET + "/SPX-1d.csv"


class NoGatewayTest(LayersCase):
    """A load gives such a gateway up when its patience ends, so all of them are tried at once."""

    def nobody(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    def noise(self):
        """Answers every connection with bytes that are no frames."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(bytes(range(255, -1, -1)) * 16)

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    def test_unavailable_names_the_gateway(self):
        ports = {"nobody listens": self.nobody(), "sends garbage": self.noise(),
                 "refuses": self.papergate("--refuse").port, "hangs": self.papergate("--hang").port}
        loads = {}
        for name, port in ports.items():
            self.home = self.path(name.replace(" ", "-"))
            self.start_layers("127.0.0.1:%d" % port)
            loads[name] = self.start("millrace", "data", "load", "SPX", "1d", "--patience", "3s")
        for name, load in loads.items():
            with self.subTest(name):
                load.code = load.wait(120)
                self.check_one_line(load, "127.0.0.1:%d" % ports[name], code=UNAVAILABLE)


class FaultyRepliesTest(MeshCase):
    """Faults in the middle of a load, which the layers above overcome."""

    FAULTS = [["--garbage-frame", "1"], ["--garbage-length", "1"], ["--pacing-error", "1"],
              ["--disconnect-after", "4"], ["--one-byte-writes"]]

    def test_the_load_ends_with_every_row(self):
        for flags in self.FAULTS:
            with self.subTest(" ".join(flags)):
                self.home = self.path("home" + flags[0])
                self.set_papergate_flags(*flags)
                mesh = self.up()
                self.ok("data", "load", "SPX", "1d")
                self.assertEqual(self.export("SPX", "1d"), file_rows(SPX))
                mesh.end()


if __name__ == "__main__":
    unittest.main()
