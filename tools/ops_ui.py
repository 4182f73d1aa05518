"""Builds the page of /ops/traces (ops/ui) with npm, where Node is here and the page is older than its sources.

`--detach` returns at once and builds in the background, for `make run`, which never waits for a page: it says nothing and cannot fail.
`--beside` does the same at common priority, for `make test`; its tests of the page come with `--await`, which waits for that build and says
by its exit status whether the page is there (0), does not build (1), or cannot be had here (2).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "ops" / "ui"
BUILT = FOLDER / "dist" / "index.html"
OLDEST_NODE = 18
PATIENCE = 120  # seconds
LOCK = FOLDER / ".building"
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
    """Installs what package-lock.json pins and builds; waits where another does so already. Returns npm's exit status."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stale():
            return 0
        steps = [["npm", "ci", "--no-progress"]] * (not installed()) + [["npm", "run", "build"]]
        codes = (subprocess.run(step, cwd=FOLDER, check=False).returncode for step in steps)
        return next((code for code in codes if code), 0)


def being_built() -> bool:
    """Tells whether somebody builds the page at this moment."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def installed() -> bool:
    """Tells whether the packages that package-lock.json pins are here."""
    marker = FOLDER / "node_modules" / ".package-lock.json"
    return marker.exists() and marker.stat().st_mtime >= (FOLDER / "package-lock.json").stat().st_mtime


def await_page() -> int:
    """Waits for a build under way, builds where only that is missing; returns 0, 1 or 2 as the module says."""
    end = time.monotonic() + PATIENCE
    while being_built() and time.monotonic() < end:
        time.sleep(0.5)
    if not stale():
        return 0
    if being_built() or not node() or not installed():
        print(
            "the page of /ops/traces is not built: Node, or the packages that it is made of, could not be had (make ops-ui)"
        )
        return 2
    return int(build() != 0)


def detach(niceness: int) -> None:
    """Builds in a session of its own, telling a log of it."""
    with LOG.open("wb") as log:
        subprocess.Popen(
            ["nice", "-n", str(niceness), sys.executable, __file__],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=FOLDER,
        )


def main(arguments: list[str]) -> int:
    """Returns 0 where the page is there or is being built, 1 where it cannot be; with `--await` as the module says."""
    if "--await" in arguments:
        return await_page()
    if not stale():
        return 0
    quiet = bool({"--detach", "--beside"} & set(arguments))
    if not node():
        if not quiet:
            print(f"the page needs npm and Node {OLDEST_NODE} or newer to be built", file=sys.stderr)
        return 0 if quiet else 1
    if not quiet:
        return build()
    if os.environ.get("MARQUE_TRACES") != "off" and not being_built():
        detach(0 if "--beside" in arguments else 19)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
