"""Campaigns. Numbers are those of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.db.base import now as this_moment
from servicekit.ids import new_uuid
from sqlalchemy import ARRAY, BigInteger, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.errors import CampaignIncomplete, CampaignSamePerson, CampaignStateNotAllowed
from marque_campaign.models.base import Model
from marque_campaign.models.templates import frozen_template
from marque_campaign.rules import budget, experiment, kinds, states, templates
from marque_campaign.rules.templates import Template


class Campaign(Aggregate, Model):
    """A campaign. Its state changes by `do` alone, which asks the rules.

    `author` and `submitter` are the subjects of the tokens; `frozen` is the template as it was submitted, which alone is ever sent.
    `plan_cursor` is the last customer of the audience that the ledger has, `plan_time` when it had all of them. `budget_used` is the most
    messages that its budget may have paid by now (`usecases.spending`); NULL where nobody counted.
    """

    __tablename__ = "campaigns"

    campaign_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str]
    kind: Mapped[int]
    dealer_id: Mapped[uuid.UUID | None]
    channel: Mapped[int] = mapped_column(default=0)
    purpose: Mapped[int] = mapped_column(default=0)
    legal_notice: Mapped[bool] = mapped_column(default=False)
    template_id: Mapped[uuid.UUID | None]
    audience_list_id: Mapped[uuid.UUID | None]
    segment_id: Mapped[uuid.UUID | None]
    exclude_segment_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid), default=list)
    given: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    rate_per_minute: Mapped[int] = mapped_column(default=0)
    state: Mapped[int] = mapped_column(default=kinds.DRAFT)
    template_version: Mapped[int] = mapped_column(default=0)
    frozen: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    author: Mapped[str]
    submitter: Mapped[str] = mapped_column(default="")
    author_staff_id: Mapped[uuid.UUID | None]
    start_time: Mapped[datetime | None]
    launch_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]
    plan_cursor: Mapped[uuid.UUID | None]
    plan_time: Mapped[datetime | None]
    track_opens: Mapped[bool] = mapped_column(default=False)
    variants: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    holdout_percent: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(default="")
    budget_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    thousand_cost_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    budget_used: Mapped[int | None] = mapped_column(BigInteger)
    response_value_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    goal: Mapped[int] = mapped_column(default=0)
    attribution: Mapped[int] = mapped_column(default=0)
    response_days: Mapped[int] = mapped_column(default=0)
    trigger: Mapped[int] = mapped_column(default=0)
    trigger_delay_hours: Mapped[int] = mapped_column(default=0)
    marketing_event_id: Mapped[uuid.UUID | None]
    event_notice: Mapped[int] = mapped_column(default=0)
    offer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    pause_above_percent: Mapped[int] = mapped_column(default=0)
    pause_reason: Mapped[str] = mapped_column(default="")
    watch_time: Mapped[datetime | None]
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    exit_rule: Mapped[str] = mapped_column(default="")
    subject_kind: Mapped[int] = mapped_column(default=0)
    due_date: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    recurrence: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    time_zone: Mapped[str] = mapped_column(default="")
    recall_id: Mapped[uuid.UUID | None]
    owners_time: Mapped[datetime | None]
    recall_cursor: Mapped[str] = mapped_column(default="")
    call_days: Mapped[int] = mapped_column(default=0)
    most_calls: Mapped[int] = mapped_column(default=0)
    fallbacks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)

    def standing(self, *, settled: bool = False) -> states.Standing:
        """What decides about verbs."""
        lacks = states.lacking(
            channel=self.channel,
            purpose=self.purpose,
            legal_notice=self.legal_notice,
            template=self.template_id is not None,
            audience=any(
                (
                    self.audience_list_id,
                    self.segment_id,
                    self.trigger,
                    self.due_date,
                    self.event_notice,
                    self.recall_id,
                )
            ),
        )
        return states.Standing(self.state, lacks, frozenset({self.author, self.submitter}), settled)

    def do(self, verb: str, *, actor: str = "", settled: bool = False) -> None:
        """Does a verb as far as the standing goes.

        Raises CampaignStateNotAllowed, CampaignIncomplete, CampaignSamePerson.
        """
        now = self.standing(settled=settled)
        try:
            self.state = states.after(verb, now, actor=actor)
        except states.Refused as refused:
            if refused.reason == states.INCOMPLETE:
                raise CampaignIncomplete(fields=", ".join(now.lacks)) from None
            if refused.reason == states.SAME_PERSON:
                raise CampaignSamePerson() from None
            raise CampaignStateNotAllowed(verb=verb, state=kinds.STATE_NAMES[now.state]) from None
        if verb == "resume":  # what failed before was looked at
            self.pause_reason, self.watch_time = "", this_moment()

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes new values of a draft and returns the names of the fields that changed. Raises CampaignStateNotAllowed."""
        self.do("update")
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed

    @property
    def affordable(self) -> int | None:
        """How many messages the budget pays; None for as many as there are."""
        return budget.affordable(self.budget_minor, self.thousand_cost_minor)

    @property
    def facts(self) -> frozenset[int]:
        """What of its event and offer its messages can carry."""
        event = templates.EVENT_FACTS if self.marketing_event_id is not None else frozenset[int]()
        return event | (templates.OFFER_FACTS if self.offer is not None else frozenset[int]())

    def content_of(self, channel: int) -> str:
        """Returns by what it is known that somebody got the same lately: the template of a channel."""
        further = {one["channel"]: one["template_id"] for one in self.fallbacks}
        return str(further.get(channel, self.template_id))

    def holds_out(self, customer_id: uuid.UUID) -> bool:
        """Tells whether somebody gets nothing, so that it can be seen what the campaign brought."""
        return experiment.is_held_out(self.campaign_id, customer_id, self.holdout_percent)

    def arm_of(self, customer_id: uuid.UUID) -> str:
        """Returns the code of somebody's variant; empty for the campaign's own words."""
        arms = [experiment.Arm(one["code"], one["percent"]) for one in self.variants]
        return experiment.arm_of(self.campaign_id, customer_id, arms)

    def template_of(self, variant: str = "", channel: int = 0) -> Template:
        """The words of a variant as they were submitted, empty for the campaign's own; or those of a further channel, which has no
        variants. A draft has none: ValueError.
        """
        if self.frozen is None:
            raise ValueError("nothing was submitted")
        if channel not in (0, self.channel):
            return frozen_template(self.frozen["fallbacks"][str(channel)])
        return frozen_template(self.frozen["variants"][variant] if variant else self.frozen)
