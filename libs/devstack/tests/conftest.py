"""Fixtures for devstack: processes to watch, fake services to start, a supervisor's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# A stand-in for a service: `migrate` ends, `serve` answers with what it was told and keeps a grandchild.
FAKE_SERVICE = """
import http.server, json, os, subprocess, sys
name = __package__.removeprefix("marque_")
if sys.argv[1] == "migrate":
    print("migrated", name)
    sys.exit(3 if os.environ.get("FAKE_BROKEN") == name else 0)
grandchild = subprocess.Popen(["sleep", "3600"])
told = {k: v for k, v in os.environ.items() if k.startswith("MARQUE_")} | {"grandchild": grandchild.pid}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["MARQUE_HEALTH_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """Polls until the condition is truthy and returns it; a hang fails the test after a generous while."""

    def wait(condition: Callable[[], Any]) -> Any:
        end = time.monotonic() + 60
        while not (value := condition()):
            assert time.monotonic() < end, "the awaited condition never came"
            time.sleep(0.02)
        return value

    return wait


@pytest.fixture
def lives() -> Callable[[int], bool]:
    """Tells whether a process runs; a zombie does not."""

    def probe(pid: int) -> bool:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] not in "ZX"

    return probe


class Devstack:
    """The devstack command against one state folder and a folder of fake services."""

    def __init__(self, folder: Path, services: list[str]) -> None:
        self.state = folder / "state"
        self.modules = folder / "modules"
        for name in services:
            package = self.modules / f"marque_{name}"
            package.mkdir(parents=True)
            (package / "__init__.py").touch()
            (package / "__main__.py").write_text(FAKE_SERVICE, encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MARQUE_")}
        self.env = {**kept, "PYTHONPATH": str(self.modules), "MARQUE_SERVICES": ",".join(services)}
        # Never the operator's own sample data: an empty marquectl hides the installed one.
        (self.modules / "marquectl").mkdir(parents=True)
        (self.modules / "marquectl" / "__init__.py").touch()

    def __call__(self, *arguments: str, prefix: tuple[str, ...] = (), **env: str) -> subprocess.CompletedProcess[str]:
        argv = [*prefix, sys.executable, "-m", "devstack", "--state", str(self.state), *arguments]
        # Reading to the end also proves that the daemon of `up` does not hold its caller's pipes open.
        return subprocess.run(argv, env={**self.env, **env}, capture_output=True, text=True, check=False, timeout=120)

    def status(self) -> dict[str, Any]:
        """The status file; empty while there is none."""
        path = self.state / "status.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def process(self, name: str) -> dict[str, Any]:
        """One process's row of the status file."""
        return next(row for row in self.status()["processes"] if row["name"] == name)


@pytest.fixture
def devstack(tmp_path: Path) -> Iterator[Callable[..., Devstack]]:
    """Makes a Devstack for the named fake services; brings it down at the end."""
    made: list[Devstack] = []

    def make(*services: str) -> Devstack:
        made.append(Devstack(tmp_path, list(services)))
        return made[-1]

    yield make
    for one in made:
        one("down")
