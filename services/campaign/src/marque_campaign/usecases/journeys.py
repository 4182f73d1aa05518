"""Campaigns in steps: checked and frozen before the review, and gone through by a sweep, some hundreds of runs at a time.

A run that is to go on is locked by its worker; what it does, the line of the ledger that it plans and where it stands then are one
transaction. So whoever is killed has done a move or none, and two workers never have the same run. While a move is made the campaign is
held too, so that whoever cancels it comes after, and ends everything.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.ids import new_uuid
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_campaign.errors import TemplateNotFound
from marque_campaign.models import Campaign
from marque_campaign.models import legs as models
from marque_campaign.repository import runs as repository
from marque_campaign.repository.scope import Scope
from marque_campaign.rules import dates, kinds, runs, steps
from marque_campaign.rules.again import CALL_DAYS, EXPIRED, WITHDRAWN, about_of
from marque_campaign.rules.ledger import ACCEPTED, SAME_PERSON
from marque_campaign.rules.segments import evaluate
from marque_campaign.usecases import calling, templates

AT_ONCE = 500
_CALL = Call(SYSTEM, "sweep:campaign-runs")


async def check(uow: UnitOfWork, scope: Scope, campaign: Campaign) -> None:
    """Sees to it that the steps, dates and recurrence of a draft go together. Raises InvalidArgument, TemplateNotFound."""
    found = [
        FieldViolation(f"campaign.{one.path}", one.reason, one.text)
        for one in steps.faults(campaign.steps, campaign.exit_rule, models.subject_of(campaign))
    ]
    if found := [*found, *_misfits(campaign)]:
        raise InvalidArgument(violations=found[:50])
    for one in campaign.steps:
        if "send" in one and one["send"]["template_id"]:
            await _template(uow, scope, campaign, one["send"])


def _misfits(campaign: Campaign) -> list[FieldViolation]:
    """What does not go together: what brings runs about is one thing, and says what they are about."""
    due, found = campaign.due_date, list(_calls_misfit(campaign))
    ways = [name for name in ("trigger", "due_date", "recurrence") if getattr(campaign, name)]
    if len(ways) > 1:
        text = f"A campaign comes by one of them, not by {' and '.join(ways)}."
        found.append(FieldViolation(f"campaign.{ways[-1]}", "TRIGGER_DOUBLE", text))
    if campaign.exit_rule and not models.goes_in_steps(campaign):
        found.append(
            FieldViolation("campaign.exit_rule", "STEPS_MISSING", "Only a campaign in steps has an exit rule.")
        )
    allowed = {0, steps.PERSON, steps.VIN}
    if due is not None:
        allowed = {0, models.subject_of(campaign)}
        if due["years"] and due["date"] != dates.SOLD:
            found.append(FieldViolation("campaign.due_date.years", "DATE_MISFIT", "Years count from the sale alone."))
        if due["holding_kinds"] and due["date"] not in dates.OF_HOLDINGS:
            text = "Only dates of contracts are of a kind of contract."
            found.append(FieldViolation("campaign.due_date.holding_kinds", "DATE_MISFIT", text))
    elif campaign.trigger:
        allowed = {0, steps.PERSON} | ({steps.REPAIR_ORDER} if campaign.trigger == kinds.VISIT else set())
    if campaign.subject_kind not in allowed:
        text = "What brings this campaign about is not about that."
        found.append(FieldViolation("campaign.subject_kind", "SUBJECT_NOT_ALLOWED", text))
    return found


def _calls_misfit(campaign: Campaign) -> Iterator[FieldViolation]:
    """What of calls in steps does not go together."""
    for place, one in enumerate(campaign.steps or ()):
        days = one["send"].get("expire_days", 0) if "send" in one else 0
        path = f"campaign.steps[{place}].send.expire_days"
        if days and (one["send"]["channel"] or campaign.channel) != kinds.PHONE:
            yield FieldViolation(path, "CALL_NEEDED", "Only a call expires.")
        elif days and days < (campaign.call_days or CALL_DAYS):
            yield FieldViolation(path, "EXPIRES_BEFORE_DUE", "A call does not expire before it is due.")


async def frozen(uow: UnitOfWork, scope: Scope, campaign: Campaign) -> dict[str, Any] | None:
    """Returns the steps with the words of their messages, so that nobody changes them after the review; None for a campaign without.

    Raises TemplateNotFound, TemplateValueMissing.
    """
    if not models.goes_in_steps(campaign):
        return None
    sends: dict[str, Any] = {}
    for place, one in enumerate(campaign.steps, 1):
        if "send" not in one:
            continue
        told, words = one["send"], None
        if told["template_id"] or told["channel"] not in (0, campaign.channel):
            found = await _template(uow, scope, campaign, told)
            words = templates.finished(found, campaign)
        sends[str(place)] = {
            "template_id": told["template_id"],
            "channel": told["channel"] or campaign.channel,
            "purpose": told["purpose"] or campaign.purpose,
            "template": words,
        }
    return {"steps": campaign.steps, "exit_rule": campaign.exit_rule, "sends": sends}


async def _template(uow: UnitOfWork, scope: Scope, campaign: Campaign, told: Mapping[str, Any]) -> Any:
    """The template of a step, of the same owner and of its channel. Raises TemplateNotFound."""
    key = uuid.UUID(told["template_id"]) if told["template_id"] else campaign.template_id
    channel = told["channel"] or campaign.channel
    if key is None:
        raise TemplateNotFound()
    return await templates.usable(uow, scope, campaign, key, channel)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that a run plans. Whom rules keep out is asked when it is claimed (`holding`)."""

    send_id: uuid.UUID
    customer_id: uuid.UUID
    step: int
    key: str
    channel: int


