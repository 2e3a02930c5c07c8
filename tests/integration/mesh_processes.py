"""The programs of a mesh as processes of a test: started, watched, and ended whatever happens."""

import ctypes
import glob
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

DEADLINE_S = 30  # for what takes milliseconds: a loaded machine must not fail a test

# Where Bazel puts the programs, below the runfiles' root.
PROGRAMS = {
    "millrace": "cli/millrace",
    "millrace-backend": "backend/millrace-backend",
    "millrace-ib-host": "host/ib/millrace-ib-host",
    "millrace-training-host": "host/training/millrace-training-host",
    "papergate": "tools/papergate/papergate",
    "grpc_cli": "third_party/grpc_cli_once/grpc_cli",
}
MARKET = os.path.abspath("tools/papergate/market")


def wait_for(condition, what, deadline_s=DEADLINE_S):
    """Returns condition()'s first true answer; fails with `what` if there is none in time."""
    end = time.monotonic() + deadline_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError("no %s within %g s" % (what, deadline_s))
        time.sleep(0.002)


class Process:
    """A running program; each line of its output is kept with the time at which it arrived."""

    def __init__(self, argv, env=None, before_exec=None, stdin=subprocess.DEVNULL):
        self.name = os.path.basename(argv[0])
        self.started = time.time()
        self.popen = subprocess.Popen(
            argv, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", start_new_session=True, preexec_fn=before_exec)
        self.pid = self.popen.pid
        self.arrived = threading.Condition()
        self.out, self.err = [], []  # (time, line), in order of arrival
        self.readers = [self._reader(self.popen.stdout, self.out),
                        self._reader(self.popen.stderr, self.err)]

    def _reader(self, stream, lines):
        def read():
            with stream:
                for line in stream:
                    with self.arrived:
                        lines.append((time.time(), line.rstrip("\n")))
                        self.arrived.notify_all()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def _first(self, matches, err):
        for _, line in list(self.err if err else self.out):
            answer = matches(line)
            if answer:
                return answer
        return None

    def line(self, matches, what, err=False, deadline_s=DEADLINE_S):
        """Waits for a line of output; returns matches(line)'s first true answer."""
        end = time.monotonic() + deadline_s
        with self.arrived:
            while True:
                answer = self._first(matches, err)
                if answer:
                    return answer
                left = end - time.monotonic()
                if left <= 0 or not any(reader.is_alive() for reader in self.readers):
                    raise AssertionError("%s: no %s\n%s" % (self.name, what, self.transcript()))
                self.arrived.wait(min(left, 0.1))

    def wait(self, deadline_s=DEADLINE_S):
        """Waits for the end; returns the exit code."""
        try:
            code = self.popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s still runs after %g s\n%s" %
                                 (self.name, deadline_s, self.transcript())) from None
        for reader in self.readers:
            reader.join(deadline_s)
        return code

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        """Sends a signal; returns the time just before it."""
        before = time.time()
        os.kill(self.pid, number)
        return before

    def end(self):
        """SIGTERM, and SIGKILL for what does not listen."""
        if self.running():
            self.popen.terminate()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.wait()

    def stdout(self):
        return "".join(line + "\n" for _, line in self.out)

    def stderr(self):
        return "".join(line + "\n" for _, line in self.err)

    def json_lines(self):
        return [json.loads(line) for _, line in list(self.out)]

    def transcript(self):
        return "--- %s (%s)\n%s%s---" % (self.name, self.popen.poll(), self.stdout(), self.stderr())


def children(pid):
    """{name: pid} of the processes that `pid` started."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            pids = [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return {}
    return {name: child for child in pids for name in [program_name(child)] if name}


def events(mesh, name):
    """What `millrace up` has told of so far, by its name."""
    return [one for one in mesh.json_lines() if one["event"] == name]


def program_name(pid):
    """The base name of what `pid` runs; None once it has ended."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            argv0 = file.read().split(b"\0")[0]
    except OSError:
        return None
    return os.path.basename(argv0.decode()) or None


class Gateway:
    """A papergate: its port and what it logged."""

    def __init__(self, process, log):
        self.process, self.log = process, log
        ready = process.line(lambda text: text.startswith("{") and json.loads(text),
                             "ready line of papergate")
        self.port = ready["port"]
        self.address = "127.0.0.1:%d" % self.port

    def events(self, name=None):
        return read_log(self.log, name)


