"""The registry of fixtures: for every RPC of the contracts exactly one, keyed by its path. A service joins by a module in `fixtures`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from servicekit import contract
from servicekit.testing.access import fixtures


@dataclass(frozen=True)
class Row:
    """A row of the world: where it lies, its id, and what else a request must say of it."""

    place: str
    id: str
    facts: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.facts[name]


Request = Callable[[Any, Row], Any]
"""(caller, row) → the request as JSON with the names of the contract; a list of requests where the client streams."""


@dataclass(frozen=True)
class Fixture:
    """How an RPC is called with a valid request, and which row that touches.

    `rows`: an entity of `access.rows.TABLE`; empty where the RPC is about no row.
    `items`: leads from the answer to the rows that it shows (`results.customer`); empty where the answer is the row.
    `key`: the field of their id.
    `seen`: the codes by which a row in sight is told, for writes that stop short of changing the world (a stale etag).
    `hidden`: the code for a row out of sight.
    `absent`: a row out of sight gives an answer without it, not a refusal.
    `within`: another entity of the table, through a row of which the row is asked for: who sees that one is told the truth.
    `terms`: for searches, by kind of data (DataClass name) the fact by which the row is found by who may read it.
    `updates`: for PATCH, the field of the request that holds the resource.
    """

    rpc: str
    request: Request
    rows: str = ""
    items: str = ""
    key: str = ""
    seen: frozenset[str] = frozenset({"OK"})
    hidden: str = "NOT_FOUND"
    within: str = ""
    absent: bool = False
    terms: dict[str, str] = field(default_factory=dict)
    updates: str = ""


STALE = frozenset({"ABORTED"})


class Registry:
    """Fixtures as they are declared; a second one for an RPC is refused."""

    def __init__(self) -> None:
        self.found: dict[str, Fixture] = {}

    def add(self, rpc: str, request: Request, **more: Any) -> None:
        """Declares the fixture of an RPC (`customer.v1.CustomerService/GetCustomer`)."""
        assert rpc not in self.found, f"{rpc} has a fixture already"
        self.found[rpc] = Fixture(rpc, request, **more)


@cache
def registry() -> dict[str, Fixture]:
    """Returns all fixtures by RPC, of every module in `fixtures`."""
    declared = Registry()
    for module in pkgutil.iter_modules(fixtures.__path__):
        importlib.import_module(f"{fixtures.__name__}.{module.name}").declare(declared)
    return declared.found


@cache
def methods() -> dict[str, contract.Method]:
    """Returns every RPC of the contracts by its short path."""
    return {
        method.path.removeprefix("/marque."): method
        for name in contract.services()
        for method in contract.methods(name).values()
    }
