"""The store of a mesh: locked by others, damaged, lost, under a clock that jumps; and what a training
host keeps for as long as the store refers to it."""

import glob
import os
import signal
import sqlite3
import time
import unittest

from counting import CountingCase
from mesh_processes import MeshCase, children, outcome, wait_for
from training import TrainingCase, epochs_of

YEAR_S = 365 * 86400


def connect(home):
    return sqlite3.connect(os.path.join(home, "millrace.db"), timeout=30, isolation_level=None)


def read_log(home, name):
    with open(os.path.join(home, "log", name + ".log"), errors="replace") as file:
        return file.read()


class LockTest(CountingCase):
    """Another process holds the store for writing, as some backups do."""

    def test_work_waits_for_it(self):
        self.start_counter()
        self.up()
        for timeframe in ["1h", "1d"]:
            for symbol in ["SPX", "EURUSD"]:
                self.millrace("data", "load", symbol, timeframe)
        ended = [op["name"] for op in self.json("ops", "list")]
        self.assertEqual(len(ended), 4)
        name = self.count(to=200, stepUs=1000, checkpointEvery=1)
        watcher = self.watch(name)
        watcher.line(lambda line: '"checkpoint"' in line, "checkpoint")
        other = connect(self.home)
        other.execute("BEGIN IMMEDIATE")
        held = wait_for(lambda: "is held by another process" in read_log(self.home, "backend"),
                        "line about the other process")
        self.assertTrue(held)
        before = len(self.journal(name))  # who reads does not wait
        self.assertLess(before, 200)
        deletes = [self.start("millrace", "ops", "delete", one) for one in ended]
        for _ in range(20):  # not for those who wait to write either
            self.assertEqual(len(self.journal(name)), before)
        other.execute("ROLLBACK")
        other.close()
        self.assertEqual([delete.wait() for delete in deletes], [0] * 4)
        self.assertEqual(watcher.wait(), 0, watcher.transcript())
        self.assertIn("succeeded", outcome(watcher.json_lines()))
        self.assertIn("is free again", read_log(self.home, "backend"))

    def test_who_leaves_does_not(self):
        """What the lock held back goes on in the next process."""
        self.start_counter()
        mesh = self.up()
        name = self.count(to=50, stepUs=1000, checkpointEvery=1)
        watcher = self.watch(name)
        watcher.line(lambda line: '"checkpoint"' in line, "checkpoint")
        other = connect(self.home)
        other.execute("BEGIN IMMEDIATE")
        wait_for(lambda: "is held by another process" in read_log(self.home, "backend"),
                 "line about the other process")
        backend = children(mesh.pid)["millrace-backend"]
        os.kill(backend, signal.SIGTERM)
        wait_for(lambda: children(mesh.pid).get("millrace-backend") != backend, "its end")
        other.execute("ROLLBACK")
        other.close()
        self.assertEqual(watcher.wait(), 0, watcher.transcript())
        self.assertIn("succeeded", outcome(watcher.json_lines()))


