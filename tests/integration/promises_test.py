"""What is promised is kept: one request for one id, no failure of a full disk, no lost checkpoint."""

import json
import os
import signal
import threading
import unittest

import grpc
from counting import COUNT, CountingCase
from mesh_processes import bear_full_disks, children, fill_disk, make_room, outcome, wait_for
from reflected import Client
from training import TrainingCase, epochs_of


class RequestIdTest(CountingCase):
    def setUp(self):
        super().setUp()
        self.start_counter()
        self.up()

    def start_with(self, client, request_id, **request):
        """The name of the operation that such a start begins or joins."""
        request["start"] = {"requestId": request_id, "detached": True}
        events = client.call(COUNT, request)
        name = next(events)["operation"]
        events.cancel()
        return name

    def test_starts_at_the_same_moment_are_one(self):
        at_once = 8
        clients = [Client(self.socket("backend")) for _ in range(at_once)]
        for client in clients:
            self.addCleanup(client.channel.close)
        for number in range(5):
            together, names = threading.Barrier(at_once), []

            def start(client, number=number, together=together, names=names):
                together.wait()
                names.append(self.start_with(client, "same-%d" % number, to=3))

            threads = [threading.Thread(target=start, args=(client,)) for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual((len(names), len(set(names))), (at_once, 1), names)
            outcome(self.json("ops", "watch", names[0]))  # so it has begun
        self.assertEqual(len(self.begun()), 5)

    def refused(self, *words, call):
        with self.assertRaises(grpc.RpcError) as failure:
            call()
        self.assertEqual(failure.exception.code(), grpc.StatusCode.ALREADY_EXISTS)
        for word in words:
            self.assertIn(word, failure.exception.details())

    def test_another_request_is_refused(self):
        """While the first one runs, and when it has ended."""
        with Client(self.socket("backend")) as client:
            name = self.start_with(client, "same", to=100000, stepUs=1000)
            self.assertEqual(self.start_with(client, "same", to=100000, stepUs=1000), name)
            for end in [None, name]:
                if end:
                    self.ok("ops", "cancel", end)
                self.refused("'same'", name, "another to",
                             call=lambda: self.start_with(client, "same", to=5, stepUs=1000))
                self.refused(name, "another start.labels", call=lambda: next(client.call(COUNT, {
                    "to": 100000, "stepUs": 1000,
                    "start": {"requestId": "same", "labels": {"a": "b"}}})))
                done = self.millrace("data", "load", "SPX", "1d", "--request-id", "same")
                self.check_one_line(done, "'same'", name, "a count", "a load", code=5)


class FullDiskTest(CountingCase):
    def test_what_runs_goes_on_when_there_is_room(self):
        """The files may not grow for a while: the nearest thing to a disk that is full."""
        self.start_counter()
        mesh = self.up(before_exec=bear_full_disks)
        name = self.count(to=100000, stepUs=1000, checkpointEvery=1)
        watcher = self.watch(name)
        watcher.line(lambda line: json.loads(line).get("checkpoint", {}).get("position") == 20,
                     "20th checkpoint")
        backend = children(mesh.pid)["millrace-backend"]
        fill_disk([backend], os.path.getsize(self.home + "/millrace.db-wal"))
        self.assertNotEqual(watcher.wait(), 0, watcher.transcript())
        self.assertIn("disk is full", watcher.stderr())
        self.assertEqual(self.json("ops", "show", name)[0]["state"], "RUNNING")
        with Client(self.socket("backend")) as client, self.assertRaises(grpc.RpcError) as refusal:
            next(client.call(COUNT, {"to": 3, "start": {"detached": True}}))
        self.assertEqual(refusal.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        make_room([backend])
        last = int(self.journal(name)[-1]["sequence"])
        wait_for(lambda: int(self.json("ops", "show", name)[0]["lastSequence"]) > last + 10,
                 "events behind those before")
        self.ok("ops", "cancel", name)
        journal = self.journal(name)
        self.assertEqual([int(event["sequence"]) for event in journal],
                         list(range(1, len(journal) + 1)))
        self.assertIn("cancelled", outcome(journal))
        self.assertEqual(len(self.begun()), 1)  # and the host has not noticed


class LateManagerTest(TrainingCase):
    def settings(self):
        return {"MILLRACE_TRAINING_HOST_GRACE_S": "1"}

    def runs_at_host(self):
        with Client(self.socket("training-host")) as client:
            status, = client.call("millrace.v1.TrainingHost/Status", {})
        return status.get("running", 0)

    def test_what_its_host_gave_up_goes_on(self):
        """The manager is away for longer than the grace: nobody has asked for the end."""
        process = self.start("millrace", "train", self.strategy(), "--epochs", "1000000",
                             "--detach", "--output=json")
        name = process.line(lambda line: '"accepted"' in line and process.json_lines()[0],
                            "accepted event")["operation"]
        watch = self.start("millrace", "ops", "watch", name, "--output=json")
        watch.line(lambda line: '"checkpoint"' in line, "checkpoint")
        os.kill(self.mesh.pid, signal.SIGSTOP)  # nobody starts it again
        os.kill(children(self.mesh.pid)["millrace-backend"], signal.SIGKILL)
        wait_for(lambda: self.runs_at_host() == 0, "end of the run at its host")
        os.kill(self.mesh.pid, signal.SIGCONT)

        def went_on():
            seen = [line for line in watch.json_lines()]
            tries = [i for i, event in enumerate(seen) if "gave the run up" in
                     event.get("attempt", {}).get("error", {}).get("message", "")]
            return tries and epochs_of(seen[tries[-1]:])

        after = wait_for(lambda: not watch.running() or went_on(), "epochs of the next run")
        self.assertTrue(watch.running(), watch.transcript())
        self.assertGreater(after[0], 1)
        self.assertEqual(self.json("ops", "show", name)[0]["state"], "RUNNING")
        self.ok("ops", "cancel", name)


class ResumeTest(TrainingCase, CountingCase):
    """The backend dies as soon as the resumed training exists."""

    def test_the_checkpoint_is_there_from_the_start(self):
        process = self.start("millrace", "train", self.strategy(), "--epochs", "1000000",
                             "--output=json")
        process.line(lambda line: '"checkpoint"' in line, "checkpoint")
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130, process.transcript())
        first = process.json_lines()[0]["operation"]
        self.mesh.end()
        died = self.path("died")
        self.mesh = self.up(env={"MILLRACE_TEST_DIE_AT": "1 after " + died})
        resumed = self.json("ops", "resume", first, "--detach")[-1]
        wait_for(lambda: os.path.exists(died), "death of the backend")
        self.assertEqual(resumed["accepted"]["resumes"], first)
        watch = self.start("millrace", "ops", "watch", resumed["operation"], "--output=json")
        epoch = watch.line(lambda line: '"epochReport"' in line and epochs_of(watch.json_lines()),
                           "epoch")
        self.assertGreater(epoch[0], 1)
        self.ok("ops", "cancel", resumed["operation"])


if __name__ == "__main__":
    unittest.main()
