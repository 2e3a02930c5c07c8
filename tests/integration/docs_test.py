"""The documentation is true: what README tells to type runs, in its order; each command and setting is on its page."""

import os
import re
import subprocess

from mesh_processes import DEADLINE_S, MeshCase

NAMED = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.M)


def text_of(path):
    with open(path) as file:
        return file.read()


def marked_blocks(text):
    """The shell blocks behind a line <!-- run -->."""
    return re.findall(r"<!-- run -->\n```sh\n(.*?)```", text, re.S)


def commands(text):
    lines = [line for line in text.splitlines() if line.startswith("  ") and line[2] != " "]
    names = []
    for line in lines:
        words = line.split()
        two = len(words) > 1 and re.match(r"^[a-z]+$", words[1]) and words[0] not in (
            "up", "status", "train", "call", "help", "version")
        names.append(" ".join(words[:2 if two else 1]))
    return names


class TypedTest(MeshCase):
    def type_all(self, lines):
        """As a person would: in a shell, in the order of the page, each line to its end."""
        script = ["set -u", "trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT"]
        for number, line in enumerate(lines):
            script.append("echo '== %d'" % number)
            background = line.split("#")[0].rstrip().endswith("&")
            script.append(line if background else "%s\ncode=$?; [ $code = 0 ] || "
                          "{ echo \"== %d failed with $code\"; exit 1; }" % (line, number))
        path, here = self.path("typed.sh"), self.path("work")
        with open(path, "w") as file:
            file.write("\n".join(script) + "\n")
        os.makedirs(os.path.join(here, "tools", "papergate"))
        os.symlink(os.path.abspath("tools/papergate/market"),
                   os.path.join(here, "tools", "papergate", "market"))
        env = {**self.env(), "PATH": self.bin + ":/usr/bin:/bin"}
        done = subprocess.run(["bash", path], cwd=here, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=8 * DEADLINE_S)
        shown = "\n".join(line[:200] for line in done.stdout.splitlines())
        self.assertEqual(done.returncode, 0, shown)
        return here

    def lines_of(self, page):
        blocks = marked_blocks(text_of(page))
        return [line for block in blocks for line in block.splitlines() if line.strip()]

    def test_readme(self):
        lines = self.lines_of("README.md")
        self.assertGreater(len(lines), 15)
        here = self.type_all(lines)
        for name in ["spx.csv", "mine.yaml", "m.onnx"]:
            self.assertGreater(os.path.getsize(os.path.join(here, name)), 100, name)

    def test_pages(self):
        lines = [line for name in sorted(os.listdir("docs")) if name.endswith(".md")
                 for line in self.lines_of(os.path.join("docs", name))]
        self.assertGreater(len(lines), 5)
        self.up()
        self.type_all(lines)


class PagesTest(MeshCase):
    def test_each_command_is_on_the_page_of_outputs(self):
        known = commands(self.ok("help").stdout())
        self.assertGreater(len(known), 25)
        described = [name for name, _ in NAMED.findall(text_of("docs/output.md"))]
        self.assertEqual(sorted(known), sorted(described))

    def test_each_indicator_is_on_the_page_of_trainings(self):
        page = text_of("docs/training.md")
        folder = "host/training/features"
        names = [name[len("indicator_"):-2] for name in os.listdir(folder)
                 if name.startswith("indicator_") and name.endswith(".c")]
        self.assertGreater(len(names), 25)
        for name in names:
            self.assertIn("| `%s` |" % name, page)

    def test_shapes_that_are_no_messages(self):
        """The keys that the page names are the keys that are printed."""
        rows = dict(NAMED.findall(text_of("docs/output.md")))

        def keys(command):
            return [word for word in re.findall(r"`([a-zA-Z]+)`", rows[command].split(":")[0])]

        self.assertEqual(list(self.json("version")[0]), keys("version"))
        self.assertEqual(list(self.json("config", "show")[0]), keys("config show"))
        self.assertEqual(list(self.json("strategy", "new")[0]), ["strategy"])
        self.up()
        for line in self.json("status"):
            self.assertEqual([key for key in line if key != "roundTripUs"],
                             [key for key in keys("status") if key != "roundTripUs"])
        self.ok("data", "load", "SPX", "1d")
        self.assertEqual(list(self.json("data", "show", "SPX", "1d")[0]), keys("data show"))
        self.assertEqual(self.json("data", "export", "SPX", "1d", "--to", "2019-01-01"),
                         self.json("data", "show", "SPX", "1d", "--to", "2019-01-01"))
        for line in self.json("ops", "list") + self.json("ops", "show"):
            self.assertEqual(line["kind"], "load")
        self.assertEqual(self.json("ops", "events")[-1]["outcome"]["succeeded"]["load"]["missing"], [])


if __name__ == "__main__":
    import unittest

    unittest.main()
