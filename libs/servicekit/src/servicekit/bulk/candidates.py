"""Rows on their way in: judged by the rules of the contract one by one, then applied a chunk per transaction.

A chunk that fails for another reason than its surroundings is parted, until the row that breaks it stands alone and is refused: one row
never holds the others back, and never ends a stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, Importer, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import Aborted, DomainError, FieldViolation, InvalidArgument
from servicekit.rpc.failures import as_domain_error, is_transient
from servicekit.rpc.validation import validate
from servicekit.telemetry import logs

log = logs.get_logger(__name__)

_ATTEMPTS = 4


@dataclass(slots=True)
class Candidate:
    """A row: its number, the last data row that is part of it, its message (None: unreadable), and what is wrong with it."""

    number: int
    last: int
    message: Any
    violations: list[FieldViolation] = field(default_factory=list)

    def refused(self) -> RowOutcome:
        """Returns the outcome of a row that is not applied."""
        key = getattr(self.message, "source_key", "")
        return RowOutcome(self.number, key, REJECTED, tuple(self.violations))


@dataclass(slots=True)
class Tally:
    """How many rows came out how."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, outcomes: Sequence[RowOutcome]) -> None:
        """Counts outcomes."""
        for outcome in outcomes:
            name = _NAMES[outcome.outcome]
            setattr(self, name, getattr(self, name) + 1)

    @property
    def rows_read(self) -> int:
        """The sum of the counts."""
        return self.created + self.updated + self.unchanged + self.rejected


_NAMES = {CREATED: "created", UPDATED: "updated", UNCHANGED: "unchanged", REJECTED: "rejected"}

# Writes progress inside the transaction of the rows it tells of.
Note = Callable[[UnitOfWork, Sequence[Candidate], list[RowOutcome]], Awaitable[None]]


class Halted(Exception):
    """The import may not go on: raised by a note, it rolls the chunk back and is handed up."""


class _Tried(Exception):
    """Rolls a dry run back."""


def judge(candidate: Candidate) -> None:
    """Checks a row against the rules of the contract; about 4 µs for a row that keeps them."""
    if candidate.message is None or candidate.violations:
        return
    try:
        validate(candidate.message)
    except InvalidArgument as error:
        candidate.violations.extend(error.violations)
        return
    if b"\0" in candidate.message.SerializeToString():  # rarely: a NUL, which PostgreSQL cannot keep, or just a number
        candidate.violations.extend(
            FieldViolation(path, "CHARACTER_NUL", "the value holds the character U+0000")
            for path in _nul(candidate.message)
        )


def _nul(message: Message, prefix: str = "") -> list[str]:
    """The fields of a message whose text holds a NUL."""
    found = []
    for descriptor, value in message.ListFields():
        path = prefix + descriptor.name
        if descriptor.type == FieldDescriptor.TYPE_STRING:
            if any("\0" in item for item in ([value] if isinstance(value, str) else value)):
                found.append(path)
        elif descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
            found.extend(path for key, item in value.items() if "\0" in f"{key}{item}")
        elif descriptor.message_type is not None:
            parts = value if descriptor.is_repeated else [value]
            for index, part in enumerate(parts):
                found.extend(_nul(part, f"{path}[{index}]." if descriptor.is_repeated else f"{path}."))
    return found


@dataclass(frozen=True, slots=True)
class Application:
    """How chunks are applied: a maker of units of work, the importer, how, and what is written beside."""

    begin: Callable[[], UnitOfWork]
    importer: Importer
    options: ImportOptions
    note: Note | None = None

    async def apply(self, candidates: Sequence[Candidate]) -> list[RowOutcome]:
        """Applies judged rows and returns their outcomes in the order of the rows. Raises what trying again later may cure."""
        try:
            return await self._patiently(candidates)
        except (Halted, asyncio.CancelledError):
            raise
        except Exception as error:
            if is_transient(error):
                raise
            good = [index for index, row in enumerate(candidates) if not row.violations]
            if not good:
                raise
            if len(good) == 1:
                return await self._refuse(candidates, candidates[good[0]], error)
            middle = good[len(good) // 2]
        return [*await self.apply(candidates[:middle]), *await self.apply(candidates[middle:])]

    async def _patiently(self, candidates: Sequence[Candidate]) -> list[RowOutcome]:
        """Tries again where two imports got into each other's way."""
        for attempt in range(_ATTEMPTS):
            try:
                return await self._once(candidates)
            except Exception as error:
                if attempt == _ATTEMPTS - 1 or not isinstance(as_domain_error(error), Aborted):
                    raise
                await asyncio.sleep(0.02 * 2**attempt)
        raise AssertionError("unreachable")

    async def _once(self, candidates: Sequence[Candidate]) -> list[RowOutcome]:
        outcomes = [row.refused() for row in candidates if row.violations]
        rows = [row.message for row in candidates if not row.violations]
        if self.options.dry_run:
            outcomes += await self._try(rows)
            if self.note is None:
                return _ordered(outcomes)
        elif not rows and self.note is None:
            return outcomes
        async with self.begin() as uow:
            if not self.options.dry_run and rows:
                outcomes += await self._import(uow, rows)
            if self.note is not None:
                await self.note(uow, candidates, _ordered(outcomes))
        return _ordered(outcomes)

    async def _try(self, rows: list[Any]) -> list[RowOutcome]:
        """Applies rows and takes everything back. What two chunks say of the same key is not seen together."""
        if not rows:
            return []
        outcomes: list[RowOutcome] = []
        try:
            async with self.begin() as uow:
                outcomes = await self._import(uow, rows)
                await uow.flush()
                raise _Tried
        except _Tried:
            return outcomes

    async def _import(self, uow: UnitOfWork, rows: list[Any]) -> list[RowOutcome]:
        outcomes = await self.importer.apply(uow, self.options, rows)
        if len(outcomes) != len(rows):
            raise RuntimeError(
                f"the importer of {self.importer.kind} gave {len(outcomes)} outcomes for {len(rows)} rows"
            )
        return outcomes

    async def _refuse(self, candidates: Sequence[Candidate], row: Candidate, error: Exception) -> list[RowOutcome]:
        """Refuses the one row that breaks its chunk. What is a fault of ours is logged with its place, never with the row."""
        if isinstance(error, DomainError):
            found = list(error.violations) or [FieldViolation("", error.reason, error.message)]
        else:
            log.error("a row breaks its import", exc_info=error, extra={"kind": self.importer.kind, "row": row.number})
            found = [FieldViolation("", "ROW_NOT_APPLIED", "the row could not be applied; the reason was recorded")]
        row.violations.extend(found)
        return await self._once(candidates)


def _ordered(outcomes: list[RowOutcome]) -> list[RowOutcome]:
    return sorted(outcomes, key=lambda outcome: outcome.row)
