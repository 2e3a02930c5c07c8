"""Which process a layer is in is configuration: the same load, with its layers apart."""

import os
import unittest

from mesh_processes import outcome
from served import ServedCase


class LinksTest(ServedCase):
    """A front whose next layer is in the backend that ServedCase started."""

    def front(self, *flags):
        """A second backend, in a home of its own; returns its address."""
        home = self.path("front")
        os.makedirs(home)
        unix = "unix:" + os.path.join(home, "b.sock")
        self.serve("millrace-backend", unix, "--home", home, "--ib-host", "unix:" + home + "/no.sock",
                   *flags)
        return unix

    def bars(self, address):
        listed = self.json("data", "list", "--backend", address)
        return {one["symbol"]: int(one["bars"]) for one in listed}

    def test_the_adapter_is_elsewhere(self):
        front = self.front("--data-adapter", self.backend_unix)
        done = outcome(self.json("data", "load", "SPX", "1d", "--backend", front))
        self.assertEqual(int(done["succeeded"]["load"]["barsStored"]), 5105)
        self.assertEqual(self.bars(front), {"SPX": 5105})  # the front's manager keeps them
        self.assertEqual(self.bars(self.backend_unix), {})

    def test_the_manager_is_elsewhere(self):
        front = self.front("--data-manager", self.backend_tcp)
        done = outcome(self.json("data", "load", "SPX", "1d", "--backend", front))
        self.assertEqual(int(done["succeeded"]["load"]["barsStored"]), 5105)
        self.assertEqual(self.bars(self.backend_unix), {"SPX": 5105})

    def test_a_layer_that_is_away_is_named(self):
        front = self.front("--data-manager", "unix:/nonexistent/manager.sock")
        refused = self.millrace("data", "load", "SPX", "1d", "--backend", front)
        self.assertEqual(refused.code, 4)
        self.assertIn("link data-manager (unix:/nonexistent/manager.sock)", refused.transcript())


if __name__ == "__main__":
    unittest.main()
