"""millrace up: starts, tells, restarts and ends the programs of a mesh."""

import os
import signal
import time
import unittest

from mesh_processes import MeshCase, children, read_log, wait_for

PROGRAMS = {"papergate", "millrace-ib-host", "millrace-training-host", "millrace-backend"}


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class UpTest(MeshCase):
    def test_is_ready_within_a_second_of_its_own_clock(self):
        started = time.monotonic()
        self.up()
        ready_s = time.monotonic() - started
        print("ready after %.0f ms" % (ready_s * 1e3))
        self.assertLess(ready_s, 10)  # a sanitizer on a loaded machine is slow

    def test_ctrl_c_ends_all_of_it(self):
        mesh = self.up()
        pids = children(mesh.pid)
        self.assertEqual(set(pids), PROGRAMS)
        mesh.signal(signal.SIGINT)
        self.assertIn(mesh.wait(), [0, 130])
        self.assertTrue(all(gone(pid) for pid in pids.values()), pids)
        left = os.listdir(os.path.join(self.home, "run"))
        self.assertEqual([name for name in left if name.endswith(".sock")], [])

    def test_a_killed_up_takes_its_children_along(self):
        mesh = self.up()
        pids = children(mesh.pid)
        mesh.signal(signal.SIGKILL)
        mesh.wait()
        wait_for(lambda: all(gone(pid) for pid in pids.values()), "end of the children")
        self.up()

    def test_restarts_each_that_dies(self):
        mesh = self.up()
        for program in sorted(PROGRAMS):
            with self.subTest(program):
                dead = children(mesh.pid)[program]
                os.kill(dead, signal.SIGKILL)
                wait_for(lambda: children(mesh.pid).get(program, dead) != dead, "new " + program)
                wait_for(lambda: self.millrace("status").code == 0, "healthy mesh")

    def test_status_tells_of_every_layer(self):
        self.up()
        text = self.ok("status").stdout()
        for layer in ["backend", "ib-host", "gateway", "training-host"]:
            self.assertIn(layer, text)

    def test_call_reaches_any_method_by_reflection(self):
        log = self.set_papergate_flags()
        self.up()
        answers = self.ok("call", "millrace.v1.DataAdapter/ResolveContract",
                          '{"symbol": "SPX"}').json_lines()
        self.assertEqual([(one["symbol"], one["secType"]) for one in answers], [("SPX", "IND")])
        self.assertEqual(len(read_log(log, "reqContractDetails")), 1)

    def test_config_show_says_where_each_value_comes_from(self):
        shown = self.ok("config", "show", env={"MILLRACE_LOG_LEVEL": "warn"}).stdout()
        self.assertIn("MILLRACE_LOG_LEVEL", shown)
        self.assertIn("warn", shown)


if __name__ == "__main__":
    unittest.main()
