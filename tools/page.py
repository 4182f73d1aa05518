"""Builds what the survey page's script judges conditions by (services/gateway/page), where npm is here and it is older than its sources.

Seconds on a new clone, nothing after. Without npm or a registry the page works all the same: it asks the server what to show.
`--detach` builds in the background, for `make run`, which waits for no registry: the gateway takes the rules when they are there.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from ops_ui import OLDEST_NODE, node

GATEWAY = Path(__file__).resolve().parent.parent / "services" / "gateway"
FOLDER = GATEWAY / "page"
BUILT = GATEWAY / "src" / "marque_gateway" / "survey" / "built" / "rules.js"
PATIENCE = 120


def stale() -> bool:
    """Tells whether a source is newer than what was built, or nothing was."""
    sources = [*FOLDER.glob("src/*.js"), FOLDER / "package.json", FOLDER / "package-lock.json"]
    return not BUILT.exists() or BUILT.stat().st_mtime < max(path.stat().st_mtime for path in sources)


def build() -> str:
    """Installs what package-lock.json pins and builds; returns what went wrong, empty for nothing."""
    made = BUILT.with_suffix(".new")  # put in its place as a whole: a gateway may look at any moment
    for step in (["npm", "ci", "--no-progress"], ["npm", "run", "build", "--", f"--outfile={made}"]):
        try:
            done = subprocess.run(step, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return f"{' '.join(step)} took longer than {PATIENCE} s"
        if done.returncode:
            return (done.stderr or done.stdout).strip().rpartition("\n")[2] or f"{' '.join(step)} failed"
    os.replace(made, BUILT)
    return ""


def main(arguments: list[str]) -> int:
    """Returns 0: the page works without these rules."""
    if "--detach" in arguments:
        if stale() and node():
            quiet = subprocess.DEVNULL
            subprocess.Popen(
                [sys.executable, __file__], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
            )
        return 0
    with (FOLDER / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stale():
            return 0
        wrong = build() if node() else f"npm and Node {OLDEST_NODE} or newer are needed"
    if wrong:
        print(f"the survey page's rules could not be built, the page asks the server instead: {wrong}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
