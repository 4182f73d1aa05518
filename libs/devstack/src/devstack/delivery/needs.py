"""What an image must hold: our packages, and of the pinned libraries those that their code imports, with all that these need."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OPERATOR = "operator"
_LIBRARIES = ("marque_api", "servicekit", "tradekit")
_OPERATING = ("devstack", "marquectl")
_NOT_RUN = {"servicekit": ("testing",), "devstack": ("delivery",)}  # in an image, and by nobody
_UNSEEN = ("tzdata", "opentelemetry-exporter-otlp-proto-grpc")  # read and loaded by name, not imported


@dataclass(frozen=True)
class Image:
    """One image: which of our packages it holds (folders below the root) and the module that it runs."""

    name: str
    packages: tuple[str, ...]
    module: str


def images(services: Iterable[str]) -> list[Image]:
    """The images of an installation: one for each service, and the operator's."""
    shared = tuple(f"libs/{name}" for name in _LIBRARIES)
    found = [Image(name, (*shared, f"services/{name}"), f"marque_{name}") for name in services]
    operating = tuple(f"libs/{name}" for name in _OPERATING)
    return [*found, Image(OPERATOR, (*shared, *operating), "devstack.issuer_app")]


def requirements(root: Path, image: Image) -> str:
    """Returns the part of requirements.lock that an image needs, hashes included. Raises LookupError for an import that no pin brings."""
    pins = read_lock(root / "requirements.lock")
    asked = _asked(root / "requirements.in")
    direct: set[str] = set(_UNSEEN)
    ours = {path.name for package in image.packages for path in (root / package / "src").iterdir()}
    for package in image.packages:
        for module in imported(root / package / "src", _NOT_RUN.get(Path(package).name, ())) - ours:
            direct.update(_providers(module, asked))
    return "".join(pins[name] for name in sorted(_closure(direct, asked)) if name in pins)


def imported(folder: Path, leave_out: Iterable[str] = ()) -> set[str]:
    """Returns the outermost modules of others that the code below a folder imports."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        if set(path.relative_to(folder).parts) & set(leave_out):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                found.add(node.module.split(".")[0])
    ours = {*_LIBRARIES, *_OPERATING}
    return {
        name
        for name in found
        if name not in sys.stdlib_module_names and name not in ours and not name.startswith("marque")
    }


def read_lock(path: Path) -> Mapping[str, str]:
    """Returns name → its lines of a lock file, which may pin it several times: for one Python this, for another that."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", path.read_text(encoding="utf-8").strip()):
        name = canonicalize_name(re.split(r"[=\[ ;]", entry, maxsplit=1)[0])
        found[name] = found.get(name, "") + entry.rstrip() + "\n"
    return found


def _asked(path: Path) -> Mapping[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(one.name): one for one in map(Requirement, filter(None, lines))}


def _providers(module: str, asked: Mapping[str, Requirement]) -> set[str]:
    """The distributions that may bring a module: of several (a namespace) those that were asked for."""
    found = {canonicalize_name(name) for name in _distributions().get(module, ())}
    if not found:
        raise LookupError(f"no installed distribution brings the module {module}")
    return found & asked.keys() or found


@cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def _closure(direct: Iterable[str], asked: Mapping[str, Requirement]) -> set[str]:
    seen: set[tuple[str, frozenset[str]]] = set()
    open_ones = [(name, frozenset(asked[name].extras if name in asked else ())) for name in direct]
    while open_ones:
        name, extras = one = open_ones.pop()
        if one in seen:
            continue
        seen.add(one)
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # needed on other systems only
        for need in map(Requirement, needs):
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""}):
                open_ones.append((canonicalize_name(need.name), frozenset(need.extras)))
    return {name for name, _ in seen}