@dataclass(frozen=True, slots=True)
class _World:
    """What is known of the runs of a batch, read in sets."""

    top: Mapping[uuid.UUID, uuid.UUID]
    people: Mapping[uuid.UUID, Any]
    cars: Mapping[uuid.UUID, Sequence[Mapping[str, Any]]]
    holdings: Mapping[uuid.UUID, Sequence[Mapping[str, Any]]]
    lines: Mapping[tuple[uuid.UUID, str], list[Any]]

    def person(self, run: Any) -> evaluate.Person:
        """The person of a run, as rules ask about them; of somebody of whom nothing is known, nothing has a value."""
        who = self.top.get(run.customer_id, run.customer_id)
        items = {"cars": self.cars.get(who, ()), "holdings": self.holdings.get(who, ())}
        return evaluate.Person(self.people.get(who, {}), items)


class Journeys:
    """Goes on with runs that are awake; any number of workers may."""

    def __init__(self, work: Work, zone: str) -> None:
        self._work = work
        self._zone = zone

    async def sweep(self) -> bool:
        """Moves some runs of some campaigns; returns whether more may be left."""
        async with self._work.read() as session:
            found = await repository.awake(session)
        more = False
        for campaign_id in found:
            more = await self._advance(campaign_id) or more
        return more

    async def _advance(self, campaign_id: uuid.UUID) -> bool:
        async with self._work(_CALL) as uow:
            campaign = await repository.share(uow.session, campaign_id)
            if campaign is None or campaign.state != kinds.RUNNING:
                return False
            claimed = await repository.claim(uow.session, campaign_id, uow.now, AT_ONCE)
            if claimed:
                await _move(uow, campaign, claimed, campaign.time_zone or self._zone)
        return len(claimed) == AT_ONCE


async def _move(uow: UnitOfWork, campaign: Campaign, claimed: Sequence[Any], zone: str) -> None:
    plan, made, moves, planned = models.plan_of(campaign), [], [], []
    world, family = await _world(uow, campaign, claimed)
    yields = await _yielding(uow, campaign, claimed, family)
    here = ZoneInfo(zone)
    today = uow.now.astimezone(here).date()
    for run in claimed:
        facts = _facts(campaign, plan, run, world, today, here)
        at = runs.Standing(run.step, run.state, run.step_time)
        one = runs.advance(plan, at, facts, uow.now, zone)
        if run.run_id in yields:
            if runs.may_leave(plan, at, facts) and runs.is_under_way(plan, at, facts, uow.now):
                one = runs.Move(run.step, runs.OVER, reason=SAME_PERSON, leaves=True)
            elif one.sends or one.state != runs.SENDING:
                one = runs.Move(run.step, runs.OVER, reason=SAME_PERSON)
        made.append((run, facts, one))
    for run, one in await _left(uow, made):
        send_id = new_uuid() if one.sends else None
        if send_id is not None:
            channel = models.channel_of(campaign, one.step + 1)
            planned.append(Line(send_id, run.customer_id, one.step + 1, run.line_key, channel))
        moves.append((run.run_id, one, send_id))
    if planned:
        await repository.plan_lines(uow.session, campaign.campaign_id, planned, uow.now)
    await repository.move(uow.session, moves, uow.now)


