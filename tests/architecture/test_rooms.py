"""The services have the same rooms, and look only downwards."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = [path for path in sorted(ROOT.glob("services/*/src/marque_*")) if path.name != "marque_gateway"]
ROOMS = [
    "__main__", "service", "settings", "api", "mapping", "usecases", "rules", "models", "repository", "subscribers", "errors",
    "migrations", "personal", "handover",
]  # fmt: skip
OPTIONAL = {"clients", "due", "events", "linking", "learning"}
LEVELS = {
    "__main__": 9, "service": 8, "api": 7, "subscribers": 7, "due": 7, "personal": 6, "handover": 6, "usecases": 5, "mapping": 4,
    "repository": 4, "clients": 4, "events": 4, "models": 3, "linking": 3, "learning": 3, "rules": 2, "errors": 1, "settings": 1,
}  # fmt: skip
APART = {"linking", "learning"}  # processes of their own
MAY_ALSO = {("usecases", "mapping")}  # an answer may be rendered where it is made


def modules(service: Path) -> list[tuple[str, Path]]:
    found = []
    for path in sorted(service.rglob("*.py")):
        room = path.relative_to(service).parts[0].removesuffix(".py")
        if room not in ("__init__", "migrations"):
            found.append((room, path))
    return found


def imported_rooms(path: Path, package: str) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == package:
            parts = node.module.split(".")
            rooms.update({parts[1]} if len(parts) > 1 else {alias.name for alias in node.names})
        elif isinstance(node, ast.Import):
            rooms.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith(f"{package}."))
    return rooms


def calls(path: Path, name: str) -> list[int]:
    tree = ast.walk(ast.parse(path.read_text()))
    return [
        n.lineno for n in tree if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == name
    ]


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
class TestRooms:
    def test_every_service_has_the_same_rooms(self, service: Path) -> None:
        files = (path.name.removesuffix(".py") for path in service.iterdir())
        present = {name for name in files if name not in ("__init__", "__pycache__", "py.typed")}

        assert set(ROOMS) - present == set(), "rooms that are missing"
        assert present - set(ROOMS) - OPTIONAL == set(), "rooms that the house does not know: see docs/architecture.md"

    def test_rooms_import_only_what_lies_below_them(self, service: Path) -> None:
        wrong = [
            f"{path.relative_to(ROOT)} ({room}) imports {other}"
            for room, path in modules(service)
            for other in imported_rooms(path, service.name)
            if other != room
            and other in LEVELS
            and LEVELS[other] >= LEVELS.get(room, 0)
            and (room, other) not in MAY_ALSO
        ]

        assert wrong == []

    def test_nothing_imports_a_room_whose_libraries_weigh_more_than_the_service(self, service: Path) -> None:
        wrong = [
            str(path.relative_to(ROOT))
            for room, path in modules(service)
            if (imported_rooms(path, service.name) - {room}) & APART
        ]

        assert wrong == [], "start `python -m <package>.<room>` instead"

    def test_only_the_unit_of_work_commits(self, service: Path) -> None:
        wrong = [f"{path.relative_to(ROOT)}:{line}" for _, path in modules(service) for line in calls(path, "commit")]

        assert wrong == [], "use cases leave the unit of work; only servicekit/db/uow.py commits"

    def test_sql_stands_in_the_repository_alone(self, service: Path) -> None:
        wrong = [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for room, path in modules(service)
            if room not in ("repository", "models", "linking")  # the linker has a DuckDB file of its own
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_sql(node.value)
        ]

        assert wrong == [], "SQL belongs into the repository, where visibility is applied"


def is_sql(text: str) -> bool:
    head = text.strip().split(maxsplit=1)[:1]
    return bool(head) and head[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH") and " " in text.strip()


class TestSizes:
    def test_no_file_is_longer_than_the_hard_budget(self) -> None:
        long = [
            f"{path.relative_to(ROOT)}: {count} lines"
            for folder in ("libs", "services", "tools", "bench")
            for path in sorted(
                ROOT.glob(f"{folder}/**/src/**/*.py" if folder in ("libs", "services") else f"{folder}/**/*.py")
            )
            if not path.name.endswith(("_pb2.py", "_pb2_grpc.py"))
            and (count := len(path.read_text().splitlines())) > 400
        ]

        assert long == [], "split it by verb or noun"
