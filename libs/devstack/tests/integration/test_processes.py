"""The supervisor with real children."""

from __future__ import annotations

import asyncio
import contextlib
import graphlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from devstack.child import ROTATE_AT, rotate
from devstack.locks import is_locked, wait_unlocked
from devstack.processes import ProcessSpec, StartFailed, Supervisor

SLEEP = ["sleep", "3600"]
Until = Callable[[Callable[[], Any]], Any]
Lives = Callable[[int], bool]

# A supervisor in a process of its own, to be killed: one child with a grandchild, one that ignores SIGTERM.
VICTIM = """
import asyncio, sys
from pathlib import Path
from devstack.processes import ProcessSpec, Supervisor
async def main():
    home = Path(sys.argv[1])
    forks = ["/bin/sh", "-c", "sleep 3600 & echo $!; wait"]
    deaf = ["/bin/sh", "-c", "trap '' TERM INT HUP; while :; do sleep 0.2; done"]
    specs = [ProcessSpec("forks", forks), ProcessSpec("deaf", deaf)]
    supervisor = Supervisor(specs, home, home / "status.json", home / "warden.lock")
    await supervisor.start()
    print(supervisor._warden.pid, flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


def supervisor(home: Path, *specs: ProcessSpec) -> Supervisor:
    return Supervisor(specs, home / "logs", home / "status.json", home / "warden.lock")


def shell(name: str, script: str, **more: Any) -> ProcessSpec:
    return ProcessSpec(name, ["/bin/sh", "-c", script], **more)


async def come(condition: Callable[[], Any]) -> Any:
    """Polls, because files and foreign processes have no event to wait for, without holding the supervisor's loop."""
    async with asyncio.timeout(60):
        while not (value := condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return value


class TestStart:
    async def test_starts_in_the_order_of_needs(self, tmp_path: Path) -> None:
        journal = tmp_path / "journal"
        one = supervisor(
            tmp_path,
            shell("last", f"echo last >> {journal}; sleep 3600", depends_on=("step",), ready=lambda: True),
            shell("step", f"sleep 0.2; echo step >> {journal}", depends_on=("first",), one_shot=True),
            shell("first", f"sleep 0.2; echo first >> {journal}; sleep 3600", ready=journal.exists),
        )
        await one.start()
        await come(lambda: "last" in journal.read_text(encoding="utf-8"))
        await one.stop()
        assert journal.read_text(encoding="utf-8").split() == ["first", "step", "last"]

    async def test_a_child_that_exits_stops_the_rest_and_shows_its_last_words(
        self, tmp_path: Path, lives: Lives
    ) -> None:
        one = supervisor(
            tmp_path,
            ProcessSpec("steady", SLEEP),
            shell("broken", "sleep 0.3; echo the disk is full; exit 7", ready=lambda: False, depends_on=("steady",)),
        )
        task = asyncio.create_task(one.start())
        pid = await come(lambda: one.children["steady"].pid)
        with pytest.raises(StartFailed, match=r"broken exited with 7 while starting(.|\n)*the disk is full"):
            await task
        assert not lives(pid)
        assert not is_locked(tmp_path / "warden.lock")
        assert json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))["phase"] == "failed"

    async def test_a_child_that_never_gets_ready_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(StartFailed, match=r"slow was not ready within 0\.2 s"):
            await supervisor(tmp_path, ProcessSpec("slow", SLEEP, ready=lambda: False, start_deadline=0.2)).start()

    async def test_a_command_that_does_not_exist_is_told(self, tmp_path: Path) -> None:
        absent = ProcessSpec("absent", ["/no/such/program"], ready=lambda: False, death_signal=None)
        with pytest.raises(StartFailed, match=r"absent could not be started.*no/such/program"):
            await supervisor(tmp_path, absent).start()

    async def test_a_failing_preparation_is_told(self, tmp_path: Path) -> None:
        def refuse() -> None:
            raise RuntimeError("no room")

        with pytest.raises(StartFailed, match="picky could not be started: no room"):
            await supervisor(tmp_path, ProcessSpec("picky", SLEEP, prepare=refuse)).start()

    def test_an_unknown_need_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="one depends on ghost"):
            supervisor(tmp_path, ProcessSpec("one", SLEEP, depends_on=("ghost",)))

    def test_a_circle_of_needs_is_refused(self, tmp_path: Path) -> None:
        specs = (ProcessSpec("a", SLEEP, depends_on=("b",)), ProcessSpec("b", SLEEP, depends_on=("a",)))
        with pytest.raises(graphlib.CycleError):
            supervisor(tmp_path, *specs)


