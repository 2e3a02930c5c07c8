"""Rules for the sources that no compiler holds: numbers, packing and room that came from outside.

Each rule has a pattern, the files that may use it, and what to use instead. A line that is right
although it looks wrong is named in ALLOWED with the reason; an entry that no line needs any more
fails too, so that the list stays short.
"""
import os
import re
import unittest

ROOT = os.path.dirname(os.path.realpath("WORKSPACE"))
FOLDERS = ("mesh", "market", "backend", "host", "cli", "strategy")

UNIT = r"(?:INT64_C\()?1(?:'?000){1,4}(?:LL|L)?\)?"

RULES = {
    "a bare product of units; use mesh/runtime/time.h": (
        r"\*\s*" + UNIT + r"(?![\w.])|(?<![\w.])" + UNIT + r"\s*\*(?!\s*[,);])|\*\s*(?:MS|US|S|MESH_(?:US|MS|S))_NS\b",
        ["mesh/runtime/time.h"]),
    "seconds or nanoseconds taken apart by hand; use mesh_time_seconds(), mesh_time_nanos()": (
        r"_ns\s*[/%]\s*(?:INT64_C\()?1000000000\b", ["mesh/runtime/time.h"]),
    "a message packed or unpacked by hand; use mesh/rpc/pack.h": (
        r"__(?:un)?pack(?:_to_buffer)?\(|protobuf_c_message_(?:un)?pack\w*\(", ["mesh/rpc/pack.c"]),
    "what lies in a home opened by its name, a link or somebody else's maybe; use mesh/program/private.h": (
        r"(?<!\w)(?:open|openat|creat|fopen|freopen|opendir|scandir|mkdir|mkdirat|mesh_file_read)"
        r"\((?!\"/(?:proc|dev)/)(?!const char \*)",
        ["mesh/program/private.c", "mesh/program/file.c", "mesh/program/config_yaml.c",
         "cli/commands/strategy.c", "cli/out_file.c", "cli/symbols.c"]),
    "text cut at a byte, in a character maybe; use MESH_TEXT_SHOWN()": (
        r"%-?\d*\.\d+s",
        ["cli/model_text.c"]),  # print_text(), which cuts between characters
    "text formatted by hand, cut in a character maybe; use mesh_text_format()": (
        r"\b(?:vsnprintf|strncpy|strlcpy)\s*\(", ["mesh/runtime/text.c"]),
    "room whose size nothing checks": (
        r"\b(?:alloca|sprintf|vsprintf|strcpy|strcat|stpcpy|gets)\s*\(", []),
}

# (file, part of the line): why it is right.
ALLOWED = {
    # The log turns its own file over, in a room below private.h: new, followed nowhere, 0600.
    ("mesh/runtime/log.c", "open(sink.file.path, O_RDWR | O_CREAT | O_EXCL"): "as private.h does it",
    ("mesh/rpc/peers.c", 'fopen(path, "re")'): "a process's line in /proc",
}


def code_lines(path):
    """The lines of a file without comments, and without products of two constants."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"//.*", "", line)
        yield number, re.sub(r"(?<![\w.])\d+ \* (?:\d+|\w+_NS)\b(?! \*)", "CONSTANT", line)


def sources():
    for folder in FOLDERS:
        for at, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".c", ".h", ".inc")):
                    yield os.path.relpath(os.path.join(at, name), ROOT)


class Sources(unittest.TestCase):
    def test_rules(self):
        used, wrong, files = set(), [], 0
        for path in sources():
            files += 1
            for number, line in code_lines(os.path.join(ROOT, path)):
                for what, (pattern, free) in RULES.items():
                    if path in free or not re.search(pattern, line):
                        continue
                    allowed = [key for key in ALLOWED if key[0] == path and key[1] in line]
                    used.update(allowed)
                    if not allowed:
                        wrong.append("%s:%d: %s\n    %s" % (path, number, what, line.strip()))
        self.assertGreater(files, 200, "the sources are not where they are looked for")
        self.assertEqual([], wrong, "\n" + "\n".join(wrong))
        self.assertEqual(set(), set(ALLOWED) - used,
                         "nothing needs this exception any more")

    def test_every_program_holds_its_standard_descriptors(self):
        mains = []
        for path in sources():
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                text = file.read()
            if path.endswith(".c") and re.search(r"^int (?:main|backend_main)\(", text, re.M):
                mains.append(path)
                self.assertTrue("mesh_standard_hold();" in text or "return backend_main(" in text,
                                path + ": mesh_standard_hold() is not called")
        self.assertGreater(len(mains), 3)

    def test_patterns_find_what_they_are_for(self):
        for line in ("x = wait_ms * 1000000;", "limit_s * 1000", "now + a * INT64_C(1000000)",
                     "1000 * ms", "t->seconds * 1000000000 + t->nanos", "a_ms * MESH_MS_NS",
                     "s = now_ns / 1000000000;", "size = x__pack(&m, bytes);",
                     "m = x__unpack(NULL, n, d);", "sprintf(at, format)",
                     "fd = open(path, O_RDONLY);", 'fopen(path, "re")', "opendir(path)"):
            self.assertTrue(any(re.search(p, line) for p, _ in RULES.values()), line)
        for line in ("char *text[1000];", "= 10000;", "call(x, 1000, *y)", "sum * 10000",
                     "snprintf(at, size, format)", 'fopen("/proc/self/maps", "re")',
                     "mesh_private_open(path, O_RDONLY, &fd, err)", "ib_session_open(own)"):
            self.assertFalse(any(re.search(p, line) for p, _ in RULES.values()), line)


if __name__ == "__main__":
    unittest.main(verbosity=2)
