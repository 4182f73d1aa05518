"""Brings prometheus and promtool from Debian's package into .venv/tools, where this machine has apt and neither is on the path.

Nothing is installed on the machine and nothing has to be: tests that need them are skipped by name without. Never fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(sys.prefix) / "tools"
PACKAGE = "prometheus"
_PATIENCE = 120  # seconds, for each step


def there() -> bool:
    """Tells whether both programs can be run."""
    path = f"{FOLDER / 'usr' / 'bin'}:{os.environ.get('PATH', '')}"
    return all(shutil.which(name, path=path) for name in ("prometheus", "promtool"))


def bring() -> bool:
    """Downloads and unpacks the package; where the list of packages is missing it is asked for once."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        if not _ran(["apt-get", "download", "-q", PACKAGE], folder):
            _ran(["apt-get", "update", "-q"], folder)
            if not _ran(["apt-get", "download", "-q", PACKAGE], folder):
                return False
        found = next(Path(folder).glob(f"{PACKAGE}_*.deb"), None)
        return found is not None and _ran(["dpkg-deb", "-x", str(found), str(FOLDER)], folder)


def _ran(command: list[str], folder: str) -> bool:
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    if not there() and not bring():
        print("prometheus and promtool could not be brought here: the tests that need them are skipped by name")
