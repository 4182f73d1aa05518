"""What a service gives to, and gets from, an import."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message

from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation
from servicekit.rpc.principal import Principal

CREATED, UPDATED, UNCHANGED, REJECTED = 1, 2, 3, 4  # the numbers of marque.type.v1.ImportOutcome
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How an import is done: the source system's name, whether only to try, and for whom; of a file its id, None for a stream of rows."""

    source: str
    dry_run: bool
    principal: Principal
    import_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of a row; `row` is its number as given, `key` its natural key. Rejected ones say why, field by field."""

    row: int
    key: str
    outcome: int
    violations: tuple[FieldViolation, ...] = ()


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
