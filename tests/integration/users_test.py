"""Other users of the machine: what they can do to a home, and what becomes of it. Takes root, who can
be two users, outside of a sandbox, where nobody else is."""

import os
import socket
import subprocess
import unittest

from mesh_processes import MARKET, MeshCase, events

NOBODY = 65534
AS_NOBODY = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]


def can_be_two():
    """True where a file can be given away, and a program started as its new owner."""
    if os.geteuid() != 0:
        return False
    with open("/proc/self/uid_map") as file:
        return int(file.read().split()[2]) > NOBODY


@unittest.skipUnless(can_be_two(), "SKIPPED: it takes root outside of a user namespace")
class UsersTest(MeshCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.root, 0o1777)  # as /tmp is
        self.victim = self.path("victim")
        with open(self.victim, "w") as file:
            file.write("precious")
        os.chmod(self.victim, 0o600)

    def as_nobody(self, script):
        subprocess.run([*AS_NOBODY, "sh", "-c", script], check=True, cwd=self.root)

    def refused_here(self, *words):
        self.refused("millrace", "up", "--papergate-market", MARKET, words=words, code=5)
        with open(self.victim) as file:
            self.assertEqual(file.read(), "precious")

    def test_a_home_that_somebody_prepared(self):
        self.as_nobody("mkdir -p home/run home/log && ln -s %s home/run/up.lock && "
                       "ln -s %s home/log/backend.log" % (self.victim, self.victim))
        self.refused_here(self.home, str(NOBODY))

    def test_a_home_that_is_somebodys_link(self):
        os.mkdir(self.path("elsewhere"))
        self.as_nobody("ln -s elsewhere home")
        self.refused_here(self.home, "link", str(NOBODY))
        self.assertEqual(os.listdir(self.path("elsewhere")), [])

    def test_each_file_that_is_somebodys(self):
        """As if the home had once been open: a link and a file of theirs in each place."""
        mesh = self.up()
        self.ok("data", "load", "SPX", "1d")
        mesh.end()
        places = ["run", "log", "models", "checkpoints", "run/up.lock", "run/backend.lock",
                  "log/backend.log", "log/papergate.log", "millrace.db", "millrace.db.id",
                  "millrace.yaml"]
        for place in places:
            for kind in ["a link", "theirs"]:
                with self.subTest(place, kind=kind):
                    self.plant(os.path.join(self.home, place), kind)

    def plant(self, path, kind):
        aside = self.path("aside")
        kept = os.path.lexists(path)
        if kept:
            os.rename(path, aside)
        if kind == "a link":
            os.symlink(self.victim, path)
        elif os.path.isdir(aside):
            os.mkdir(path)
        else:
            open(path, "w").close()
        os.lchown(path, NOBODY, NOBODY)
        try:
            self.refused_here(path, str(NOBODY))
        finally:
            os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
            if kept:
                os.rename(aside, path)

    def test_ones_own_link_is_followed(self):
        os.mkdir(self.path("disk"))
        os.symlink("disk", self.home)
        self.up()
        self.ok("status")
        self.assertIn("millrace.db", os.listdir(self.path("disk")))

    def test_nobody_else_reaches_a_mesh(self):
        self.up(before_exec=lambda: os.umask(0))
        for name in ["backend", "ib-host", "training-host"]:
            done = subprocess.run(
                [*AS_NOBODY, "/usr/bin/python3", "-c",
                 "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])",
                 os.path.join(self.home, "run", name + ".sock")], capture_output=True, text=True)
            self.assertIn("Permission denied", done.stderr)

    def test_a_command_trusts_no_home_of_somebody_else(self):
        """Their socket would answer whatever they like."""
        self.as_nobody("mkdir -p home/run")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(os.path.join(self.home, "run", "backend.sock"))
        listener.listen()
        self.check_one_line(self.millrace("ops", "list"), self.home, str(NOBODY), code=5)

    def test_another_user_is_told_whose_home_it_is(self):
        self.up()
        done = subprocess.run(
            [*AS_NOBODY, os.path.realpath(os.path.join(self.bin, "millrace")), "ops", "list"],
            env=self.env(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("uid 0", done.stderr)

    # ---- file systems of the home's own ----

    def up_on(self, options, *words, script="true"):
        """`up` whose home is a file system of its own, which nobody but `up` sees."""
        os.makedirs(self.home)
        millrace = os.path.join(self.bin, "millrace")
        mesh = self.start("millrace-on", "mount -t tmpfs -o mode=0700,%s none %s && %s && "
                          "exec %s up --papergate-market %s" %
                          (options, self.home, script, millrace, MARKET))
        mesh.code = mesh.wait()
        self.check_one_line(mesh, self.home, *words)

    def start(self, program, *args, **options):
        if program != "millrace-on":
            return super().start(program, *args, **options)
        path = os.path.join(self.bin, program)
        with open(path, "w") as file:
            file.write("#!/bin/sh\nexec unshare -m sh -c \"$1\"\n")
        os.chmod(path, 0o755)
        return super().start(program, *args, **options)

    def test_a_home_on_a_read_only_disk(self):
        self.up_on("ro", "Read-only file system")

    def test_a_home_on_a_full_disk(self):
        self.up_on("size=64k", "No space left on device",
                   script="! dd if=/dev/zero of=%s/filler status=none 2>/dev/null" % self.home)

    def test_a_disk_that_is_full_but_for_the_lock(self):
        """The backend finds no room for its store, and its log no room to say so."""
        self.up_on("size=256k", "full",
                   script="mkdir %s/run && dd if=/dev/zero of=%s/filler bs=1k count=200 status=none"
                   % (self.home, self.home))


if __name__ == "__main__":
    unittest.main()
