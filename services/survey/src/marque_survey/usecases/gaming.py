"""Signs of gaming: looked for as a response ends, and shown with it. A burst marks the responses before it too, in work of its own."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_survey.models import Invitation
from marque_survey.repository import factors as repository
from marque_survey.rules import kinds, signs
from marque_survey.rules.document import Document
from marque_survey.rules.scores import NO_SET

WORK = "survey-burst"
_TOP = 100.0


async def look(uow: UnitOfWork, row: Invitation, document: Document, values: dict[str, Any]) -> None:
    """Notes the signs of a response that ends."""
    spent = None
    if row.channel != kinds.CALL and row.first_answer_time is not None and row.finish_time is not None:
        spent = row.finish_time - row.first_answer_time
    found = signs.of_response(document, values, spent)
    told = signs.text_hash(document, values)
    if told and await repository.keep_hash(uow.session, row, told) >= signs.COPIES:
        found.append(signs.COPIED_TEXT)
    row.signs = found


async def watch(uow: UnitOfWork, row: Invitation, scores: dict[tuple[int, str], float]) -> None:
    """Makes the dealer's last hour be looked at where this is the last of many best recommendations; its own score is not written yet."""
    if row.dealer_id is None or scores.get((kinds.NPS, NO_SET)) != _TOP:
        return
    top, usual = await repository.top_counts(uow.session, row.dealer_id, uow.now)
    if signs.is_burst(top + 1, usual):
        await uow.schedule(WORK, str(row.dealer_id), uow.now)


async def burst(uow: UnitOfWork, key: str) -> datetime | None:
    """Marks the responses of the last hour about a dealer where they are a burst; `key` is the dealer."""
    dealer_id = uuid.UUID(key)
    async with uow:
        top, usual = await repository.top_counts(uow.session, dealer_id, uow.now)
        if not signs.is_burst(top, usual):
            return None
        found = [
            row
            for row in await repository.top_in_hour(uow.session, dealer_id, uow.now)
            if signs.TOP_BURST not in row.signs
        ]
        for row in found:
            row.signs = [*row.signs, signs.TOP_BURST]
        await repository.mark(uow.session, [row.invitation_id for row in found])
        return None
