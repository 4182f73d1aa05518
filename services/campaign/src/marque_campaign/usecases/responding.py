"""What people did, as others tell it: it is owed to the messages before it, and compared with those who got none."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign.repository import responses as repository
from marque_campaign.rules import attribution


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did: which kind of response it is, its key, who, at which dealer (None: at none), and when.

    `proof`: the line whose message they had in hand when they did it, such as its link or code. It is owed to that one, whatever the rule.
    """

    kind: int
    key: str
    customer_id: uuid.UUID
    dealer_id: uuid.UUID | None
    moment: datetime
    proof: repository.Line | None = None


async def responded(uow: UnitOfWork, deeds: Sequence[Deed]) -> None:
    """Keeps deeds of people for every line to which they are owed; again it changes nothing."""
    async with uow:
        lines = await repository.touches(uow.session, [(one.customer_id, one.moment) for one in deeds])
        rows = [row for place, one in enumerate(deeds) for row in _owed(one, lines.get(place, ()))]
        await repository.add(uow.session, rows)


def _owed(deed: Deed, lines: Sequence[Any]) -> list[dict[str, Any]]:
    touches = [
        attribution.Touch(
            row.send_id, row.campaign_id, row.create_time, row.hand_time, row.attribution, row.response_days
        )
        for row in lines
    ]
    proof = deed.proof
    rows = [
        {
            "campaign_id": one.touch.campaign_id,
            "kind": deed.kind,
            "send_id": one.touch.send_id,
            "source_key": deed.key,
            "occur_time": deed.moment,
            "credited": one.credited or (proof is not None and one.touch.send_id == proof.send_id),
            "in_trial": one.in_trial,
        }
        for one in attribution.owed(touches, deed.moment)
    ]
    if proof is not None and proof.send_id not in {one["send_id"] for one in rows}:
        rows.append(repository.touch(proof.campaign_id, proof.send_id, deed.kind, deed.key, deed.moment))
    return rows


async def taken_back(uow: UnitOfWork, *, key: str) -> None:
    """Forgets a deed that was taken back, such as a sale that was reversed."""
    async with uow:
        await repository.remove(uow.session, key)
