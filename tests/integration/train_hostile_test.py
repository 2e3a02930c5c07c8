"""What comes from outside and would hurt a training host: it answers throughout, and goes on."""

import os
import signal
import unittest

from mesh_processes import children, outcome, wait_for
from training import TrainingCase, epochs_of


class PillTest(TrainingCase):
    """A training that its host does not survive is begun twice, not a third time."""

    def start_training(self):
        """One that runs long, and makes no checkpoint."""
        return self.start("millrace", "train", self.strategy(epochs=1000000), "--checkpoint-epochs",
                          "1000000", "--output=json")

    def await_begin(self, process, times):
        """Until its first epoch was heard of for so many times."""
        wait_for(lambda: epochs_of(process.json_lines()).count(1) >= times or not process.running(),
                 "begin number %d" % times)
        self.assertTrue(process.running(), process.transcript())

    def check_failed(self, process):
        self.assertEqual(process.wait(), 1, process.transcript())
        events = process.json_lines()
        failed = outcome(events)["failed"]
        self.assertIn("its host did not survive it 2 times", failed["message"])
        self.assertEqual(epochs_of(events).count(1), 2)
        lost = [event["checkpoint"]["lost"] for event in events if "checkpoint" in event]
        self.assertEqual(lost, [1, 2])
        # The host that came after the second death has its slot for others.
        self.result(self.train(epochs=2))

    def test_twice_is_enough(self):
        process = self.start_training()
        for times in [1, 2]:
            self.await_begin(process, times)
            self.kill_host()
        self.check_failed(process)

    def test_a_new_backend_counts_on(self):
        process = self.start_training()
        self.await_begin(process, 1)
        self.kill_host()
        self.await_begin(process, 2)
        os.kill(children(self.mesh.pid)["millrace-backend"], signal.SIGKILL)
        process.line(lambda line: '"adopted"' in line, "adoption")
        adopted = len(process.out)
        wait_for(lambda: len(process.out) > adopted, "more events")
        self.kill_host()
        self.check_failed(process)


if __name__ == "__main__":
    unittest.main()
