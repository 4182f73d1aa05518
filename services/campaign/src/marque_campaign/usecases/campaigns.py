"""What is done with campaigns: each verb asks the rules, and is one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_campaign import events
from marque_campaign.errors import AudienceListNotFound, CampaignNotFound
from marque_campaign.models import Campaign
from marque_campaign.models.legs import JOURNEY
from marque_campaign.repository import lists as rows
from marque_campaign.repository.scope import Scope
from marque_campaign.rules import kinds
from marque_campaign.usecases import addressing, inviting, journeys, templates

LAUNCH, DRAIN = "campaign-launch", "campaign-drain"


async def create(*, uow: UnitOfWork, scope: Scope, values: dict[str, Any]) -> Any:
    """Writes a draft."""
    async with uow:
        return await uow.answer(await draft(uow, scope, values))


async def draft(uow: UnitOfWork, scope: Scope, values: dict[str, Any]) -> Campaign:
    """Writes a draft within a transaction."""
    staff = uow.principal.staff_id
    made = Campaign(
        **values,
        author=uow.principal.subject,
        author_staff_id=uuid.UUID(staff) if staff else None,
        state=kinds.DRAFT,
    )
    await _check(uow, scope, made)
    uow.add(made)
    await uow.flush()
    uow.audit("create", "campaign", str(made.campaign_id))
    return made


async def update(*, uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, values: dict[str, Any], etag: str) -> Any:
    """Changes a draft."""
    async with uow:
        campaign = await found(uow, scope, campaign_id, etag)
        changed = campaign.change(values)
        await _check(uow, scope, campaign)
        uow.audit("update", "campaign", str(campaign_id), tuple(changed))
        return await uow.answer(campaign)


async def submit(*, uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, etag: str) -> Any:
    """Hands a draft in and freezes the words that will be sent, so that nobody changes them after the review."""
    async with uow:
        campaign = await found(uow, scope, campaign_id, etag)
        campaign.do("submit")
        assert campaign.template_id is not None  # the rules say so
        template = await templates.usable(uow, scope, campaign, campaign.template_id, campaign.channel)
        campaign.frozen, campaign.template_version = templates.finished(template, campaign), template.version
        campaign.frozen["variants"] = {}
        for one in campaign.variants:
            other = await templates.usable(uow, scope, campaign, uuid.UUID(one["template_id"]), campaign.channel)
            campaign.frozen["variants"][one["code"]] = templates.finished(other, campaign)
        campaign.frozen["fallbacks"] = {}
        for one in campaign.fallbacks:
            further = await templates.usable(uow, scope, campaign, uuid.UUID(one["template_id"]), one["channel"])
            campaign.frozen["fallbacks"][str(one["channel"])] = templates.finished(further, campaign)
        if rules := await addressing.frozen(uow.session, campaign):
            campaign.frozen = {**campaign.frozen, addressing.AUDIENCE: rules}
        if journey := await journeys.frozen(uow, scope, campaign):
            campaign.frozen = {**campaign.frozen, JOURNEY: journey}
        campaign.submitter = uow.principal.subject
        uow.audit("submit", "campaign", str(campaign_id), ("state",))
        return await uow.answer(campaign)


async def approve(*, uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, etag: str) -> Any:
    """Approves what somebody else wrote and submitted."""
    return await _move(uow, scope, campaign_id, etag, "approve")


async def send_back(*, uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, etag: str) -> Any:
    """Makes a draft of it again."""
    async with uow:
        campaign = await found(uow, scope, campaign_id, etag)
        campaign.do("send_back")
        campaign.frozen, campaign.template_version, campaign.submitter = None, 0, ""
        uow.audit("send_back", "campaign", str(campaign_id), ("state",))
        return await uow.answer(campaign)


async def schedule(*, uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, start: datetime | None, etag: str) -> Any:
    """Sets when it starts."""
    async with uow:
        campaign = await found(uow, scope, campaign_id, etag)
        campaign.do("schedule")
        campaign.start_time = max(start or uow.now, uow.now)
        await uow.schedule(LAUNCH, str(campaign_id), campaign.start_time)
        uow.audit("schedule", "campaign", str(campaign_id), ("state", "start_time"))
        return await uow.answer(campaign)


async def pause(*, uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, etag: str) -> Any:
    """Stops the sending for a while; whoever has calls of it lets them rest."""
    return await _move(uow, scope, campaign_id, etag, "pause", events.campaign_paused)


async def resume(*, uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, etag: str) -> Any:
    """Goes on with the sending."""
    return await _move(uow, scope, campaign_id, etag, "resume", events.campaign_resumed)


async def cancel(*, uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, etag: str) -> Any:
    """Calls it off."""
    async with uow:
        campaign = await found(uow, scope, campaign_id, etag)
        launched = campaign.launch_time is not None
        campaign.do("cancel")
        campaign.finish_time = uow.now
        await uow.flush()
        if launched:
            uow.emit(events.campaign_finished(campaign), of=campaign)
            await uow.schedule(DRAIN, str(campaign_id), uow.now)
        uow.audit("cancel", "campaign", str(campaign_id), ("state",))
        return await uow.answer(campaign)


async def found(uow: UnitOfWork, scope: Scope, campaign_id: uuid.UUID, etag: str = "") -> Campaign:
    """Returns a campaign in sight, locked. Raises CampaignNotFound, EtagMismatch."""
    campaign: Campaign | None = await rows.lock(uow.session, rows.CAMPAIGNS, scope, campaign_id)
    if campaign is None:
        raise CampaignNotFound()
    campaign.check_etag(etag)
    return campaign


async def _move(
    uow: UnitOfWork,
    scope: Scope,
    campaign_id: uuid.UUID,
    etag: str,
    verb: str,
    tell: Callable[[Campaign], Message] | None = None,
) -> Any:
    async with uow:
        campaign = await found(uow, scope, campaign_id, etag)
        campaign.do(verb, actor=uow.principal.subject)
        if tell is not None:
            await uow.flush()
            uow.emit(tell(campaign), of=campaign)
        uow.audit(verb, "campaign", str(campaign_id), ("state",))
        return await uow.answer(campaign)


async def _check(uow: UnitOfWork, scope: Scope, campaign: Campaign) -> None:
    """Sees to it that what a draft names may be used by it. Raises TemplateNotFound, AudienceListNotFound, InvalidArgument."""
    if campaign.legal_notice and (campaign.kind != kinds.RECALL_NOTICE or campaign.dealer_id is not None):
        raise InvalidArgument.of(
            "campaign.legal_notice", "LEGAL_NOTICE_NOT_ALLOWED", "Only a recall notice of the maker is a legal notice."
        )
    if campaign.legal_notice and campaign.holdout_percent:
        raise InvalidArgument.of(
            "campaign.holdout_percent", "HOLDOUT_NOT_ALLOWED", "What the law demands goes to everybody."
        )
    _check_recall(uow, campaign)
    if campaign.budget_minor and not campaign.thousand_cost_minor:
        raise InvalidArgument.of("campaign.budget", "PRICE_MISSING", "A budget needs what a thousand messages cost.")
    await inviting.check(uow, scope, campaign)
    for one in campaign.variants:
        await templates.usable(uow, scope, campaign, uuid.UUID(one["template_id"]), campaign.channel)
    if campaign.fallbacks and campaign.steps:
        raise InvalidArgument.of(
            "campaign.fallbacks", "STEPS_HAVE_CHANNELS", "Steps branch to other channels by themselves."
        )
    for place, one in enumerate(campaign.fallbacks or ()):
        if one["channel"] == campaign.channel:
            path = f"campaign.fallbacks[{place}].channel"
            raise InvalidArgument.of(path, "CHANNEL_DOUBLE", "It is the channel of the campaign.")
        await templates.usable(uow, scope, campaign, uuid.UUID(one["template_id"]), one["channel"])
    if campaign.template_id is not None:
        await templates.usable(uow, scope, campaign, campaign.template_id, campaign.channel)
    await addressing.check(uow.session, campaign)
    await journeys.check(uow, scope, campaign)
    if campaign.audience_list_id is not None:
        listed = await rows.used(uow.session, rows.AUDIENCE_LISTS, scope, campaign.audience_list_id, campaign.dealer_id)
        if listed is None:
            raise AudienceListNotFound()


def _check_recall(uow: UnitOfWork, campaign: Campaign) -> None:
    """Sees to it that a campaign of a recall is what the law demands, and goes to its owners alone. Raises InvalidArgument."""
    if campaign.owners_time is not None and (campaign.recall_id is None or campaign.owners_time > uow.now):
        reason = "RECALL_MISSING" if campaign.recall_id is None else "TIME_IN_FUTURE"
        raise InvalidArgument.of("campaign.owners_time", reason, "It is an instant before now, of a recall.")
    if campaign.recall_id is None:
        return
    if not campaign.legal_notice:
        raise InvalidArgument.of(
            "campaign.recall_id", "LEGAL_NOTICE_NEEDED", "The notice of a recall is a legal notice."
        )
    others = (
        "audience_list_id", "segment_id", "exclude_segment_ids", "trigger", "steps", "due_date", "recurrence", "event_notice",
    )  # fmt: skip
    if named := next((name for name in others if getattr(campaign, name)), None):
        raise InvalidArgument.of(
            f"campaign.{named}", "RECALL_HAS_OWNERS", "The notice of a recall goes to the owners of its cars."
        )