class HarmTest(MeshCase):
    """What was there is not taken for a first start, nor what is damaged for nothing."""

    def loaded(self):
        mesh = self.up()
        self.ok("data", "load", "SPX", "1d")
        return mesh

    def refused_up(self, *words):
        self.refused("millrace", "up", "--home", self.home, "--output=text", words=words)

    def test_a_database_that_is_gone(self):
        self.loaded().end()
        os.unlink(self.home + "/millrace.db")
        self.refused_up("millrace.db", "missing", "remove", "millrace.db.id")
        self.assertFalse(os.path.exists(self.home + "/millrace.db"))
        os.unlink(self.home + "/millrace.db.id")
        self.up()
        self.assertEqual(self.json("data", "list"), [])

    def test_a_log_that_is_gone(self):
        mesh = self.loaded()
        backend = children(mesh.pid)["millrace-backend"]
        os.kill(mesh.pid, signal.SIGSTOP)  # nobody starts it again
        os.kill(backend, signal.SIGKILL)
        wait_for(lambda: not children(mesh.pid).get("millrace-backend"), "end of the backend")
        os.unlink(self.home + "/millrace.db-wal")
        os.kill(mesh.pid, signal.SIGCONT)
        self.assertNotEqual(mesh.wait(), 0)  # it starts the backend again, which refuses
        self.refused_up("millrace.db", "log", "lost", "millrace.db.id")
        os.unlink(self.home + "/millrace.db.id")
        self.up()

    def test_damage_is_not_no_bars(self):
        mesh = self.loaded()
        mesh.end()
        database = connect(self.home)
        size, = database.execute("PRAGMA page_size").fetchone()
        page, = database.execute("SELECT rootpage FROM sqlite_master WHERE name='bars'").fetchone()
        database.close()
        with open(self.home + "/millrace.db", "r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xa5" * size)
        self.up()
        for command in [("data", "load", "SPX", "1d"), ("data", "load", "SPX", "1d", "--to",
                                                        "2020-01-01"),
                        ("data", "export", "SPX", "1d")]:
            done = self.millrace(*command)
            self.assertEqual(done.code, 1, done.transcript())
            self.assertIn("damaged", done.stderr())
            self.assertIn("integrity_check", done.stderr())
            self.assertNotIn("no bars", done.stderr())

    def test_a_missing_event(self):
        mesh = self.loaded()
        name = self.json("ops", "list")[0]["name"]
        mesh.end()
        database = connect(self.home)
        for table in ["recent", "events"]:
            database.execute("DELETE FROM %s WHERE sequence=2" % table)
        database.close()
        self.up()
        for command in ["events", "watch"]:
            done = self.millrace("ops", command, name, "--output=json")
            self.assertEqual(done.code, 1, done.transcript())
            self.assertEqual([int(event["sequence"]) for event in done.json_lines()
                              if event.get("eventClass") == "DURABLE"], [1])
            self.assertIn("event 2 is missing", done.stderr())
        rest = self.json("ops", "watch", name, "--after", "2")
        self.assertEqual(int(rest[0]["sequence"]), 3)
        self.assertIn("outcome", rest[-1])


class ManyTest(MeshCase):
    def test_a_list_of_many_is_whole(self):
        """The backend reads it in pages, each of a few hundred."""
        mesh = self.up()
        self.ok("data", "load", "SPX", "1d")
        mesh.end()
        database = connect(self.home)
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700) "
            "INSERT INTO operations(name, state, detached, epoch, last_sequence, source_epoch, "
            " source_sequence, created_ns, updated_ns, kind, title, work_key, labels, requested_by,"
            " outcome, ended_age_s) "
            "SELECT 'load-' || i, 3, 0, 1, 0, 0, 0, created_ns + i / 3, updated_ns, kind, title, '',"
            " '', '', outcome, 0 FROM operations, n WHERE name NOT LIKE '%-___'")
        made, = database.execute("SELECT count(*) FROM operations").fetchone()
        wanted = [name for name, in database.execute(
            "SELECT name FROM operations ORDER BY created_ns DESC, name")]
        database.close()
        self.assertGreater(made, 600)
        self.up()
        names = [op["name"] for op in self.json("ops", "list", "--limit", "1000")]
        self.assertEqual(names, wanted)
        names = [op["name"] for op in self.json("ops", "list", "--limit", "601")]
        self.assertEqual(names, wanted[:601])


class DamagedRecordsTest(TrainingCase):
    """A record that cannot be read is shown as damaged, and ends no list."""

    def test_lists_go_on(self):
        self.train(name="first", epochs=1)
        self.train(name="second", epochs=1)
        self.mesh.end()
        database = connect(self.home)
        database.execute("UPDATE models SET about=zeroblob(100) WHERE name='first'")
        database.execute("UPDATE operations SET outcome=x'ffff' WHERE kind='load'")
        database.close()
        self.mesh = self.up()
        models = {model["name"]: model["damaged"] for model in self.json("models", "list")}
        self.assertEqual(models, {"first": "what is stored of it", "second": ""})
        self.check_one_line(self.millrace("models", "show", "first"), "first", "damaged", code=1)
        self.assertIn("(damaged)", self.ok("models", "list", "--output=text").stdout())
        operations = self.json("ops", "list")
        self.assertEqual([op["damaged"] for op in operations], ["", "", "outcome"])
        self.assertEqual(operations[2]["state"], "SUCCEEDED")
        self.ok("models", "delete", "first")
        self.assertEqual([model["name"] for model in self.json("models", "list")], ["second"])


