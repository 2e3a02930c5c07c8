"""Chaos: random trials of loads and counts while programs are killed or stopped at random events.

Each trial starts loads and relayed operations with several watchers, kills (-9) or stops (SIGSTOP,
later SIGCONT) a random program at a random event, several times, and lets `millrace up` start it
again. At the end every watcher's log must be the journal (1..n, no gap, no repeat, the same events),
the stored rows the source's, and each operation must have one outcome.

    bazel run //tests/integration:chaos -- [--trials N] [--seed S] [--trial K] [-v]

A trial that fails prints what to run again. `--config=planted` builds the backend with a bug (it
shows events before it commits them), which this must find.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback

from counting import CountingCase, difference, durable
from made_up import LongSeries
from mesh_processes import children, file_rows, outcome, wait_for

SUPERVISED = ["millrace-backend", "millrace-backend", "millrace-ib-host", "papergate"]
TRIAL_S = 120


class Trial(CountingCase):
    """One trial; everything it chooses comes from its own seed."""

    def __init__(self, seed, verbose):
        super().__init__("run_trial")
        self.random = random.Random(seed)
        self.verbose = verbose

    def say(self, text):
        if self.verbose:
            print("    " + text, file=sys.stderr)

    # ---- what runs ----

    def start_mesh(self):
        self.series = LongSeries(self.path("market"))
        self.set_papergate_flags("--latency-ms", str(self.random.choice([1, 5, 20])))
        self.start_counter()
        self.mesh = self.up(market=self.series.market)

    def start_load(self):
        """A detached load of a random window of the series."""
        years = range(2018, 2022)
        start = self.random.choice(years)
        end = self.random.choice([year for year in range(start + 1, 2023)])
        last = "%d-01-01" % end if end < 2022 else LongSeries.TO
        done = self.ok("data", "load", "LONG", "1h", "--from", "%d-01-01" % start, "--to", last,
                       "--detach", "--output=json")
        name = done.json_lines()[0]["operation"]
        self.loads.append((name, "%d-01-01" % start, last))
        return name

    def start_count(self):
        to = self.random.randrange(50, 400)
        name = self.count(to=to, stepUs=self.random.choice([200, 1000, 3000]),
                          checkpointEvery=self.random.choice([1, 7, 50]))
        self.counts.append((name, to))
        return name

    def start_watchers(self, name):
        """Some from the beginning, some from the middle of what there is."""
        for _ in range(self.random.randrange(1, 4)):
            self.watchers.append((name, self.watch(name)))

    # ---- what happens to it ----

    def events_seen(self):
        return sum(len(watcher.out) for _, watcher in self.watchers)

    def all_ended(self):
        return all(not watcher.running() for _, watcher in self.watchers)

    def await_random_event(self):
        """Until some more events were seen; False if there are none to come."""
        goal = self.events_seen() + self.random.randrange(0, 25)
        end = time.monotonic() + 2
        while self.events_seen() < goal and time.monotonic() < end:
            if self.all_ended():
                return False
            time.sleep(0.0005)
        return True

    def pid_of(self, program):
        return children(self.mesh.pid).get(program)

    def strike_supervised(self):
        program = self.random.choice(SUPERVISED)
        pid = self.pid_of(program)
        if pid is None:
            return
        if self.random.random() < 0.75:
            self.say("kill -9 " + program)
            os.kill(pid, signal.SIGKILL)
        else:
            pause = self.random.random() * 0.3
            self.say("stop %s for %.2f s" % (program, pause))
            os.kill(pid, signal.SIGSTOP)
            time.sleep(pause)
            os.kill(pid, signal.SIGCONT)

    def strike_counter(self):
        self.say("kill -9 counter-host")
        self.counter_strikes += 1
        os.kill(self.counter.pid, signal.SIGKILL)
        self.counter.wait()
        self.processes.remove(self.counter)
        self.start_counter()

    def strike_watcher(self):
        """A watcher dies; another one takes its place, from the beginning."""
        alive = [index for index, (_, one) in enumerate(self.watchers) if one.running()]
        if not alive:
            return
        index = self.random.choice(alive)
        name, watcher = self.watchers[index]
        self.say("kill -9 a watcher of " + name)
        os.kill(watcher.pid, signal.SIGKILL)
        watcher.wait()
        self.processes.remove(watcher)
        self.watchers[index] = (name, self.watch(name))

    def strike(self):
        kind = self.random.random()
        if kind < 0.65:
            self.strike_supervised()
        elif kind < 0.85:
            self.strike_counter()
        else:
            self.strike_watcher()

    # ---- what must be true at the end ----

    def is_given_up(self, name):
        """Whether the run took its host with it twice, as far as anybody can tell."""
        details = outcome(self.journals[name]).get("failed", {}).get("details", [])
        return any(detail.get("reason") == "RUN_LOST" for detail in details)

    def check_watchers(self):
        for name, watcher in self.watchers:
            code = 1 if self.is_given_up(name) else 0
            self.assertEqual(watcher.wait(TRIAL_S), code, watcher.transcript())
            why = difference(watcher.json_lines(), self.journals[name])
            self.assertIsNone(why, "watcher of %s: %s" % (name, why))

    def check_operation(self, name):
        journal = self.journals[name]
        numbers = [int(event["sequence"]) for event in journal]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)), name)
        outcomes = [event for event in journal if "outcome" in event]
        self.assertEqual(len(outcomes), 1, name)
        if self.is_given_up(name):
            self.assertGreaterEqual(self.counter_strikes, 2, name)
        else:
            self.assertIn("succeeded", outcome(journal), "%s: %s" % (name, outcome(journal)))

    def check_rows(self):
        rows = file_rows(self.series.path)
        for name, start, end in self.loads:
            stored = self.export("LONG", "1h", "--from", start, "--to", end)
            wanted = [row for row in rows if start <= row[0] < end]
            self.assertEqual(len(stored), len(wanted), name)
            self.assertEqual(stored, wanted, name)

    def check_counts(self):
        for name, to in self.counts:
            journal = self.journals[name]
            # One that tells of a lost host repeats the position from which the work goes on.
            positions = [e["checkpoint"]["position"] for e in journal
                         if "checkpoint" in e and e["checkpoint"]["lost"] == 0]
            self.assertEqual(positions, sorted(set(positions)), name)
            if self.is_given_up(name):
                continue
            self.assertIn("counted to %d," % to, outcome(journal)["succeeded"]["summary"])
            if self.counter_strikes == 0:  # then nothing began again, whatever else died
                self.assertEqual(len(self.begun(name)), 1, name)

    def run_trial(self):
        self.loads, self.counts, self.watchers = [], [], []
        self.counter_strikes = 0
        self.start_mesh()
        for _ in range(self.random.randrange(1, 3)):
            self.start_watchers(self.start_load())
        for _ in range(self.random.randrange(1, 3)):
            self.start_watchers(self.start_count())
        for _ in range(self.random.randrange(1, 5)):
            if not self.await_random_event():
                break
            self.strike()
        names = {name for name, _ in self.watchers}
        for _, watcher in self.watchers:
            watcher.wait(TRIAL_S)
        wait_for(lambda: self.millrace("status").code == 0, "healthy mesh")
        self.journals = {name: self.journal(name) for name in names}
        self.check_watchers()
        for name in names:
            self.check_operation(name)
        self.check_rows()
        self.check_counts()


def run(seed, number, verbose):
    """True if the trial held; prints why not, and how to run it again."""
    trial = Trial("%d/%d" % (seed, number), verbose)
    failure = None
    trial.setUp()
    try:
        trial.run_trial()
    except (Exception, KeyboardInterrupt) as error:  # whatever it is, the trial is named
        failure = error
    finally:
        trial.doCleanups()
    if failure is None:
        return True
    if isinstance(failure, KeyboardInterrupt):
        raise failure
    traceback.print_exception(type(failure), failure, failure.__traceback__)
    print("trial %d of seed %d failed; again: bazel run //tests/integration:chaos -- "
          "--seed %d --trial %d -v" % (number, seed, seed, number))
    return False


def main():
    parser = argparse.ArgumentParser(prog="chaos")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="default: by the clock")
    parser.add_argument("--trial", type=int, default=None, help="only this one")
    parser.add_argument("--expect-failure", action="store_true",
                        help="end with 0 once a trial fails: for the build with the planted bug")
    parser.add_argument("-v", "--verbose", action="store_true")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else int(time.time())
    numbers = [given.trial] if given.trial is not None else range(given.trials)
    print("chaos: %d trials, seed %d" % (len(numbers), seed), flush=True)
    began, failed = time.monotonic(), 0
    for done, number in enumerate(numbers, 1):
        failed += not run(seed, number, given.verbose)
        if failed and given.expect_failure:
            print("found after %d trials" % done)
            return 0
        if done % 10 == 0 or done == len(numbers):
            print("%d trials, %d failed, %.1f s each" %
                  (done, failed, (time.monotonic() - began) / done), flush=True)
    return (failed > 0) != given.expect_failure


if __name__ == "__main__":
    sys.exit(main())
