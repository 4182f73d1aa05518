"""What others wrote to and asked of people: it stands on their time line, and why they stay away is kept for who wins them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_customer.repository import lost_reasons
from marque_customer.repository.notes import Note
from marque_customer.usecases import interactions


async def note(*, uow: UnitOfWork, notes: Sequence[Note], answers: Mapping[str, dict[str, Any]]) -> None:
    """Puts touches on time lines, and keeps why people stay away: `answers` by the id of their invitation, columns of `lost_reasons`.

    Of who is erased nothing is written, nor of who was never a customer here.
    """
    async with uow:
        living = await interactions.note(uow=uow, notes=notes, known_only=True)
        await lost_reasons.keep(uow.session, [row for row in answers.values() if row["customer_id"] in living])
