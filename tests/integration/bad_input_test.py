"""Wrong requests, files, addresses, databases: one clear line, the right exit code, nothing lost."""

import os
import socket
import sqlite3
import unittest

from mesh_processes import MARKET, MeshCase, file_rows, obey_permissions, small_files
from served import ServedCase

FAILED, USAGE, NOT_FOUND, UNAVAILABLE, REFUSED = 1, 2, 3, 4, 5
SPX = MARKET + "/SPX-1d.csv"


class RequestTest(MeshCase):
    """Requests that cannot be met; the series that is stored stays as it is."""

    ROWS = [
        ("unknown symbol", ["load", "NOSUCH", "1d"], NOT_FOUND, ["NOSUCH"]),
        ("unknown timeframe", ["load", "SPX", "7m"], USAGE, ["7m", "1m"]),
        ("from after to", ["load", "SPX", "1d", "--from", "2001-01-02", "--to", "2001-01-01"],
         USAGE, ["2001-01-02", "2001-01-01"]),
        ("no date", ["load", "SPX", "1d", "--from", "yesterdy"], USAGE, ["yesterdy"]),
        ("no such day", ["load", "SPX", "1d", "--from", "2001-02-30"], USAGE, ["2001-02-30"]),
        ("unknown mode", ["load", "SPX", "1d", "--mode", "sideways"], USAGE, ["sideways"]),
        ("unknown flag", ["load", "SPX", "1d", "--frm", "2001-01-01"], USAGE, ["--frm"]),
        ("too few words", ["load", "SPX"], USAGE, []),
        ("export of what is not stored", ["export", "EURUSD", "1h"], NOT_FOUND, ["EURUSD"]),
        ("export to a directory that is missing",
         ["export", "SPX", "1d", "--out", "/nonexistent/spx.csv"], None, ["/nonexistent/spx.csv"]),
    ]

    def test_each_is_refused(self):
        self.up()
        self.ok("data", "load", "SPX", "1d")
        for name, words, code, named in self.ROWS:
            with self.subTest(name):
                self.check_one_line(self.millrace("data", *words), *named, code=code)
        self.check_one_line(self.millrace("ops", "show", "no-such"), "no-such", code=NOT_FOUND)
        self.check_one_line(self.millrace("ops", "cancel", "no-such"), "no-such", code=NOT_FOUND)
        self.assertEqual(self.export("SPX", "1d"), file_rows(SPX))

    def test_dates_outside_the_series_store_nothing(self):
        self.up()
        self.ok("data", "load", "SPX", "1d")
        for start, end in [("1950-01-01", "1951-01-01"), ("2023-01-01", "2024-01-01")]:
            with self.subTest(start):
                done = self.millrace("data", "load", "SPX", "1d", "--from", start, "--to", end)
                self.check_one_line(done, "SPX", start, end, code=NOT_FOUND)
        self.assertEqual(self.export("SPX", "1d"), file_rows(SPX))

    def test_without_a_mesh_a_command_says_how_to_start_one(self):
        for words in [["data", "list"], ["data", "load", "SPX", "1d"], ["ops", "list"], ["status"]]:
            with self.subTest(" ".join(words)):
                self.check_one_line(self.millrace(*words), "millrace up", code=UNAVAILABLE)


