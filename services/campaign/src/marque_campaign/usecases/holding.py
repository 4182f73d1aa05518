"""Who of the lines that a worker has just claimed gets nothing, whatever the gate would say: the holdout, and whom a rule keeps out now.

Rules are asked here and nowhere before: between the launch and a message lie hours, in which a complaint is opened, a recall begins or a
car is bought; and a campaign that waits for a deed plans its lines one by one. What was begun before is past asking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import Work

from marque_campaign.models import Campaign
from marque_campaign.repository import addressing, suppression
from marque_campaign.repository.segment_sql import Asked
from marque_campaign.rules import ledger as rules
from marque_campaign.rules.experiment import HOLDOUT
from marque_campaign.rules.ledger import Verdict
from marque_campaign.rules.segments.check import read
from marque_campaign.usecases.segments import Days


async def held_back(work: Work, campaign: Campaign, rows: Sequence[Any], days: Days) -> list[tuple[Any, Verdict]]:
    """Returns the lines that end here, with why; only of those is asked of which surely nothing left. A legal notice passes every rule."""
    fresh = [one for one in rows if one.state == rules.CLAIMED]
    out = {one.send_id: HOLDOUT for one in fresh if campaign.holds_out(one.customer_id)}
    left = [one for one in fresh if one.send_id not in out]
    if left and not campaign.legal_notice:
        async with work.read() as session:
            told = await addressing.rules_for(session, campaign.kind)
            asked = [(code, read(text).condition) for code, text in told]
            people = [one.customer_id for one in left]
            kept = await suppression.kept_out(session, people, asked, Asked(days.day(now()), {}))
        out |= {one.send_id: kept[one.customer_id] for one in left if one.customer_id in kept}
    return [(one, Verdict(rules.SUPPRESSED, out[one.send_id])) for one in fresh if one.send_id in out]
