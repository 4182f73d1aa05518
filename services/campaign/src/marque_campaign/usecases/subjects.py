"""What a message is about, as variables of templates ask for it: the car, the date that is due, the contract."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from servicekit.db.base import now
from servicekit.db.engine import Reader

from marque_campaign.models import Campaign
from marque_campaign.repository import recalls
from marque_campaign.repository import runs as repository
from marque_campaign.rules import subjects as rules
from marque_campaign.rules.again import about_of


async def told(reader: Reader, campaign: Campaign, rows: Sequence[Any]) -> dict[uuid.UUID, dict[int, str]]:
    """Returns the values of what lines are about, by line and field: nothing for a campaign that is about persons alone.

    Days are of the campaign's zone.
    """
    if campaign.recall_id is not None:
        vins = {row.send_id: about_of(row.occurrence) for row in rows}
        models = await recalls.models(reader, list(vins.values()))
        return {send_id: {rules.VIN: vin, rules.MODEL: models.get(vin, "")} for send_id, vin in vins.items()}
    mine = [row.send_id for row in rows if row.step > 0]
    if not mine:
        return {}
    today = now().astimezone(ZoneInfo(campaign.time_zone or "UTC")).date()
    return {row["send_id"]: rules.values_of(row, today) for row in await repository.about(reader, mine)}