class MarketTest(MeshCase):
    """Directories that papergate cannot serve."""

    def market(self, *lines):
        directory = self.path("market")
        os.makedirs(directory, exist_ok=True)
        with open(directory + "/BAD-1d.csv", "w") as file:
            file.write("time_utc,open,high,low,close,volume\n" + "".join(l + "\n" for l in lines))
        return directory

    def check(self, directory, *words, **options):
        self.refused("papergate", "--port", "0", "--market", directory, words=words, **options)
        self.refused("millrace", "up", "--home", self.home, "--papergate-market", directory,
                     words=words, **options)

    def test_missing(self):
        self.check("/nonexistent/market", "/nonexistent/market")

    def test_a_file(self):
        self.check(SPX, SPX)

    def test_unreadable(self):
        directory = self.market("2020-01-02T00:00:00Z,1,2,0.5,1,10")
        os.chmod(directory, 0)
        self.addCleanup(os.chmod, directory, 0o755)
        self.check(directory, directory, before_exec=obey_permissions)

    def test_broken_lines(self):
        good = "2020-01-02T00:00:00Z,1,2,0.5,1,10"
        for name, bad in [("no number", "2020-01-03T00:00:00Z,1,x,0.5,1,10"),
                          ("no time", "soon,1,2,0.5,1,10"),
                          ("a field short", "2020-01-03T00:00:00Z,1,2,0.5,1"),
                          ("time goes back", "2020-01-01T00:00:00Z,1,2,0.5,1,10"),
                          ("high below low", "2020-01-03T00:00:00Z,1,0.5,2,1,10")]:
            with self.subTest(name):
                self.check(self.market(good, bad), "BAD-1d.csv:3")


class StartTest(MeshCase):
    """Programs that cannot start where they are told to."""

    def busy_port(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return str(listener.getsockname()[1])

    def test_a_port_in_use(self):
        port = self.busy_port()
        os.makedirs(self.home)
        self.refused("papergate", "--port", port, "--market", MARKET, words=[port])
        self.refused("millrace-ib-host", "--listen", "127.0.0.1:" + port, "--gateway",
                     "127.0.0.1:1", words=[port])
        self.refused("millrace-backend", "--home", self.home, "--listen", "127.0.0.1:" + port,
                     "--ib-host", self.socket("ib-host"), words=[port])

    def test_a_second_up_on_the_same_home(self):
        first = self.up()
        self.ok("data", "load", "SPX", "1d")
        self.refused("millrace", "up", "--home", self.home, "--papergate-market", MARKET,
                     words=[self.home], code=REFUSED)
        self.assertTrue(first.running())
        self.assertEqual(self.export("SPX", "1d"), file_rows(SPX))

    def test_an_address_that_is_not_ours_to_serve(self):
        self.refused("millrace-ib-host", "--listen", "0.0.0.0:0", "--gateway", "127.0.0.1:1",
                     words=["0.0.0.0"])

    def test_a_corrupt_database(self):
        os.makedirs(self.home)
        path = self.home + "/millrace.db"
        with open(path, "wb") as file:
            file.write(b"this is no database\n" * 1000)
        self.refused("millrace", "up", "--home", self.home, "--papergate-market", MARKET,
                     words=["millrace.db"])
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"this is no database\n" * 1000)

    def test_a_newer_database(self):
        mesh = self.up()
        self.ok("data", "load", "SPX", "1d")
        mesh.end()
        path = self.home + "/millrace.db"
        version = self.set_version(path, 9999)
        self.refused("millrace", "up", "--home", self.home, "--papergate-market", MARKET,
                     words=["millrace.db", "9999"])
        self.set_version(path, version)
        self.up()
        self.assertEqual(self.export("SPX", "1d"), file_rows(SPX))

    @staticmethod
    def set_version(path, version):
        """Returns the one before."""
        with sqlite3.connect(path) as database:
            before = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute("PRAGMA user_version = %d" % version)
        database.close()
        return before


class FullDiskTest(ServedCase):
    """A file size limit stands for the end of the disk."""

    def backend_options(self):
        return {"before_exec": small_files(4 << 20)}

    def test_what_was_stored_before_stays(self):
        self.ok("data", "load", "SPX", "1d")
        load = self.millrace("data", "load", "SYNBIG", "1m", "--from", "2020-01-01", "--to",
                             "2021-01-01")
        self.check_one_line(load, code=FAILED)
        self.assertRegex(load.stderr().lower(), "disk|full|space|too large|i/o")
        self.assertEqual(self.export("SPX", "1d"), file_rows(SPX))

        self.backend.end()
        self.start_backend()
        self.assertEqual(self.export("SPX", "1d"), file_rows(SPX))
        self.ok("data", "load", "EURUSD", "1h")
        self.assertEqual(self.export("EURUSD", "1h"), file_rows(MARKET + "/EURUSD-1h.csv"))


if __name__ == "__main__":
    unittest.main()
