"""CPU accounting against processes that burn a known amount, alive, ended, and below another."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from bench import cpu

_BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
_SLEEPER = "import sys\nsys.stdin.read()"
# A parent that lets a child burn, collects it, says so, and waits.
_PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", {child!r}])
print("done", flush=True)
sys.stdin.read()
"""
_LIVE = """
import sys, time
while time.process_time() < {seconds}: pass
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start() -> Iterator[object]:
    started: list[subprocess.Popen[str]] = []

    def run(program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


class TestSeconds:
    def test_counts_what_a_process_burned(self, start) -> None:
        process = start(_LIVE.format(seconds=0.3))
        assert process.stdout.readline() == "done\n"
        assert cpu.seconds([process.pid]) >= 0.28

    def test_counts_a_child_that_is_over(self, start) -> None:
        process = start(_PARENT.format(child=_BURN.format(seconds=0.3)))
        assert process.stdout.readline() == "done\n"
        assert cpu.seconds([process.pid]) >= 0.28

    def test_counts_a_child_that_lives_as_one_with_its_root(self, start) -> None:
        process = start(
            f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_LIVE.format(seconds=0.3)!r}])"
        )
        assert process.stdout.readline() == "done\n"
        below = cpu.tree(process.pid)
        assert len(below) == 2
        assert cpu.seconds([process.pid]) >= 0.28
        assert cpu.seconds([process.pid, below[1]]) < 2 * cpu.seconds([process.pid])

    def test_a_process_that_is_gone_counts_nothing(self, start) -> None:
        process = start("pass")
        process.wait()
        assert cpu.seconds([process.pid]) == 0.0


class TestMeter:
    def test_parts_by_name_and_sums(self, start) -> None:
        burner, idle = (
            start("import sys\nfor line in sys.stdin:\n    sum(range(8_000_000))\n    print('done', flush=True)"),
            start(_SLEEPER),
        )
        with cpu.Meter({"burner": [burner.pid], "idle": [idle.pid]}) as used:
            burner.stdin.write("go\n")
            burner.stdin.flush()
            assert burner.stdout.readline() == "done\n"
        assert used.spent["burner"] > used.spent["idle"]
        assert used.total == pytest.approx(sum(used.spent.values()))
        assert used.wall > 0

    def test_leaves_out_what_was_burned_before(self, start) -> None:
        process = start(_LIVE.format(seconds=0.3))
        assert process.stdout.readline() == "done\n"
        with cpu.Meter({"it": [process.pid]}) as used:
            pass
        assert used.spent["it"] < 0.28


class TestMemory:
    def test_the_peak_is_at_least_what_was_held(self) -> None:
        before = cpu.resident(os.getpid())
        with cpu.Peak(os.getpid()) as peak:
            held = bytearray(64 * 2**20)
            held[::4096] = b"x" * len(held[::4096])
            while peak.bytes < before + 48 * 2**20:  # ends by the watcher's next look
                time.sleep(0.01)
            del held
        assert peak.bytes >= before + 48 * 2**20

    def test_the_proportional_size_is_not_above_the_resident(self) -> None:
        pid = os.getpid()
        assert 0 < cpu.pss(pid) <= cpu.resident(pid) * 1.05
