#!/usr/bin/env python3
"""What chapter 12's program says of a GPU that it cannot use, before a stand-in for NVIDIA's driver (build/fakes/libcuda.so.1).

usage: gpu_command_line_test.py PROGRAM [unittest arguments]
"""
import os
import subprocess
import sys
import unittest

PROGRAM = None


def first_line(device, visible=None, driver=True, **stub):
    """Exit status and the first line that the program writes to standard error."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CUDA_VISIBLE_DEVICES", "VERSE_DEVICE")}
    if driver:
        environment["LD_LIBRARY_PATH"] = os.path.join(os.path.dirname(os.path.realpath(PROGRAM)), "fakes")
    environment.update({f"VERSE_STUB_{name.upper()}": str(value) for name, value in stub.items()})
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    done = subprocess.run([PROGRAM, "bench", "--rounds", "1", "--threads", "1", "--layers", "1", "--device", device], capture_output=True,
                          timeout=120, text=True, env=environment)
    return done.returncode, done.stderr.splitlines()[0]


@unittest.skipIf(os.path.exists("/dev/nvidia0") or os.path.exists("/dev/nvidiactl"), "here is a real driver")
class Driver(unittest.TestCase):
    def assert_line(self, outcome, status, *words):
        self.assertEqual(outcome[0], status, outcome)
        for word in words:
            self.assertIn(word, outcome[1])

    def test_none(self):
        self.assert_line(first_line("auto", driver=False), 0, "the CPU, because no NVIDIA driver is installed")
        self.assert_line(first_line("cuda", driver=False), 2, "--device cuda: no NVIDIA driver is installed")

    def test_one_that_does_not_start(self):
        self.assert_line(first_line("auto", start=999), 0, "the NVIDIA driver does not start (error 999)")

    def test_no_gpu(self):
        self.assert_line(first_line("cuda", start=100), 2, "the NVIDIA driver finds no GPU")
        self.assert_line(first_line("cuda", gpus=0), 2, "the NVIDIA driver finds no GPU")

    def test_gpus_hidden(self):
        # With an empty list the driver starts with the error "no device", and with another it counts none.
        self.assert_line(first_line("cuda", visible="", start=100), 2, 'CUDA_VISIBLE_DEVICES="" leaves no GPU to be seen')
        self.assert_line(first_line("auto", visible="-1", gpus=0), 0, 'the CPU, because CUDA_VISIBLE_DEVICES="-1" leaves no GPU')

    def test_a_gpu_without_cudas_libraries(self):
        # The driver answers, and LibTorch for a CPU alone cannot use it: one line, and the CPU.
        status, line = first_line("auto")
        self.assertEqual(status, 0, line)
        self.assertRegex(line, "the CPU, because (LibTorch's CUDA half does not load|LibTorch cannot use)")

    def test_names(self):
        for name in ("cuda:", "cuda:x", "cuda:1234", "gpu", "cuda:-1"):
            self.assert_line(first_line(name), 2, "--device must be auto, cpu, cuda, cuda:N or mps", name)
        self.assert_line(first_line("cuda:1", driver=False), 2, "--device cuda:1: no NVIDIA driver")


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
