"""Who responded to a campaign, against who did not; and who resembles them, as a list."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work

from marque_campaign.clients.learner import Learner
from marque_campaign.errors import CampaignStateNotAllowed, ProfilingNotAllowed, RespondersTooFew
from marque_campaign.models import AudienceList
from marque_campaign.repository import likeness as repository
from marque_campaign.repository import members
from marque_campaign.rules import kinds
from marque_campaign.rules.likeness import FEATURES, FEWEST, Profile, TooFew
from marque_campaign.usecases.segments import Days

AT_ONCE = 5_000


async def profile(work: Work, learner: Learner, campaign: Any, kind: int, days: Days) -> Profile:
    """Learns who responded, of all whom the campaign reached and who agreed to profiling.

    Raises ProfilingNotAllowed, CampaignStateNotAllowed, RespondersTooFew, LearningUnavailable.
    """
    if campaign["dealer_id"] is not None:
        raise ProfilingNotAllowed()
    if campaign["launch_time"] is None:
        raise CampaignStateNotAllowed(verb="profile", state=kinds.STATE_NAMES[campaign["state"]])
    wanted = kind or campaign["goal"] or kinds.PURCHASE
    async with work.read() as session:
        found = await repository.examples(session, campaign, wanted, days.day(campaign["launch_time"]), days.zone)
    columns = {one.name: one.kind for one in FEATURES}
    try:
        model = await learner.learn(columns, found.rows, found.labels, found.shift)
    except TooFew:
        people = found.responders + found.others
        raise RespondersTooFew(responders=found.responders, people=people, fewest=FEWEST) from None
    return Profile(campaign["campaign_id"], wanted, model, found.left_out)


async def alike(work: Work, learned: Profile, consent: str, days: Days, most: int) -> list[uuid.UUID]:
    """Returns those who resemble the responders most and may be contacted, none of whom the campaign addressed."""
    async with work.read() as session:
        return list(
            await repository.nearest(session, learned.model, learned.campaign_id, consent, days.day(now()), most)
        )


async def keep(*, uow: UnitOfWork, name: str, campaign_id: uuid.UUID, people: list[uuid.UUID]) -> Any:
    """Writes people as a list of the maker."""
    async with uow:
        made = AudienceList(name=name, dealer_id=None, member_count=len(people))
        uow.add(made)
        await uow.flush()
        for first in range(0, len(people), AT_ONCE):
            await members.add(uow.session, made.audience_list_id, people[first : first + AT_ONCE], uow.now)
        uow.audit("find_lookalikes", "campaign", str(campaign_id), ("audience_list_id",))
        return await uow.answer(made)
