"""--deadline: carried down to the gateway's request; the error says how long each layer had it."""

import re
import unittest

from mesh_processes import MeshCase, read_log


class DeadlineTest(MeshCase):
    def setUp(self):
        super().setUp()
        self.log = self.set_papergate_flags("--latency-ms", "60000")
        self.up()

    def test_each_layer_says_what_it_used(self):
        done = self.millrace("data", "load", "SPX", "1d", "--from", "2020-01-01", "--to",
                             "2020-02-01", "--deadline", "400ms")
        self.check_one_line(done, "DEADLINE_EXCEEDED", code=1)
        used = {layer: int(ms) for layer, ms in re.findall(r"(\w+) had it for (\d+) ms",
                                                           done.stderr())}
        self.assertEqual(set(used), {"IbHost", "DataAdapter"}, done.stderr())
        self.assertLessEqual(used["IbHost"], used["DataAdapter"])
        self.assertLess(used["DataAdapter"], 400)

    def test_it_reaches_the_gateway(self):
        self.millrace("data", "load", "SPX", "1d", "--from", "2020-01-01", "--to", "2020-02-01",
                      "--deadline", "300ms")
        self.assertEqual(len(read_log(self.log, "cancelHistoricalData")), 1)

    def test_a_command_that_starts_nothing_gives_up(self):
        done = self.millrace("data", "watch", "SPX", "1d", "--deadline", "300ms")
        self.check_one_line(done, "DEADLINE_EXCEEDED", code=1)


if __name__ == "__main__":
    unittest.main()
