"""What a machine does to a mesh: disk full, a read-only store, a clock that jumps, a torn journal."""

import glob
import json
import os
import shutil
import signal
import stat
import unittest

from counting import CountingCase, difference
from mesh_processes import (MARKET, bear_full_disks, children, file_rows, fill_disk,
                            obey_permissions, outcome, wait_for)


class DiskFullTest(CountingCase):
    def test_nothing_that_was_acknowledged_is_lost(self):
        self.start_counter()
        self.mesh = self.up(before_exec=bear_full_disks)
        name = self.count(to=100000, stepUs=100, checkpointEvery=1)
        watcher = self.watch(name)
        watcher.line(lambda line: json.loads(line).get("checkpoint", {}).get("position") == 20,
                     "20th checkpoint")
        fill_disk([self.mesh.pid, *children(self.mesh.pid).values()],
                  os.path.getsize(self.home + "/millrace.db-wal"))
        self.assertNotEqual(watcher.wait(), 0, watcher.transcript())
        self.assertIn("disk is full", watcher.stderr())
        seen = watcher.json_lines()
        self.mesh.end()

        self.mesh = self.up()  # with room again
        journal = wait_for(lambda: [e for e in self.journal(name)], "journal")
        wait_for(lambda: any("adopted" in e for e in self.journal(name)), "adoption")
        journal = self.journal(name)
        durable = [event for event in seen if event["eventClass"] == "DURABLE"]
        self.assertGreaterEqual(len(durable), 20)
        self.assertIsNone(difference(durable, journal[:len(durable)]))
        self.ok("ops", "cancel", name)


class ReadOnlyTest(CountingCase):
    def test_says_so_and_leaves_it_alone(self):
        mesh = self.up()
        self.ok("data", "load", "SPX", "1d")
        mesh.end()
        for path in glob.glob(self.home + "/millrace.db*"):
            os.chmod(path, stat.S_IRUSR)
        self.refused("millrace-backend", "--home", self.home, "--ib-host", "unix:/tmp/none",
                     "--listen", "unix:" + self.path("b.sock"), words=["millrace.db"], code=75,
                     before_exec=obey_permissions)


class ClockTest(CountingCase):
    """The wall clock of the backend jumps an hour, to either side, while work runs."""

    def setUp(self):
        super().setUp()
        self.clock = self.path("clock")
        self.set_clock(0)
        self.start_counter()
        self.mesh = self.up(env={"MILLRACE_TEST_CLOCK": self.clock})

    def set_clock(self, offset_s):
        with open(self.clock + ".new", "w") as file:
            file.write(str(offset_s))
        os.rename(self.clock + ".new", self.clock)

    def jump(self, offset_s):
        name = self.count(to=200, stepUs=5000, checkpointEvery=10,
                          start={"detached": True, "deadlineMs": 60000})
        watcher = self.watch(name)
        watcher.line(lambda line: '"checkpoint"' in line, "checkpoint")
        self.set_clock(offset_s)
        self.assertEqual(watcher.wait(), 0, watcher.transcript())
        self.assertIsNone(difference(watcher.json_lines(), self.journal(name)))
        done = outcome(self.json("data", "load", "SPX", "1d"))
        self.assertIn("succeeded", done)
        self.assertEqual(self.export("SPX", "1d"), file_rows(MARKET + "/SPX-1d.csv"))

    def test_forward(self):
        self.jump(3600)

    def test_back(self):
        self.jump(-3600)


class TornJournalTest(CountingCase):
    """The machine lost power while the journal was written: the files end in the middle of a page."""

    def crash_while_counting(self):
        self.start_counter()
        mesh = self.up()
        name = self.count(to=100000, stepUs=500, checkpointEvery=1)
        watcher = self.watch(name)
        watcher.line(lambda line: json.loads(line).get("checkpoint", {}).get("position") == 50,
                     "50th checkpoint")
        backend = children(mesh.pid)["millrace-backend"]
        os.kill(mesh.pid, signal.SIGSTOP)  # nobody starts it again
        os.kill(backend, signal.SIGKILL)
        wait_for(lambda: not children(mesh.pid).get("millrace-backend"), "end of the backend")
        kept = self.path("kept")
        os.mkdir(kept)
        for path in glob.glob(self.home + "/millrace.db*"):
            shutil.copy(path, kept)
        os.kill(mesh.pid, signal.SIGCONT)
        mesh.end()
        watcher.end()
        self.home = self.path("home-after")
        os.mkdir(self.home)
        return name, kept

    def restore(self, kept, cut):
        for path in glob.glob(self.home + "/millrace.db*"):
            os.unlink(path)
        for path in glob.glob(kept + "/millrace.db*"):
            shutil.copy(path, self.home)
            if path.endswith("-wal"):
                os.truncate(os.path.join(self.home, "millrace.db-wal"), cut)

    def test_a_cut_log_is_a_shorter_journal(self):
        name, kept = self.crash_while_counting()
        size = os.path.getsize(kept + "/millrace.db-wal")
        for cut in [size - 1, size - 5000, size // 2 + 17, size // 3]:
            with self.subTest("%d of %d bytes" % (cut, size)):
                self.restore(kept, cut)
                self.restart_counter()  # it would know how the count ended in the trial before
                mesh = self.up()
                try:
                    journal = self.journal(name)
                    numbers = [int(event["sequence"]) for event in journal]
                    self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
                    self.ok("ops", "cancel", name)
                finally:
                    mesh.end()

    def test_a_damaged_file_is_refused(self):
        self.crash_while_counting()
        for path in glob.glob(self.path("kept") + "/millrace.db"):
            shutil.copy(path, self.home)
        with open(self.home + "/millrace.db", "r+b") as file:
            file.write(b"no database at all, but a text of some length" * 100)
        self.refused("millrace-backend", "--home", self.home, "--ib-host", "unix:/tmp/none",
                     "--listen", "unix:" + self.path("b.sock"),
                     words=["millrace.db", "damaged"], code=2)


if __name__ == "__main__":
    unittest.main()
