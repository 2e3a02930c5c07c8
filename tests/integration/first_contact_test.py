"""What somebody meets who types millrace for the first time: help, mistakes, terminals of all kinds."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
import unittest

from mesh_processes import DEADLINE_S, MeshCase

DESTRUCTIVE = ["data delete", "models delete", "ops delete", "ops cancel", "hosts drain"]


class TerminalCase(MeshCase):
    def terminal(self, *args, columns=80, until=None, **env):
        """Runs a command on a terminal; returns its exit code and what was written there."""
        main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        given = {**self.env(), "TERM": "xterm", "LANG": "C.UTF-8", **env}
        for name in ["COLUMNS", "LC_ALL", "LC_CTYPE"]:
            given.pop(name, None)
        process = subprocess.Popen([os.path.join(self.bin, "millrace"), *args], env=given, stdin=other,
                                   stdout=other, stderr=other, start_new_session=True)
        os.close(other)
        written, end = b"", time.monotonic() + 4 * DEADLINE_S
        while time.monotonic() < end:
            if not select.select([main], [], [], 1)[0]:
                continue
            try:
                part = os.read(main, 65536)
            except OSError:  # everybody has closed the other side
                break
            if not part:
                break
            written += part
        os.close(main)
        return process.wait(DEADLINE_S), written.decode()


def shown(text):
    """The lines that a terminal has at the end, and each state of a line that was drawn over."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        lines += [part for part in line.split("\r\x1b[K") if part]
    return lines


class WordsTest(TerminalCase):
    def help_of(self, *words):
        return self.ok(*words, "--help").stdout()

    def commands(self):
        lines = self.ok("help").stdout().splitlines()
        return [line for line in lines if line.startswith("  ") and line[2] != " "]

    def test_a_group_alone_lists_its_commands(self):
        for words in [["data"], ["data", "--help"], ["data", "-h"], ["help", "data"]]:
            with self.subTest(words):
                text = self.ok(*words).stdout()
                self.assertIn("data load SYMBOL TIMEFRAME", text)
                self.assertNotIn("ops list", text)

    def test_versions(self):
        for flag in ["-v", "-V", "--version", "version"]:
            self.assertIn("millrace", self.ok(flag).stdout())

    def test_flags_may_stand_before_the_command(self):
        before = self.ok("--output", "json", "--home=/tmp/x", "config", "show").json_lines()
        after = self.ok("config", "show", "--output", "json", "--home=/tmp/x").json_lines()
        self.assertEqual(before, after)
        self.assertIn("mode", self.ok("--output=text", "help", "data", "load").stdout())
        self.check_one_line(self.millrace("--hme", "x", "config", "show"), "--hme", "--home", code=2)

    def test_help_fits_80_columns(self):
        pages = [["help"]]
        for line in self.commands():
            name = [word for word in line.split()[:2] if word.islower() and word.isalpha()]
            pages.append(["help", *name])
        self.assertGreater(len(pages), 25)
        for page in pages:
            done = self.millrace(*page)
            if done.code != 0:  # the second word was an argument's
                done = self.ok(*page[:-1])
            for line in done.stdout().splitlines():
                self.assertLessEqual(len(line), 80, "%s: %s" % (page, line))

    def test_a_mistyped_word_never_becomes_a_loss(self):
        for words in [["data", "delte"], ["data", "delet"], ["models", "delte"], ["models", "delet"], ["ops", "cancl"], ["ops", "delete1"],
                      ["hosts", "drian"], ["model", "delete"]]:
            done = self.millrace(*words)
            self.assertEqual(done.code, 2)
            for name in DESTRUCTIVE:
                self.assertNotIn("did you mean millrace " + name, done.stderr())
        self.check_one_line(self.millrace("data", "lst"), "did you mean millrace data list?", code=2)

    def test_a_misspelt_variable_is_named(self):
        done = self.millrace("config", "show", env={"MILLRACE_GATWAY_ADDRESS": "x"})
        self.assertIn("MILLRACE_GATWAY_ADDRESS", done.stderr())
        self.assertIn("did you mean MILLRACE_GATEWAY_ADDRESS?", done.stderr())
        self.assertEqual(self.ok("config", "show", env={"MILLRACE_LOG_LEVEL": "warn"}).stderr(), "")

    def test_no_code_name_opens_a_message_for_people(self):
        done = self.millrace("data", "show", "SPX", "1x", "--output=text",
                             env={"MILLRACE_HOME": self.home})
        self.assertNotIn("UNAVAILABLE", done.stderr())
        self.assertNotIn("INVALID_ARGUMENT", done.stderr())


class MeshTest(TerminalCase):
    """All on one mesh: starting it is what takes time."""

    def test_what_a_first_session_sees(self):
        self.up()
        with self.subTest("unknown things are not found"):
            for words in [["data", "gaps", "NOPE", "1h"], ["data", "list", "NOPE"],
                          ["models", "list", "nope"], ["data", "show", "NOPE", "1h"]]:
                done = self.millrace(*words, "--output=text")
                self.assertEqual(done.code, 3, done.transcript())
                self.assertIn(words[2], done.stderr())
                self.assertNotIn("NOT_FOUND", done.stderr())
        with self.subTest("a load on 80 columns"):
            code, text = self.terminal("data", "load", "EURUSD", "1h")
            self.assertEqual(code, 0, text)
            self.assertTrue(any("%" in line for line in shown(text)), text)
            self.check_width(text, 80)
        with self.subTest("a terminal that takes nothing back"):
            code, text = self.terminal("data", "load", "SPX", "1d", TERM="dumb")
            self.assertEqual(code, 0, text)
            self.assertNotIn("\x1b", text)
        with self.subTest("a locale without UTF-8"):
            code, text = self.terminal("data", "show", "SPX", "1d", LANG="C")
            self.assertEqual(code, 0, text)
            self.assertTrue(text.isascii(), text)
        with self.subTest("tables fit"):
            for words in [["data", "list"], ["ops", "list"], ["hosts", "list"], ["status"],
                          ["data", "show", "SPX", "1d"], ["data", "gaps", "SPX", "1d"], ["data", "search", "EUR"],
                          ["models", "list"], ["config", "show"]]:
                for columns in [80, 200]:
                    code, text = self.terminal(*words, columns=columns)
                    self.assertEqual(code, 0, text)
                    self.check_width(text, columns)
        with self.subTest("a training's lines fit"):
            path = self.path("s.yaml")
            with open(path, "w") as file:
                file.write(self.ok("strategy", "new", "--output=text").stdout())
            code, text = self.terminal("train", path, "--epochs", "3")
            self.assertEqual(code, 0, text)
            epochs = [line for line in shown(text) if line.startswith(("epoch", "model"))]
            self.assertGreaterEqual(len(epochs), 4, text)
            for line in epochs:
                self.assertLessEqual(len(line), 80, line)
        with self.subTest("times beside a live line"):
            self.ok("data", "load", "SYNT", "1m", "--from", "2024-01-01", "--to", "2024-03-01",
                    "--detach")
            code, text = self.terminal("ops", "watch", "--timing")
            self.assertEqual(code, 0, text)
            times = [line for line in shown(text) if " us" in line or "p99" in line]
            self.assertTrue(any("us here" in line for line in times), text)
            for line in times:
                self.assertNotIn("%", line)  # of the live line
                self.assertLessEqual(len(line), 80, line)
        with self.subTest("nobody reads to the end"):
            done = subprocess.run(
                ["bash", "-c", '"$0" data export EURUSD 1h --home "$1" | head -1; '
                 'echo "${PIPESTATUS[0]}"', os.path.join(self.bin, "millrace"), self.home],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=4 * DEADLINE_S)
            self.assertEqual(done.stderr, "")
            self.assertEqual(done.stdout.splitlines()[1:], ["0"])

    def check_width(self, text, columns):
        for line in shown(text):
            self.assertLessEqual(len(line), columns, line)


if __name__ == "__main__":
    unittest.main()
