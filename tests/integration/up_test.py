"""millrace up: starts, tells, restarts and ends the programs of a mesh."""

import os
import signal
import socket
import stat
import time
import unittest

from mesh_processes import MARKET, MeshCase, children, events, obey_permissions, read_log, wait_for

PROGRAMS = {"papergate", "millrace-ib-host", "millrace-training-host", "millrace-backend"}


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # before the file is opened, or just behind
        return True


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def told(mesh, name, *words):
    return any(all(word in one["detail"] for word in words) for one in events(mesh, name))


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

    def test_a_kill_as_it_starts_leaves_nobody(self):
        """The parent is dead before the child can ask to die with it, or just after."""
        for count in range(1, len(PROGRAMS) + 1):
            with self.subTest(started=count):
                mesh = self.start("millrace", "up", "--papergate-market", MARKET)
                mesh.line(lambda line: len(events(mesh, "started")) >= count, "start")
                mesh.signal(signal.SIGKILL)
                mesh.wait()
                pids = [int(one["detail"].split()[1]) for one in events(mesh, "started")]
                wait_for(lambda: all(gone(pid) for pid in pids), "end of the children")
                self.assertEqual(set(children(os.getpid())) & PROGRAMS, set())
        self.up()

    def test_ends_what_a_killed_up_left(self):
        script = os.path.join(self.bin, "papergate")
        real = os.path.realpath(script)
        os.unlink(script)
        obey = self.path("obey")
        with open(script, "w") as file:  # it hears of the end, and stays
            file.write("#!/bin/sh\ntrap '[ -e %s ] && exit' TERM\n"
                       '%s "$@" &\nwhile :; do wait; done\n' % (obey, real))
        os.chmod(script, 0o755)
        mesh = self.up()
        stays = int([one for one in events(mesh, "started") if one["piece"] == "papergate"]
                    [0]["detail"].split()[1])
        others = [pid for pid in children(mesh.pid).values() if pid != stays]
        mesh.signal(signal.SIGKILL)
        mesh.wait()
        wait_for(lambda: all(gone(pid) for pid in others), "end of the others")
        self.assertFalse(gone(stays))
        open(obey, "w").close()
        again = self.up()
        self.assertTrue(gone(stays))
        told = [(one["piece"], one["detail"].split(",")[0]) for one in events(again, "ended")]
        self.assertEqual(told, [("papergate", "pid %d" % stays)])

    def test_sigterm_is_an_orderly_end(self):
        mesh = self.up()
        mesh.signal(signal.SIGTERM)
        self.assertEqual(mesh.wait(), 0)
        self.assertEqual(events(mesh, "stopped")[0]["piece"], "mesh")

    def test_no_signal_of_others_makes_a_program_deaf(self):
        """SIGUSR2 ends each program, as it ends any: none takes it for something of its own."""
        mesh = self.up()
        for name, pid in children(mesh.pid).items():
            os.kill(pid, signal.SIGUSR2)
            wait_for(lambda: gone(pid), "end of " + name)
        mesh.signal(signal.SIGUSR2)
        self.assertEqual(mesh.wait(), -signal.SIGUSR2)

    def test_nobody_gets_papergates_port(self):
        mesh = self.up()
        dead = children(mesh.pid)["papergate"]
        with open("/proc/%d/cmdline" % dead) as file:
            words = file.read().split("\0")
        port = int(words[words.index("--port") + 1])
        mesh.signal(signal.SIGSTOP)  # papergate stays dead as long as we look
        os.kill(dead, signal.SIGKILL)
        wait_for(lambda: gone(dead), "end of papergate")
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with self.assertRaises(OSError):
                other.bind(("127.0.0.1", port))
        mesh.signal(signal.SIGCONT)
        wait_for(lambda: self.millrace("status").code == 0, "healthy mesh")
        self.assertTrue(mesh.running())

    def test_what_gets_in_the_way_later_goes_away(self):
        """A port that somebody takes while the backend is away does not end the mesh, nor does a store
        that may not be written for a while."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        mesh = self.up("--listen", "127.0.0.1:%d" % port, before_exec=obey_permissions)
        store = os.path.join(self.home, "millrace.db")
        mesh.signal(signal.SIGSTOP)
        os.kill(children(mesh.pid)["millrace-backend"], signal.SIGKILL)
        wait_for(lambda: not listens(port), "free port")
        with socket.create_server(("127.0.0.1", port)):
            mesh.signal(signal.SIGCONT)
            wait_for(lambda: told(mesh, "died", "code 75", str(port)), "backend without a port")
        wait_for(lambda: self.millrace("status").code == 0, "healthy mesh")
        os.chmod(store, 0o400)
        os.kill(children(mesh.pid)["millrace-backend"], signal.SIGKILL)
        wait_for(lambda: told(mesh, "died", "code 75", "millrace.db"), "backend without a store")
        os.chmod(store, 0o600)
        wait_for(lambda: self.millrace("status").code == 0, "healthy mesh")
        self.assertTrue(mesh.running())

    def test_names_and_replaces_what_does_not_answer(self):
        mesh = self.up(env={"MILLRACE_UP_HEALTH_INTERVAL_MS": "100",
                            "MILLRACE_UP_HEALTH_TIMEOUT_MS": "500",
                            "MILLRACE_UP_HEALTH_LIMIT_MS": "1500"})
        for program in sorted(PROGRAMS):
            with self.subTest(program):
                stopped = children(mesh.pid)[program]
                os.kill(stopped, signal.SIGSTOP)
                wait_for(lambda: children(mesh.pid).get(program, stopped) != stopped, "another one")
                piece = program.replace("millrace-", "")
                for event in ["does not answer", "is killed"]:
                    self.assertIn(piece, [one["piece"] for one in events(mesh, event)])
        wait_for(lambda: self.millrace("status").code == 0, "healthy mesh")

    def test_a_stopped_backend_is_no_missing_mesh(self):
        mesh = self.up(env={"MILLRACE_UP_HEALTH_INTERVAL_MS": "0"})
        stopped = children(mesh.pid)["millrace-backend"]
        os.kill(stopped, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped, signal.SIGCONT)
        asked = [self.start("millrace", *words) for words in [["ops", "list"], ["data", "list"]]]
        for command in asked:
            command.code = command.wait()
            self.check_one_line(command, "does not answer", "backend.sock", str(mesh.pid), code=4)

    def test_a_backend_that_is_away_is_no_missing_mesh(self):
        mesh = self.up()
        mesh.signal(signal.SIGSTOP)  # what dies now stays dead
        dead = children(mesh.pid)["millrace-backend"]
        os.kill(dead, signal.SIGKILL)
        wait_for(lambda: gone(dead), "end of the backend")
        self.check_one_line(self.millrace("ops", "list"), "is away", str(mesh.pid),
                            os.path.join(self.home, "log", "backend.log"), code=4)
        mesh.signal(signal.SIGCONT)

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


OPEN = "is open to every user of this machine"


def walk(root):
    """Each path from `root` on, with what lstat() says of it."""
    yield root, os.lstat(root)
    for directory, below, files in os.walk(root):
        for name in below + files:
            path = os.path.join(directory, name)
            yield path, os.lstat(path)


class RefusalTest(MeshCase):
    """What cannot start ends at once, with the line that the program said."""

    def refuse(self, *flags, words, code):
        mesh = self.start("millrace", "up", "--papergate-market", MARKET, *flags)
        mesh.code = mesh.wait()
        self.check_one_line(mesh, *words, code=code)
        self.assertEqual(events(mesh, "died"), [])

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = "127.0.0.1:%d" % other.getsockname()[1]
            self.refuse("--listen", address, words=["backend", address, "in use"], code=5)

    def test_an_address_of_all_the_world(self):
        self.refuse("--listen", "0.0.0.0:4710", words=["backend", "0.0.0.0:4710", "loopback"],
                    code=2)

    def test_a_file_in_a_sockets_place(self):
        os.makedirs(os.path.join(self.home, "run"))
        for name in ["ib-host", "training-host", "backend"]:
            with self.subTest(name):
                path = os.path.join(self.home, "run", name + ".sock")
                open(path, "w").close()
                self.refuse(words=[name, path, "no socket"], code=2)
                os.unlink(path)

    def test_a_second_mesh(self):
        mesh = self.up()
        self.refuse(words=[self.home, str(mesh.pid)], code=5)

    def test_a_home_that_may_not_be_written(self):
        os.mkdir(self.home, 0o500)
        mesh = self.start("millrace", "up", before_exec=obey_permissions)
        mesh.code = mesh.wait()
        self.check_one_line(mesh, self.home, "Permission denied", code=5)

    def test_a_path_too_long_for_sockets(self):
        long = self.path("x" * 100)
        mesh = self.start("millrace", "up", "--home", long)
        mesh.code = mesh.wait()
        self.check_one_line(mesh, self.root, "unix socket", str(len(long)), code=2)

    def test_a_socket_that_was_left(self):
        mesh = self.up()
        os.kill(children(mesh.pid)["millrace-backend"], signal.SIGKILL)
        mesh.signal(signal.SIGKILL)
        mesh.wait()
        self.assertTrue(stat.S_ISSOCK(os.stat(os.path.join(self.home, "run/backend.sock")).st_mode))
        self.up()


class PrivateTest(MeshCase):
    def test_all_of_a_home_is_private_whatever_the_umask(self):
        for mask in [0o000, 0o002]:
            with self.subTest(umask="%03o" % mask):
                os.makedirs(self.home, mode=0o777, exist_ok=True)
                os.chmod(self.home, 0o777)
                mesh = self.up(before_exec=lambda: os.umask(mask))
                self.ok("data", "load", "SPX", "1d")
                for path, info in walk(self.home):
                    want = 0o700 if stat.S_ISDIR(info.st_mode) else 0o600
                    self.assertEqual(stat.S_IMODE(info.st_mode), want, path)
                mesh.end()

    def test_a_port_is_told_to_be_open(self):
        mesh = self.up("--listen", "127.0.0.1:0")
        self.assertEqual([one["piece"] for one in events(mesh, OPEN)], ["127.0.0.1:0"])
        with open(os.path.join(self.home, "log", "backend.log")) as file:
            self.assertIn("every user of this machine", file.read())


if __name__ == "__main__":
    unittest.main()
