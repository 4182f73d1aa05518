"""What a service gives to, and gets from, an import."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from google.protobuf.message import Message

from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation
from servicekit.rpc.principal import Principal

CREATED, UPDATED, UNCHANGED, REJECTED = 1, 2, 3, 4  # the numbers of marque.type.v1.ImportOutcome
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How an import is done: the source system's name, whether only to try, and for whom; of a file its id, None for a stream of rows.

    `replaces`: what the file does not name is to go in the end.
    """

    source: str
    dry_run: bool
    principal: Principal
    import_id: uuid.UUID | None = None
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of a row; `row` is its number as given, `key` its natural key. Rejected ones say why, field by field.

    `named` is what an importer that replaces wants to hear again in `mark`: what the row names, so that it does not go.
    """

    row: int
    key: str
    outcome: int
    violations: tuple[FieldViolation, ...] = ()
    named: Any = None


class Importer(Protocol):
    """One kind of import of a service, for example customers.

    `apply` gets at most CHUNK rows that keep the rules of the contract, inside an open unit of work that is the chunk's transaction. It
    returns one outcome per row and raises nothing for a bad row. The same rows again change nothing (natural keys). For a dry run the
    kit rolls the chunk back.
    """

    kind: str
    permission: str
    row: type[Message]

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of taking away what a file did not name: how many went, or would, and where to go on (None: that was the last)."""

    removed: int
    place: str | None


@runtime_checkable
class Replacer(Protocol):
    """An importer whose files may say that what they do not name goes (IMPORT_MODE_REPLACE).

    `mark` notes what the rows of a chunk named, inside the transaction of the chunk's progress; of a dry run too, whose `apply` was taken
    back. After the last row `replace` takes away what has no mark of this import, some thousands at a time, each step inside a transaction
    of its own with the place after it; of a dry run it counts them alone. It begins with the place "", and is not called for an import that
    was cancelled, failed, or rejected a row where the caller does not take that.
    """

    async def mark(self, uow: UnitOfWork, options: ImportOptions, outcomes: Sequence[RowOutcome]) -> None:
        """Notes what rows named."""

    async def replace(self, uow: UnitOfWork, options: ImportOptions, place: str) -> Step:
        """Takes away a part of what was not named."""