class OutsideReaderTest(MeshCase):
    def test_a_backup_is_in_nobodys_way(self):
        """The log grows while it reads, and is small again once it has ended."""
        self.set_papergate_flags()
        self.up(env={"MILLRACE_STORE_LOG_MIB": "1", "MILLRACE_GATEWAY_MESSAGES_PER_S": "0"})
        self.ok("data", "load", "SPX", "1d")
        log = self.home + "/millrace.db-wal"
        other = connect(self.home)
        other.execute("BEGIN")
        rows, = other.execute("SELECT count(*) FROM bars").fetchone()
        self.ok("data", "load", "EURUSD", "1h")
        self.ok("data", "load", "SYNA", "1m", "--from", "2023-01-01", "--to", "2023-03-01")
        self.assertGreater(os.path.getsize(log), 2 << 20)
        self.assertEqual(other.execute("SELECT count(*) FROM bars").fetchone(), (rows,))
        other.execute("COMMIT")
        other.close()
        wait_for(lambda: os.path.getsize(log) < 2 << 20, "small log")


class AgeTest(CountingCase):
    """One start under a clock that is a year ahead, as with a dead battery, then the right time."""

    def test_nothing_is_forgotten(self):
        clock = self.path("clock")
        self.start_counter()
        for offset_s in [0, YEAR_S, 0]:
            with open(clock, "w") as file:
                file.write(str(offset_s))
            mesh = self.up(env={"MILLRACE_TEST_CLOCK": clock, "MILLRACE_LOG_LEVEL": "debug"})
            if not self.json("ops", "list"):
                self.ok("data", "load", "SPX", "1d")
            wait_for(lambda: "old operations" in read_log(self.home, "backend"), "retention")
            self.assertEqual([op["state"] for op in self.json("ops", "list")], ["SUCCEEDED"])
            mesh.end()


class CheckpointsTest(TrainingCase):
    """Files that look old stay for as long as something refers to them."""

    def checkpoints(self, name=""):
        return os.path.join(self.home, "checkpoints", name)

    def make_old(self, name):
        before = time.time() - 40 * 86400
        os.utime(self.checkpoints(name), (before, before))

    def training(self, seed):
        """A detached one that has made a checkpoint; its name."""
        events = self.json("train", self.strategy(epochs=100000), "--checkpoint-epochs", "1",
                           "--seed", str(seed), "--detach")
        name = events[0]["operation"]
        wait_for(lambda: any("checkpoint" in event for event in self.json("ops", "events", name)),
                 "checkpoint in the journal")
        return name

    def test_what_is_referred_to_stays(self):
        cancelled = self.training(seed=1)
        self.ok("ops", "cancel", cancelled)
        running = self.training(seed=2)
        self.mesh.end()
        os.mkdir(self.checkpoints("train-nobody"))
        with open(self.checkpoints("train-nobody/1-x.checkpoint"), "w") as file:
            file.write("left")
        for name in [cancelled, running, "train-nobody"]:
            self.make_old(name)
        kept = set(glob.glob(self.checkpoints(cancelled) + "/*"))

        self.mesh = self.up()
        wait_for(lambda: not os.path.exists(self.checkpoints("train-nobody")), "tidying up")
        self.assertEqual(set(glob.glob(self.checkpoints(cancelled) + "/*")), kept)
        events = self.json("ops", "events", running)
        adopted = max(i for i, event in enumerate(events) if "adopted" in event)
        after = wait_for(lambda: epochs_of(self.json("ops", "events", running)[adopted:]), "epoch")
        self.assertGreater(after[0], 1, [event["log"] for event in self.json(
            "ops", "events", running)[adopted:] if "log" in event])
        self.ok("ops", "cancel", running)
        resumed = self.json("ops", "resume", cancelled, "--detach")[0]["operation"]
        first = wait_for(lambda: epochs_of(self.json("ops", "events", resumed)), "epoch")
        self.assertGreater(first[0], 1)
        self.ok("ops", "cancel", resumed)


if __name__ == "__main__":
    unittest.main()