def read_log(path, name=None):
    """The JSON lines of papergate's log, or those of one event."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        events = [json.loads(line) for line in file if line.endswith("\n")]
    return [event for event in events if name is None or event["event"] == name]


class MeshCase(unittest.TestCase):
    """A test with a directory of its own and processes that end with it."""

    OTHER_PROGRAMS = {}  # in the place of those of PROGRAMS with the same names

    def setUp(self):
        adopt_orphans()
        # Not below TEST_TMPDIR: a unix socket's path has room for 107 bytes.
        self.root = tempfile.mkdtemp(prefix="mr-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.home = self.path("home")
        self.bin = self.path("bin")
        os.mkdir(self.bin)
        for name, path in {**PROGRAMS, **self.OTHER_PROGRAMS}.items():
            os.symlink(os.path.abspath(path), os.path.join(self.bin, name))
        self.processes = []
        self.addCleanup(self.end_all)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def env(self):
        """Nothing of the caller's own settings reaches the programs."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("MILLRACE_", "GRPC_", "XDG_"))}
        return {**kept, "MILLRACE_HOME": self.home, "MILLRACE_BIN_DIR": self.bin}

    def start(self, program, *args, **options):
        env = {**self.env(), **options.pop("env", {})}
        process = Process([os.path.join(self.bin, program), *args], env=env, **options)
        self.processes.append(process)
        return process

    def end_all(self):
        failed = sys.exc_info()[0] is not None or self._failed()
        for process in reversed(self.processes):
            process.end()
            if failed:
                print(process.transcript(), file=sys.stderr)
        end_orphans()
        self.check_sanitizers()

    def check_sanitizers(self):
        """What a sanitizer has to say is in the programs' own output: nobody else would see it."""
        texts = {process.name: process.stderr() for process in self.processes}
        for path in glob.glob(self.root + "/*/log/*.log"):
            with open(path, errors="replace") as file:
                texts[path] = file.read()
        for name, text in texts.items():
            if re.search(r"Sanitizer:|runtime error:", text):
                raise AssertionError("%s:\n%s" % (name, text))

    def _failed(self):
        outcome = getattr(self, "_outcome", None)
        return outcome is not None and not outcome.success

    # ---- The programs ----

    def papergate(self, *flags, market=MARKET):
        log = self.path("papergate-%d.jsonl" % len(self.processes))
        process = self.start("papergate", "--market", market, "--port", "0", "--no-limits", "--log",
                             log, *flags)
        return Gateway(process, log)

    def set_papergate_flags(self, *flags):
        """`millrace up` will start papergate with these flags, too; returns its log's path."""
        log = self.path("papergate.jsonl")
        script = os.path.join(self.bin, "papergate")
        for path in [script, log]:
            if os.path.lexists(path):
                os.unlink(path)
        with open(script, "w") as file:
            file.write('#!/bin/sh\nexec %s "$@" --no-limits --log %s %s\n' %
                       (os.path.abspath(PROGRAMS["papergate"]), log, " ".join(flags)))
        os.chmod(script, 0o755)
        return log

    def up(self, *flags, market=MARKET, **options):
        """A whole mesh, healthy."""
        process = self.start("millrace", "up", "--home", self.home, "--papergate-market", market,
                             *flags, **options)
        process.line(lambda line: json.loads(line)["event"] == "ready", "healthy mesh")
        return process

    def socket(self, name):
        return "unix:" + os.path.join(self.home, "run", name + ".sock")

    def millrace(self, *args, **options):
        """Runs a command to its end."""
        deadline_s = options.pop("deadline_s", 4 * DEADLINE_S)
        process = self.start("millrace", *args, **options)
        process.code = process.wait(deadline_s)
        self.processes.remove(process)
        return process

    def ok(self, *args, **options):
        """Runs a command that must succeed."""
        done = self.millrace(*args, **options)
        self.assertEqual(done.code, 0, "millrace %s\n%s" % (" ".join(args), done.transcript()))
        return done

    def check_one_line(self, done, *words, code=None):
        """`done` ended with `code` (None: any but 0) and one line that has all of the words."""
        self.assertNotEqual(done.code, 0, done.transcript())
        if code is not None:
            self.assertEqual(done.code, code, done.transcript())
        lines = done.stderr().splitlines()
        self.assertEqual(len(lines), 1, done.transcript())
        for word in words:
            self.assertIn(word, lines[0])

    def refused(self, program, *args, words, code=None, **options):
        """The program must end by itself with one line."""
        process = self.start(program, *args, **options)
        process.code = process.wait()
        self.check_one_line(process, *words, code=code)

    def json(self, *args, **options):
        """Runs a command that must succeed; returns its JSON lines."""
        return self.ok(*args, "--output=json", **options).json_lines()

    def export(self, symbol, timeframe, *flags):
        """The stored bars as (time, open, high, low, close, volume)."""
        return rows(self.ok("data", "export", symbol, timeframe, *flags).stdout())


def rows(csv_text):
    """A CSV's bars: the time as it is written, the numbers as numbers."""
    lines = csv_text.splitlines()
    if lines[0] != "time_utc,open,high,low,close,volume":
        raise AssertionError("not a CSV of bars: %r" % lines[0])
    fields = [line.split(",") for line in lines[1:]]
    return [(time, *map(float, numbers)) for time, *numbers in fields]


def file_rows(path):
    with open(path) as file:
        return rows(file.read())


def outcome(events):
    """The outcome of a finished stream of OperationEvents in JSON form."""
    if not events or "outcome" not in events[-1]:
        raise AssertionError("the stream ends without an outcome: %s" % events[-1:])
    return events[-1]["outcome"]


# ---- What the kernel is asked for ----

LIBC = ctypes.CDLL(None)
PR_SET_CHILD_SUBREAPER, PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 36, 24, 1, 2


def bear_full_disks():
    """A program to which a write beyond its limit fails, as on a full disk, instead of ending it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def fill_disk(pids, size_bytes):
    """From now on the files of these running programs cannot grow beyond `size_bytes`."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


def make_room(pids):
    """They can grow again."""
    fill_disk(pids, resource.RLIM_INFINITY)


def small_files(size_bytes):
    """A program whose files cannot grow beyond this: the nearest thing to a disk that is full."""
    def limit():
        bear_full_disks()
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))

    return limit


def obey_permissions():
    """A program that may not read what nobody may read, even if root starts it."""
    for capability in [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH]:
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def adopt_orphans():
    """What a killed program leaves behind becomes our child, so that it can be ended."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans():
    for name, pid in children(os.getpid()).items():
        if name in PROGRAMS:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