class TestKeep:
    async def test_a_killed_child_comes_back_and_is_counted(self, tmp_path: Path) -> None:
        one = supervisor(tmp_path, ProcessSpec("child", SLEEP))
        await one.start()
        try:
            child = one.children["child"]
            for count in (1, 2):
                before = child.pid
                assert before is not None
                os.kill(before, signal.SIGKILL)
                await come(lambda count=count: child.restarts == count and child.is_ready)
                assert child.pid != before
            rows = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))["processes"]
            assert rows == [{"name": "child", "pid": child.pid, "restarts": 2, "ready": True, "one_shot": False}]
        finally:
            await one.stop()

    async def test_what_a_dead_child_left_behind_goes_before_it_comes_back(self, tmp_path: Path, lives: Lives) -> None:
        log = tmp_path / "logs" / "forks.log"
        one = supervisor(tmp_path, shell("forks", "sleep 3600 & echo $!; wait"))
        await one.start()
        try:
            grandchild = int(await come(lambda: log.read_text(encoding="utf-8")))
            pid = one.children["forks"].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await come(lambda: one.children["forks"].restarts == 1)
            await come(lambda: not lives(grandchild))
        finally:
            await one.stop()


class TestStop:
    async def test_a_child_that_ignores_the_signal_is_killed_after_its_grace(
        self, tmp_path: Path, lives: Lives
    ) -> None:
        log = tmp_path / "logs" / "deaf.log"
        script = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"
        one = supervisor(tmp_path, shell("deaf", script, grace=0.2))
        await one.start()
        await come(lambda: log.read_text(encoding="utf-8"))
        pid = one.children["deaf"].pid
        assert pid is not None
        await one.stop()
        assert not lives(pid)

    async def test_those_who_need_others_end_first(self, tmp_path: Path) -> None:
        journal = tmp_path / "journal"

        def ends(name: str, *needs: str) -> ProcessSpec:
            script = (
                f"trap 'echo {name} >> {journal}; exit' TERM; touch {tmp_path}/{name}; while :; do sleep 0.05; done"
            )
            return shell(name, script, depends_on=needs, ready=(tmp_path / name).exists)

        one = supervisor(tmp_path, ends("base"), ends("middle", "base"), ends("top", "middle"))
        await one.start()
        await one.stop()
        assert journal.read_text(encoding="utf-8").split() == ["top", "middle", "base"]

    async def test_stopping_during_the_start_leaves_nothing(self, tmp_path: Path, lives: Lives) -> None:
        one = supervisor(tmp_path, ProcessSpec("waits", SLEEP, ready=lambda: False))
        task = asyncio.create_task(one.start())
        pid = await come(lambda: one.children["waits"].pid)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not lives(pid)


class TestDeathOfTheSupervisor:
    def test_kill_minus_nine_leaves_no_orphan_not_even_a_grandchild(
        self, tmp_path: Path, lives: Lives, until: Until
    ) -> None:
        with self.victim(tmp_path) as (victim, _):
            grandchild = int(until(lambda: (tmp_path / "forks.log").read_text(encoding="utf-8")))
            family = [grandchild, *self.children(tmp_path)]
            assert all(lives(pid) for pid in family)
            victim.kill()
            victim.wait()
        until(lambda: not any(lives(pid) for pid in family))
        assert wait_unlocked(tmp_path / "warden.lock", 30)

    def test_children_die_with_it_even_when_its_warden_was_killed_before(
        self, tmp_path: Path, lives: Lives, until: Until
    ) -> None:
        with self.victim(tmp_path) as (victim, warden):
            grandchild = int(until(lambda: (tmp_path / "forks.log").read_text(encoding="utf-8")))
            os.kill(warden, signal.SIGKILL)
            victim.kill()
            victim.wait()
        try:
            until(lambda: not any(lives(pid) for pid in self.children(tmp_path)))
        finally:
            # Only the warden reaches grandchildren.
            os.kill(grandchild, signal.SIGKILL)

    @staticmethod
    @contextlib.contextmanager
    def victim(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """A supervisor to be killed, once it is up, and its warden's process id."""
        process = subprocess.Popen([sys.executable, "-c", VICTIM, str(home)], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()
            process.communicate()

    @staticmethod
    def children(home: Path) -> list[int]:
        return [row["pid"] for row in json.loads((home / "status.json").read_text(encoding="utf-8"))["processes"]]


class TestRotate:
    @pytest.mark.parametrize(("size", "rotated"), [(0, False), (ROTATE_AT, False), (ROTATE_AT + 1, True)])
    def test_only_a_log_beyond_the_limit_is_moved(self, tmp_path: Path, size: int, rotated: bool) -> None:
        log = tmp_path / "a.log"
        with log.open("wb") as file:
            file.truncate(size)
        rotate(log)
        assert log.exists() is not rotated
        assert (tmp_path / "a.log.1").exists() is rotated
