"""Runs mypy over each package by itself, so that equal module names of different packages do not meet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(ROOT.glob("libs/*/src")) + sorted(ROOT.glob("services/*/src"))
PACKAGES = ["servicekit", "tradekit", "devstack", "marquectl", "sight"]


def main() -> int:
    """Returns the number of packages with findings."""
    environment = {**os.environ, "MYPYPATH": ":".join(map(str, SOURCES))}
    services = sorted(path.name for path in ROOT.glob("services/*/src/marque_*"))
    failed = 0
    for package in [*PACKAGES, *services]:
        command = [sys.executable, "-m", "mypy", "--no-error-summary", "-p", package]
        failed += bool(subprocess.run(command, cwd=ROOT, env=environment).returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main())
