"""Training with the CUDA engine through every layer, on the emulated device of tests/emulation; or on
a real one: tests/gpu."""

import os
import unittest

import train_test
from mesh_processes import outcome, wait_for

EMULATED = os.environ.get("MILLRACE_REAL_GPU") is None


class CudaTest(train_test.StopCase):
    OTHER_PROGRAMS = {
        "millrace-training-host": "tests/emulation/millrace-training-host"} if EMULATED else {}
    LONG = dict(epochs=60, hidden="[8]", batch=128)
    FLAGS = ("--device", "cuda")

    def test_the_device_is_named_and_the_weights_are_its_own(self):
        trained = self.result(self.train(*self.FLAGS))
        self.assertRegex(trained["device"], "^cuda:0 emulated$" if EMULATED else "^cuda:0 ")
        on_cpu = self.result(self.train("--device", "cpu"))
        self.assertNotEqual(trained["weightsSha256"], on_cpu["weightsSha256"])
        self.assertAlmostEqual(trained["test"]["loss"], on_cpu["test"]["loss"], places=3)

    def test_ctrl_c_keeps_a_checkpoint_and_resume_goes_on_bit_for_bit(self):
        self.check_ctrl_c()

    def test_a_host_that_is_killed_goes_on_bit_for_bit(self):
        self.check_kills(1)


class MemoryTest(train_test.TrainingCase):
    OTHER_PROGRAMS = CudaTest.OTHER_PROGRAMS

    def settings(self):
        return {"MILLRACE_TRAINING_HOST_GPU_MEMORY_MIB": "3"}

    def test_what_the_gpu_lacks_is_named_and_without_a_wish_the_cpu_does_it(self):
        refused = self.millrace("train", self.strategy(hidden="[512, 512]"), "--device", "cuda")
        self.check_one_line(refused, "MiB of device memory are needed")
        self.check_cpu(self.train(hidden="[512, 512]", epochs=1))

    def test_a_network_that_fits_with_rows_that_do_not(self):
        with open(self.strategy(hidden="[4]", epochs=1)) as file:
            text = file.read()
        long = self.strategy(text.replace("  training: {", "  features: {lookback_periods: 50}\n  training: {", 1))
        refused = self.millrace("train", long, "--device", "cuda")
        self.check_one_line(refused, "the rows", "MiB of device memory are needed")
        self.check_cpu(self.json("train", long))

    def check_cpu(self, events):
        said = [event["log"]["text"] for event in events if "log" in event]
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0], "^on the CPU, since CUDA has failed: cuda:0 ")
        self.assertRegex(self.result(events)["device"], "^cpu ")


@unittest.skipUnless(EMULATED, "a device is not broken for a test")
class BrokenTest(train_test.TrainingCase):
    OTHER_PROGRAMS = CudaTest.OTHER_PROGRAMS

    def settings(self):
        return {"CUDA_EMULATION_BROKEN": "1"}

    def test_a_gpu_that_has_failed_is_not_tried_again(self):
        for tried in [True, False]:
            events = self.train(epochs=1)
            said = [event["log"]["text"] for event in events if "log" in event]
            self.assertEqual(["since CUDA has failed" in text for text in said], [True] if tried else [])
            self.assertRegex(self.result(events)["device"], "^cpu ")
        self.check_one_line(self.millrace("train", self.strategy(), "--device", "cuda"), "the GPU has failed")
        status, = self.json("call", "millrace.v1.TrainingAdapter/Status", "{}")
        self.assertFalse(status.get("gpu", False))


class DiskTest(train_test.TrainingCase):
    OTHER_PROGRAMS = CudaTest.OTHER_PROGRAMS

    def put_a_file_in_its_place(self, directory):
        try:
            os.rename(directory, self.path("away-%d" % len(os.listdir(self.root))))
            open(directory, "x").close()
        except OSError:  # the host has made it again in between
            return False
        return True

    def test_a_checkpoint_that_cannot_be_written_is_not_the_gpus_fault(self):
        process = self.start("millrace", "train", self.strategy(epochs=1000000, hidden="[4]"), "--device",
                             "cuda", "--checkpoint-epochs", "1", "--output=json")
        process.line(lambda line: '"checkpoint"' in line, "checkpoint")
        name = process.json_lines()[0]["operation"]
        wait_for(lambda: self.put_a_file_in_its_place(os.path.join(self.home, "checkpoints", name)), "a file")
        self.assertNotEqual(process.wait(), 0, process.transcript())
        self.assertIn("checkpoint", outcome(process.json_lines())["failed"]["message"])
        self.assertRegex(self.result(self.train("--device", "cuda", epochs=1))["device"], "^cuda:0 ")


if __name__ == "__main__":
    unittest.main()
