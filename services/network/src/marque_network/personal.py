"""A customer's rights over what the network service holds: nothing. Its people are staff, who are no customers here.

No table of this service holds a customer's id, so there is nothing to show and nothing to forget; the aliases of merged
customers are servicekit's.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.personal import Erasure, PersonalRecord
from sqlalchemy.ext.asyncio import AsyncSession


class NetworkPersonalData:
    """Implements `servicekit.personal.PersonalData`."""

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields nothing."""
        for _ in ():
            yield _

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Erases and retains nothing."""
        return Erasure()
