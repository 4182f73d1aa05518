"""The test's end of processes that die where they are told (`crash.dying`)."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from servicekit.testing.platform import PATIENCE, environment_of

_STUCK = 30.0 * PATIENCE


class Workers:
    """Makes processes of a script, with the settings of a service; what they say goes to `workers.log` of the folder."""

    def __init__(self, script: Path, settings: Any, folder: Path) -> None:
        with (folder / "workers.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a script of our own tests
                [sys.executable, str(script)],
                env={**environment_of(settings), "MARQUE_ENVIRONMENT": "development", "PATH": ""},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def _ask(self, words: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    async def start(self, step: str, passes: int = 1, number: int = signal.SIGKILL, *words: object) -> int:
        """Starts a process; returns its id. `words` are what it runs with."""
        told = " ".join([step, str(passes), str(int(number)), *map(str, words)])
        return int(await asyncio.to_thread(self._ask, told))

    async def end(self, worker: int, seconds: float = _STUCK) -> str:
        """Waits for the end of a process, or until it stops; after so many seconds it is killed, and was `stuck`."""
        return await asyncio.to_thread(self._ask, f"wait {worker} {seconds}")

    def close(self) -> None:
        """Ends the process from which others are forked."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
