"""Memory kept between steps: page faults, counted by the system, tell whether it was fetched anew."""

import ctypes
import subprocess
import sys

import pytest
import torch

from cnnlab.train import allocator
from cnnlab.train.allocator import gnu_c_library, kept_memory

resource = pytest.importorskip("resource")
CPU = torch.device("cpu")
FAULTS = """
import pathlib, re, resource, torch
from cnnlab.train.allocator import kept_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def resident():
    return int(re.search(r"VmRSS:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) // 1024
print(faults())
before = resident()
with kept_memory(torch.device("cpu")) as keep:
    print(faults())
    keep()
    faults(), faults()  # the first ones have to be fetched, until there is room for one beside another
    print(faults())
    print(resident() - before)
print(resident() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(gnu_c_library() is None or sys.platform != "linux", reason="another C library or system")
def test_freed_memory_is_kept_inside_and_given_back():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    before, not_yet, inside, kept, after = map(int, done.stdout.split())
    assert not_yet > before / 2
    assert inside < before / 10
    assert kept >= 60  # MiB
    assert after < 10


@pytest.mark.parametrize("missing", [AttributeError, OSError, TypeError])
def test_other_libraries_are_left_alone(monkeypatch, missing):
    def fail(_name):
        raise missing

    monkeypatch.setattr(ctypes, "CDLL", fail)
    assert gnu_c_library() is None
    with kept_memory(CPU) as keep:
        keep()


def test_gpus_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator, "gnu_c_library", lambda: pytest.fail("asked"))
    with kept_memory(torch.device("cuda")) as keep:
        keep()
