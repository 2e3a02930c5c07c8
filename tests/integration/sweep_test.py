"""Each socket read, each write of the store and each operation of gRPC that a load makes fails in turn: no program dies
or hangs, no row is wrong, and afterwards all is as if nothing had been. Some of them here; each one, in a quarter of an
hour, by

    bazel test --test_env=MILLRACE_SWEEP=1 --test_timeout=3600 //tests/integration:sweep_test
"""

import errno
import mmap
import os
import struct
import unittest

from made_up import LongSeries
from mesh_processes import file_rows, wait_for
from served import LayersCase

KINDS = ["recv", "send", "recvmsg", "sendmsg", "pread", "pwrite", "fdatasync"]
ROW = struct.Struct("=qqqq")
# How many calls of a kind are tried, evenly; MILLRACE_SWEEP=1: each of them.
EACH = os.environ.get("MILLRACE_SWEEP") == "1"
TRIED = {"recv": 6, "send": 4, "recvmsg": 6, "sendmsg": 6, "pwrite": 6, "fdatasync": 3, "pread": 3}


class Faults:
    """The table of one program; see tests/faulty/faulty.c."""

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.write(ROW.pack(0, -1, 0, 0) * len(KINDS))
            file.flush()
            self.table = mmap.mmap(file.fileno(), ROW.size * len(KINDS))

    def env(self):
        return {"LD_PRELOAD": os.path.abspath("tests/faulty/libfaulty.so"), "FAULTY": self.path}

    def row(self, kind):
        return ROW.unpack_from(self.table, KINDS.index(kind) * ROW.size)

    def _set(self, kind, *values):
        struct.pack_into("=%dq" % len(values), self.table, KINDS.index(kind) * ROW.size + 8, *values)

    def calls(self):
        return {kind: self.row(kind)[0] for kind in KINDS}

    def arm(self, kind, before, error):
        self._set(kind, -1, error, 0)
        self._set(kind, before)

    def disarm(self, kind):
        """Whether it has failed."""
        self._set(kind, -1)
        return self.row(kind)[3] > 0


@unittest.skipIf("KEEPS_MEMORY" in os.environ, "a sanitizer wants to be the first that is loaded")
class SweepTest(LayersCase):
    ERRORS = {"pread": [errno.EIO], "pwrite": [errno.EIO, errno.ENOSPC], "fdatasync": [errno.EIO]}
    WINDOW = ["--from", "2018-01-01", "--to", "2018-12-01"]  # a few segments

    def setUp(self):
        super().setUp()
        self.series = LongSeries(self.path("market"))
        self.gateway = self.papergate(market=self.series.market)
        self.faults = {"backend": Faults(self.path("backend.faults")), "host": Faults(self.path("host.faults"))}
        self.start_layers(self.gateway.address)
        self.rows = [row for row in file_rows(self.series.path) if row[0] < self.WINDOW[3]]

    def serve(self, program, unix, *flags, **options):
        faults = self.faults["host" if "host" in program else "backend"]
        return super().serve(program, unix, *flags, env={**self.env(), **faults.env()}, **options)

    def load(self):
        return self.millrace("data", "load", LongSeries.SYMBOL, "1h", *self.WINDOW, "--patience", "20s", "--output=json")

    def begin_anew(self):
        self.ok("data", "delete", LongSeries.SYMBOL, "1h", "--yes")

    def calls_of_a_load(self):
        """How many calls each program makes for one."""
        before = {name: faults.calls() for name, faults in self.faults.items()}
        self.assertEqual(self.load().code, 0)
        counts = {name: {kind: calls - before[name][kind] for kind, calls in faults.calls().items()}
                  for name, faults in self.faults.items()}
        self.begin_anew()
        return counts

    def check_stored(self):
        self.assertEqual(self.export(LongSeries.SYMBOL, "1h"), self.rows)
        self.assertEqual(self.json("data", "gaps", LongSeries.SYMBOL, "1h", *self.WINDOW), [])

    def try_one(self, program, kind, before, error):
        faults = self.faults[program]
        faults.arm(kind, before, error)
        load = self.load()
        failed = faults.disarm(kind)
        if load.code == 0:
            self.check_stored()
        else:
            self.assertTrue(failed, load.transcript()[-2000:])
            self.assertIn("millrace: ", load.stderr(), "it says why")
        for process in (self.backend, self.host):
            self.assertTrue(process.running(), process.transcript()[-4000:])
        # What could not be written is tried again a second later; until then a load joins the one that has no outcome.
        wait_for(lambda: self.load().code == 0, "load that goes well")
        self.check_stored()
        self.begin_anew()
        return failed

    def sweep(self, program, kinds):
        counts = self.calls_of_a_load()[program]
        self.assertTrue(all(counts[kind] for kind in kinds), counts)
        for kind in kinds:
            tried = counts[kind] if EACH else min(TRIED[kind], counts[kind])
            places = sorted({i * counts[kind] // tried for i in range(tried)})
            met = 0
            for n, before in enumerate(places):
                errors = self.ERRORS.get(kind, [errno.ECONNRESET])
                error = errors[n % len(errors)]
                with self.subTest(program=program, kind=kind, before=before, error=errno.errorcode[error]):
                    met += self.try_one(program, kind, before, error)
            self.assertGreater(met, 0, "no %s of %s has failed" % (kind, program))

    def test_what_the_host_reads_and_writes(self):
        self.sweep("host", ["recv", "send", "recvmsg", "sendmsg"])

    def test_what_the_backend_says_and_hears(self):
        self.sweep("backend", ["recvmsg", "sendmsg", "recv", "send"])

    def test_what_the_store_writes(self):
        self.sweep("backend", ["pwrite", "pread"])


if __name__ == "__main__":
    unittest.main()
