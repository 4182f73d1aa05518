"""Builds, lints, renders and packages the charts with helm, in a copy: the working tree stays as it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from devstack.delivery import tools

UMBRELLA = "marque"
LIBRARY = "service"
VALUES = ("evaluation", "production")
Manifest = Mapping[str, Any]


class HelmFailed(RuntimeError):
    """Helm refused; the message is its own."""


class Charts:
    """The charts, built in `work` from those in `source` (charts/ of the project)."""

    def __init__(self, source: Path, work: Path, program: Path) -> None:
        self.folder = work / "charts"
        self._program = program
        shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns("Chart.lock"))

    @property
    def leaves(self) -> list[str]:
        """The charts of the services."""
        return sorted(path.name for path in self.folder.iterdir() if path.name not in (UMBRELLA, LIBRARY))

    def build(self) -> None:
        """Puts into each chart what it depends on; leaves first, because helm does not look into what it takes."""
        for name in (*self.leaves, UMBRELLA):
            shutil.rmtree(self.folder / name / "charts", ignore_errors=True)
            self.run("dependency", "update", "--skip-refresh", name)

    def lint(self, name: str, values: str = "") -> str:
        """Lints a chart strictly; returns what helm says."""
        return self.run("lint", "--strict", name, *self._values(values))

    def render(self, values: str, *more: str, release: str = "marque", namespace: str = "crm") -> list[Manifest]:
        """Renders the umbrella with one of its values files."""
        arguments = ("--namespace", namespace, *self._values(values), *more)
        text = self.run("template", release, UMBRELLA, *arguments)
        return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]

    def package(self, target: Path) -> Path:
        """Packages the umbrella, with its values files beside; returns the archive."""
        target.mkdir(parents=True, exist_ok=True)
        self.run("package", UMBRELLA, "--destination", str(target.absolute()))
        for name in VALUES:
            shutil.copy(self.folder / UMBRELLA / f"values-{name}.yaml", target)
        return next(iter(sorted(target.glob("marque-*.tgz"))))

    def run(self, *arguments: str) -> str:
        """Runs helm among the charts; returns what it prints. Raises HelmFailed."""
        done = subprocess.run(
            [str(self._program), *arguments], cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode != 0:
            raise HelmFailed(f"helm {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _values(self, values: str) -> Sequence[str]:
        return ("--values", f"{UMBRELLA}/values-{values}.yaml") if values else ()


def main(arguments: Sequence[str]) -> int:
    """`package <folder>`: builds the umbrella's archive there; returns the exit status."""
    import tempfile

    program = tools.helm()
    if program is None or len(arguments) != 2 or arguments[0] != "package":
        print(
            "usage: python -m devstack.delivery.helm package <folder> (after `make charts` brought helm)",
            file=sys.stderr,
        )
        return 2
    with tempfile.TemporaryDirectory() as work:
        charts = Charts(Path("charts"), Path(work), program)
        charts.build()
        print(charts.package(Path(arguments[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
