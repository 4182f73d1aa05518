"""To whom a campaign goes: its segment, frozen as rules when it is submitted and as people when it is launched; and whom it leaves out."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.cel import CelError
from tradekit.cel.errors import Place

from marque_campaign.errors import SegmentBroken, SegmentNotFound
from marque_campaign.models import AudienceList, Campaign, SuppressionRule
from marque_campaign.repository import addressing as repository
from marque_campaign.repository import segments as rows
from marque_campaign.repository.segment_sql import Asked
from marque_campaign.rules.segments import tree
from marque_campaign.rules.segments.check import read
from marque_campaign.usecases import segments

AUDIENCE = "audience"


async def check(session: AsyncSession, campaign: Campaign) -> None:
    """Sees to it that a campaign names segments of its own owner, which are not archived. Raises SegmentNotFound."""
    named = {one for one in (campaign.segment_id, *(campaign.exclude_segment_ids or ())) if one is not None}
    if named and named - (await rows.rules_of(session, named, campaign.dealer_id)).keys():
        raise SegmentNotFound()


async def frozen(session: AsyncSession, campaign: Campaign) -> dict[str, Any] | None:
    """Returns the rules of a campaign's audience with all that they name, so that nobody changes them after the review; None without a
    segment and without exclusions. Raises SegmentNotFound, SegmentBroken.
    """
    await check(session, campaign)
    own, out = campaign.segment_id, list(campaign.exclude_segment_ids)
    named = {one for one in (own, *out) if one is not None}
    if not named:
        return None
    texts = await rows.rules_of(session, named, campaign.dealer_id)
    nested: dict[uuid.UUID, str] = {}
    for key, text in texts.items():
        try:
            nested |= (await segments.ready(session, text, campaign.dealer_id, key)).texts
        except CelError as fault:
            raise SegmentBroken(why=str(fault)) from None
    return {
        "rule": texts[own] if own is not None else "",
        "excludes": [texts[one] for one in out],
        "nested": {str(key): text for key, text in nested.items()},
    }


async def address(uow: UnitOfWork, campaign: Campaign, today: date) -> None:
    """Writes down who is in the audience now, as a list that the campaign then has; one to a plain list keeps that."""
    campaign.audience_list_id = await listed(uow, campaign, today, campaign.launch_time or uow.now)


async def listed(uow: UnitOfWork, campaign: Campaign, today: date, moment: datetime) -> uuid.UUID | None:
    """Returns the list of who is in the audience at a moment: its own, or one that is written for its rules."""
    rules = (campaign.frozen or {}).get(AUDIENCE)
    if rules is None:
        return campaign.audience_list_id
    nested = {uuid.UUID(key): read(text).condition for key, text in rules["nested"].items()}
    made = AudienceList(name=campaign.name, dealer_id=campaign.dealer_id, member_count=0)
    uow.add(made)
    await uow.flush()
    made.member_count = await repository.snapshot(
        uow.session,
        repository.Audience(
            made.audience_list_id,
            campaign.audience_list_id,
            campaign.dealer_id,
            read(rules["rule"]).condition if rules["rule"] else None,
            [read(text).condition for text in rules["excludes"]],
        ),
        Asked(today, nested),
        moment,
    )
    return made.audience_list_id


async def put_rule(*, uow: UnitOfWork, values: dict[str, Any], etag: str) -> Any:
    """Sets whom campaigns leave out. Raises InvalidArgument, EtagMismatch."""
    try:
        if any(True for _ in tree.members(read(values["rule"]).condition)):
            raise CelError("CEL_OUTSIDE", Place(1, 1), "this rule names no segments and lists")
    except CelError as fault:
        raise InvalidArgument.of("suppression_rule.rule", fault.reason, str(fault)) from None
    async with uow:
        rule = await repository.lock_rule(uow.session, values["code"])
        if rule is None:
            rule = SuppressionRule(**values)
            uow.add(rule)
        else:
            rule.check_etag(etag)
            for name, value in values.items():
                setattr(rule, name, value)
        await uow.flush()
        uow.audit("put", "suppression_rule", values["code"], ("rule", "kinds", "enabled"))
        return await uow.answer(rule)
