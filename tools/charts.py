"""Charts: `files` writes what they say of the services from the services' code, `renders` the renders that tests compare."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from devstack.delivery import backing, manifests, tools
from devstack.delivery.fleet import read_fleet
from devstack.delivery.helm import VALUES, Charts
from devstack.delivery.write import files

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "charts" / "golden"
SHOWN = ("customer", "gateway")  # the other services differ in what their code says only


def stale() -> dict[Path, str]:
    """Returns the files that differ from what the code says, with what they should hold."""
    fleet = read_fleet(ROOT)
    wanted = {ROOT / "charts" / name: text for name, text in files(fleet).items()}
    wanted |= {ROOT / "ops" / "backing" / name: text for name, text in backing.files(fleet).items()}
    return {path: text for path, text in wanted.items() if not path.is_file() or path.read_text() != text}


def write_files() -> None:
    """Writes what is stale."""
    for path, text in stale().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def write_renders() -> None:
    """Writes the renders that tests compare; without helm it says so and leaves them."""
    program = tools.helm()
    if program is None:
        print("helm is not installed (`make chart-tools`): the renders stay as they are")
        return
    with tempfile.TemporaryDirectory() as work:
        charts = Charts(ROOT / "charts", Path(work), program)
        charts.build()
        for values in VALUES:
            (GOLDEN / f"{values}.yaml").write_text(manifests.golden(charts.render(values), SHOWN))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["files"]:
            write_files()
        case ["renders"]:
            write_renders()
        case _:
            sys.exit("usage: python tools/charts.py files | renders")
