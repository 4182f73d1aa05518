"""What a chart must know of each service, read from its code: whom it calls, what it hears, which schema its image carries."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.contract import DOMAIN_SERVICES, GATEWAY

_CALLED = re.compile(r"/marque\.([a-z]+)\.v1\.")
_PEERS = frozenset({"Peer", "_peer"})


@dataclass(frozen=True)
class Hearing:
    """A durable consumer of a service on another one's stream."""

    source: str
    consumer: str


@dataclass(frozen=True)
class Member:
    """One service of the platform. `revision` is the newest migration of its image, empty where it has no database."""

    name: str
    calls: tuple[str, ...]
    callers: tuple[str, ...]
    revision: str
    hears: tuple[Hearing, ...]

    @property
    def is_gateway(self) -> bool:
        """Whether it is the front door, which owns no data."""
        return self.name == GATEWAY


def installed(root: Path) -> list[str]:
    """The services whose code lies below `root`/services, the gateway last. One that is added there joins the charts by that."""
    names = (*DOMAIN_SERVICES, GATEWAY)
    return [name for name in names if (_package(root, name) / "__main__.py").is_file()]


def read_fleet(root: Path) -> list[Member]:
    """Reads every installed service."""
    names = installed(root)
    calls = {name: called_by(_package(root, name), name, names) for name in names}
    return [
        Member(
            name=name,
            calls=calls[name],
            callers=tuple(other for other in names if name in calls[other]),
            revision=newest_revision(_package(root, name) / "migrations" / "versions"),
            hears=tuple(heard_by(name)) if name != GATEWAY else (),
        )
        for name in names
    ]


def called_by(package: Path, name: str, services: Sequence[str]) -> tuple[str, ...]:
    """Whom a service calls, as its `clients` and its wiring say: methods named by path, peers made by name.

    A path whose service is put in at run time (`f"/marque.{service}.v1…"`) may lead to any of the domain services. The gateway
    passes on to all of them.
    """
    domain = [other for other in services if other != GATEWAY]
    if name == GATEWAY:
        return tuple(domain)
    found: set[str] = set()
    for path in _rooms(package, ("clients", "service")):
        found |= _called_in(ast.parse(path.read_text(encoding="utf-8")), domain)
    return tuple(other for other in domain if other in found and other != name)


def newest_revision(folder: Path) -> str:
    """The number of the newest migration in a folder, empty where there is none."""
    return max((path.name.split("_")[0] for path in folder.glob("[0-9]*_*.py")), default="")


def heard_by(name: str) -> Iterable[Hearing]:
    """The consumers that a service declares in its `subscribers`."""
    declared = importlib.import_module(f"marque_{name}.subscribers").subscriptions()
    return sorted((Hearing(one.source, one.name) for one in declared), key=lambda one: one.consumer)


def _package(root: Path, name: str) -> Path:
    return root / "services" / name / "src" / f"marque_{name}"


def _rooms(package: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        if (package / f"{name}.py").is_file():
            yield package / f"{name}.py"
        yield from sorted((package / name).rglob("*.py"))


def _called_in(tree: ast.Module, domain: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(_CALLED.findall(node.value))
        elif isinstance(node, ast.JoinedStr) and _names_any_service(node):
            found.update(domain)
        elif isinstance(node, ast.Call) and _callee(node.func) in _PEERS:
            words = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            found.update(words[:1])
    return found


def _names_any_service(text: ast.JoinedStr) -> bool:
    parts = text.values
    return any(
        isinstance(part, ast.Constant) and str(part.value).endswith("marque.") and index + 1 < len(parts)
        for index, part in enumerate(parts)
    )


def _callee(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
