"""A campaign as one of its steps sends: with the channel, purpose and words of the step, as they were frozen."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from marque_campaign.models.campaigns import Campaign
from marque_campaign.rules import dates, steps

JOURNEY = "journey"


def plan_of(campaign: Campaign) -> steps.Plan:
    """The steps of a campaign that was submitted; of one without, the one message."""
    kept = (campaign.frozen or {}).get(JOURNEY) or {"steps": [], "exit_rule": ""}
    return steps.plan_of(kept["steps"], kept["exit_rule"], subject_of(campaign), campaign.channel)


def subject_of(campaign: Campaign) -> int:
    """What the runs of a campaign are about."""
    if campaign.due_date is not None:
        which = campaign.due_date["date"]
        return steps.VIN if which in dates.OF_CARS else steps.OF_HOLDING if which in dates.OF_HOLDINGS else steps.PERSON
    return campaign.subject_kind or steps.PERSON


def goes_in_steps(campaign: Campaign) -> bool:
    """Whether a campaign has runs; one without writes its audience into the ledger at once."""
    return bool(campaign.steps or campaign.due_date or campaign.recurrence)


def legs(campaign: Campaign, rows: Sequence[Any]) -> Iterator[tuple[Campaign, list[Any]]]:
    """Yields lines of a campaign by their steps, with the campaign as it sends there."""
    for step, some in groupby(sorted(rows, key=lambda row: int(row.step)), lambda row: int(row.step)):
        yield _leg(campaign, step), list(some)


def channel_of(campaign: Campaign, step: int) -> int:
    """The channel of a step, from 1."""
    return _leg(campaign, step).channel


def _leg(campaign: Campaign, step: int) -> Campaign:
    sends = ((campaign.frozen or {}).get(JOURNEY) or {}).get("sends", {})
    told = sends.get(str(step))
    if told is None:
        return campaign
    made = Campaign(**{one.key: getattr(campaign, one.key) for one in Campaign.__mapper__.column_attrs})
    made.channel, made.purpose = told["channel"], told["purpose"]
    if told["template"] is None:
        made.template_id, made.frozen, made.variants = campaign.template_id, campaign.frozen, campaign.variants
    else:
        made.template_id, made.variants = uuid.UUID(told["template_id"]), []
        made.frozen = {**told["template"], "variants": {}}
    return made
