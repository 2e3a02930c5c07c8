"""watchers: what ten watchers cost a training: rows a second with ten `ops watch` beside it, against none, in turns.

Predicted: nothing to be seen. The training has a core for itself; an epoch is one event, progress 20 events a second.
Seen at first: 2.5 to 11 %, since an epoch may take a millisecond. Then the host changed threads at each, and each of ten
processes was woken for each. Now ends of epochs are reported 20 times a second, and where many watch, events that come
in quick succession go together. A training takes long enough that the start of ten processes is little of it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

SMOKE = "MILLRACE_TEST_SMOKE" in os.environ  # as tests/bench/measure.h says
ROUNDS, WATCHERS, EPOCHS = (1, 2, 50) if SMOKE else (5, 10, 6000)
TARGET = 2.0
PROGRAMS = ["cli/millrace", "backend/millrace-backend", "host/ib/millrace-ib-host",
            "host/training/millrace-training-host", "tools/papergate/papergate"]


def main():
    with tempfile.TemporaryDirectory(prefix="mr-") as root:
        binaries = os.path.join(root, "bin")
        os.mkdir(binaries)
        for path in PROGRAMS:
            os.symlink(os.path.abspath(path), os.path.join(binaries, os.path.basename(path)))
        env = {**os.environ, "MILLRACE_HOME": os.path.join(root, "home"), "MILLRACE_BIN_DIR": binaries}
        millrace = os.path.join(binaries, "millrace")
        up = subprocess.Popen([millrace, "up", "--papergate-market", "tools/papergate/market"], env=env,
                              stdout=subprocess.DEVNULL)
        try:
            return measure(root, millrace, env)
        finally:
            up.terminate()
            up.wait()


def measure(root, millrace, env):
    def run(*args):
        return subprocess.run([millrace, *args], env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    run("status", "--wait", "60")
    run("data", "load", "EURUSD", "1h")
    strategy = os.path.join(root, "strategy.yaml")
    with open(strategy, "w") as file:
        file.write(run("strategy", "new").replace("enabled: true", "enabled: false"))
    rates = {0: [], WATCHERS: []}
    for _ in range(ROUNDS):
        for watchers in rates:
            rates[watchers].append(train(millrace, env, strategy, watchers))
    none, ten = (statistics.median(rates[watchers]) for watchers in (0, WATCHERS))
    cost = 100 * (1 - ten / none)
    print("training: %.3f M rows/s alone, %.3f M rows/s with %d watchers, median of %d" %
          (none / 1e6, ten / 1e6, WATCHERS, ROUNDS))
    verdict = "not judged" if SMOKE else "reached" if cost <= TARGET else "NOT REACHED"
    print("  target  cost of %d watchers: %.2f %% <= %g %%: %s" % (WATCHERS, cost, TARGET, verdict))
    return 0 if SMOKE or cost <= TARGET else 1


def train(millrace, env, strategy, watchers):
    """Rows a second of the whole training, reports and checkpoints included, while all watch."""
    started = subprocess.run([millrace, "train", strategy, "--epochs", str(EPOCHS), "--detach", "--output", "json"],
                             env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    name = json.loads(started.splitlines()[0])["operation"]
    watching = [subprocess.Popen([millrace, "ops", "watch", name, "--output", "json"], env=env,
                                 stdout=subprocess.DEVNULL) for _ in range(watchers)]
    # Waits without asking: the one call answers when the training has ended.
    subprocess.run([millrace, "call", "google.longrunning.Operations/WaitOperation", json.dumps({"name": name})],
                   env=env, check=True, stdout=subprocess.DEVNULL)
    operation = json.loads(subprocess.run([millrace, "ops", "show", name, "--output", "json"], env=env,
                                          check=True, stdout=subprocess.PIPE, text=True).stdout)
    for process in watching:
        process.wait()
    result = operation["outcome"]["succeeded"]["train"]
    return result["epochs"] * int(result["trainRows"]) / result["elapsedS"]


sys.exit(main())
