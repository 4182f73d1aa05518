"""Builds the page of /ops/traces (ops/ui) with npm, where Node is here and the page is older than its sources.

`--detach` returns at once and builds in the background, for `make run`, which never waits for a page: it says nothing and cannot fail.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "ops" / "ui"
BUILT = FOLDER / "dist" / "index.html"
OLDEST_NODE = 18
LOG = Path(sys.prefix) / "ops-ui.log"


def stale() -> bool:
    """Tells whether a source is newer than the page, or there is no page."""
    sources = [*FOLDER.glob("src/*"), *FOLDER.glob("*.json"), FOLDER / "index.html", FOLDER / "vite.config.js"]
    return not BUILT.exists() or BUILT.stat().st_mtime < max(path.stat().st_mtime for path in sources)


def node() -> bool:
    """Tells whether npm and a Node of an age that Vite takes are here."""
    if not shutil.which("npm") or not shutil.which("node"):
        return False
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    number = told.strip().removeprefix("v").partition(".")[0]
    return number.isdigit() and int(number) >= OLDEST_NODE


def build() -> int:
    """Installs what package-lock.json pins and builds; one at a time. Returns npm's exit status."""
    with (FOLDER / ".building").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("the page is being built already")
            return 0
        installed = FOLDER / "node_modules" / ".package-lock.json"
        old = not installed.exists() or installed.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime
        steps = [["npm", "ci", "--no-progress"]] * old + [["npm", "run", "build"]]
        codes = (subprocess.run(step, cwd=FOLDER, check=False).returncode for step in steps)
        return next((code for code in codes if code), 0)


def detach() -> None:
    """Builds in a session of its own, at the lowest priority, telling a log of it."""
    with LOG.open("wb") as log:
        subprocess.Popen(
            ["nice", "-n", "19", sys.executable, __file__],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=FOLDER,
        )


def main(arguments: list[str]) -> int:
    """Returns 0 where the page is there or is being built, 1 where it cannot be."""
    if not stale():
        return 0
    quiet = "--detach" in arguments
    if not node():
        if not quiet:
            print(f"the page needs npm and Node {OLDEST_NODE} or newer to be built", file=sys.stderr)
        return 0 if quiet else 1
    if not quiet:
        return build()
    if os.environ.get("MARQUE_TRACES") != "off":
        detach()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