async def _left(uow: UnitOfWork, made: Sequence[tuple[Any, runs.Facts, runs.Move]]) -> list[tuple[Any, runs.Move]]:
    """Takes back the calls that are not to be made any more. A run whose call somebody has just begun or told of stays where it is."""
    over = [run.send_id for run, _, one in made if one.leaves and one.state == runs.OVER]
    late = [run.send_id for run, _, one in made if one.leaves and one.state != runs.OVER]
    gone = await calling.withdraw(uow, over, WITHDRAWN)
    await calling.withdraw(uow, late, EXPIRED)
    stays = {run.run_id for run, facts, _ in made if run.send_id not in gone and facts.line != (ACCEPTED, EXPIRED)}
    return [
        (run, runs.Move(run.step, runs.SENDING, uow.now + runs.SOONEST))
        if one.leaves and one.state == runs.OVER and run.run_id in stays
        else (run, one)
        for run, _, one in made
    ]


async def _world(
    uow: UnitOfWork, campaign: Campaign, claimed: Sequence[Any]
) -> tuple[_World, dict[uuid.UUID, list[uuid.UUID]]]:
    family = await repository.family(uow.session, [run.customer_id for run in claimed])
    top = {one: root for root, many in family.items() for one in many}
    people, cars, holdings = await repository.known(uow.session, family)
    lines: dict[tuple[uuid.UUID, str], list[Any]] = {}
    for line in await repository.lines(uow.session, campaign.campaign_id, claimed):
        lines.setdefault((line.customer_id, about_of(line.occurrence)), []).append(line)
    return _World(top, people, cars, holdings, lines), family


async def _yielding(
    uow: UnitOfWork, campaign: Campaign, claimed: Sequence[Any], family: Mapping[uuid.UUID, Sequence[uuid.UUID]]
) -> set[uuid.UUID]:
    """The runs that give way because two of them became one person: who stands for both goes on, else the first by id."""
    if models.subject_of(campaign) != steps.PERSON:
        return set()  # a car or contract has one run, whosever it is
    several = {root: many for root, many in family.items() if len(many) > 1}
    if not several:
        return set()
    root_of = {one: root for root, many in several.items() for one in many}
    groups: dict[tuple[uuid.UUID, str], list[Any]] = {}
    for one in await repository.rivals(uow.session, campaign.campaign_id, sorted(root_of)):
        groups.setdefault((root_of[one.customer_id], one.occurrence), []).append(one)
    found: set[uuid.UUID] = set()
    for (root, _), many in groups.items():
        first = min(many, key=lambda one: (one.customer_id != root, one.customer_id))
        found |= {one.run_id for one in many if one.run_id != first.run_id}
    return found & {run.run_id for run in claimed}


def _facts(campaign: Campaign, plan: steps.Plan, run: Any, world: _World, today: date, zone: ZoneInfo) -> runs.Facts:
    person = world.person(run)
    mine = world.lines.get((run.customer_id, run.line_key), [])
    current = next((one for one in mine if one.send_id == run.send_id), None)
    line = (current.state, current.reason) if current is not None else None
    told = runs.outcomes([one.code for one in plan.steps], mine)
    # Of a car that was sold on, nothing is told to who had it.
    car = next((one for one in person.items["cars"] if one["vin"] == run.vin), {})
    contract = next((one for one in person.items["holdings"] if one["holding_id"] == run.holding_id), {})
    days = max((today - run.create_time.astimezone(zone).date()).days, 0)
    also = {"run": {**told, "days": days}, "car": car, "holding": contract}

    def date_of(which: int, since: date) -> date | None:
        """A date of what the run is about; else the next one of the person's cars or contracts."""
        if which == dates.BIRTHDAY:
            return _birthday(person.columns, since)
        of_car = which in dates.OF_CARS
        column = dates.OF_CARS[which] if of_car else dates.OF_HOLDINGS[which]
        if run.vin if of_car else run.holding_id:
            return (car if of_car else contract).get(column)
        many = sorted(one[column] for one in person.items["cars" if of_car else "holdings"] if one[column] is not None)
        return next((one for one in many if one >= since), many[-1] if many else None)

    due = due_now = None
    if run.due_date is not None and campaign.due_date is not None:
        due = (campaign.due_date["date"], run.due_date)
        found = date_of(due[0], today)
        due_now = None if found is None else dates.later(found, campaign.due_date["years"])
    own = dates.zone_or(person.columns.get("time_zone"), "")
    handed = current.hand_time if current is not None else None
    return runs.Facts(person, also, line, date_of, due, due_now, own, handed)


def _birthday(columns: Mapping[str, Any], since: date) -> date | None:
    month, day = columns.get("birth_month"), columns.get("birth_day")
    if not (month and day):
        return None
    found = dates.birthday(month, day, since.year)
    return found if found is None or found >= since else dates.birthday(month, day, since.year + 1)
