"""What a service must be able to do with all that it holds of one person: show it, and forget it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db.uow import UnitOfWork

# What a service says of kinds that a hold keeps; the kit puts the hold's own reason in its place.
LEGAL_HOLD = "LEGAL_HOLD"


@dataclass(frozen=True, slots=True)
class PersonalRecord:
    """One row about a person: its kind (`contact_point`), id, and fields as JSON values."""

    kind: str
    record_id: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Retained:
    """What an erasure leaves: how many rows of a kind, and the reason in capitals (`WARRANTY`, `LEGAL_HOLD`, …)."""

    kind: str
    count: int
    reason: str
    until: datetime | None = None


@dataclass(slots=True)
class Erasure:
    """What an erasure did: rows erased by kind, rows retained.

    `named`: ids of erased records, and words of the person (a plate), which answers kept for retries may hold without naming the person.
    """

    erased: dict[str, int] = field(default_factory=dict)
    retained: list[Retained] = field(default_factory=list)
    named: list[uuid.UUID | str] = field(default_factory=list)


class PersonalData(Protocol):
    """Each service's `personal.py` implements this; the customer ids are the person's own and all that were merged into it."""

    def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields everything the service holds of the person."""

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Forgets the person inside the open unit of work; doing it again changes nothing.

        Kinds under legal hold (`*`: all) and what the law keeps stay, and are named in the answer.
        """
