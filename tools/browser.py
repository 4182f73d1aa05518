"""Installs Debian's Chromium for the tests that look at pages, where it is absent and this machine lets us: as root, with apt.

Where it cannot be had, those tests are skipped by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PATIENCE = 120
_STEPS = (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"])


def present() -> bool:
    """Tells whether a Chromium is on the path."""
    return bool(shutil.which("chromium") or shutil.which("chromium-browser"))


def install() -> str:
    """Installs it; returns what went wrong, empty for nothing."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return "it takes root and Debian's apt-get"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in _STEPS:
        try:
            done = subprocess.run(step, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return f"{' '.join(step)} took longer than {PATIENCE} s"
        if done.returncode:
            return (done.stderr or done.stdout).strip().rpartition("\n")[2]
    return ""


def main() -> int:
    """Returns 0: tests without a browser say so."""
    wrong = "" if present() else install()
    if wrong:
        print(f"Chromium could not be had, what needs it is skipped: {wrong}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
