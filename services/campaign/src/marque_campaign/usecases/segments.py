"""Segments: written, checked, counted, and asked about somebody."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument
from sqlalchemy.ext.asyncio import AsyncSession
from tradekit.cel import CelError
from tradekit.cel.errors import Place

from marque_campaign.errors import SegmentBroken, SegmentNotFound
from marque_campaign.models import Segment
from marque_campaign.repository import lists as rows
from marque_campaign.repository import segments as repository
from marque_campaign.repository.scope import Scope
from marque_campaign.repository.segment_sql import Asked
from marque_campaign.rules.segments import evaluate, tree
from marque_campaign.rules.segments.catalogue import LISTS, SEGMENTS
from marque_campaign.rules.segments.check import Rule, read

DEEPEST, MOST_NAMED = 5, 50
EXACT, SAMPLED, PLANNED = 1, 2, 3
_START = Place(1, 1)


@dataclass(frozen=True, slots=True)
class Days:
    """By whose days segments are asked, and how long one is counted exactly."""

    zone: str = "Asia/Shanghai"
    timeout_ms: int = 2000

    def day(self, moment: datetime) -> date:
        """The day of a moment there."""
        return moment.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule with all the rules that it names, ready to be asked."""

    rule: Rule
    nested: Mapping[uuid.UUID, tree.Condition]
    texts: Mapping[uuid.UUID, str]


async def ready(session: AsyncSession, text: str, dealer: uuid.UUID | None, own: uuid.UUID | None = None) -> Ready:
    """Reads a rule and those that it names, of the same owner. Raises CelError: also for what is unknown, and for a circle."""
    rule = read(text)
    nested: dict[uuid.UUID, tree.Condition] = {}
    below: dict[uuid.UUID, set[uuid.UUID]] = {}
    written: dict[uuid.UUID, str] = {}
    wanted, listed = _named([rule.condition], SEGMENTS), _named([rule.condition], LISTS)
    for _ in range(DEEPEST):
        if own in wanted:
            raise CelError("SEGMENT_CYCLE", _place(rule, wanted), "the segment would name itself")
        fresh = wanted - nested.keys()
        texts = await repository.rules_of(session, fresh, dealer) if fresh else {}
        if gone := fresh - texts.keys():
            raise CelError("SEGMENT_UNKNOWN", _place(rule, gone), f"there is no segment {min(gone)} of this owner")
        written |= texts
        for key, words in texts.items():
            nested[key] = read(words).condition
            below[key] = _named([nested[key]], SEGMENTS)
        listed |= _named([nested[key] for key in texts], LISTS)
        wanted = set().union(*(below[key] for key in texts)) if texts else set()
        if not wanted:
            break
    if wanted or _circle(below):
        raise CelError("SEGMENT_CYCLE", _START, f"segments name each other in a circle, or deeper than {DEEPEST}")
    if len(nested) + len(listed) > MOST_NAMED:
        raise CelError("CEL_SIZE", _START, f"more than {MOST_NAMED} segments and lists")
    if listed and (gone := listed - await repository.lists_of(session, listed, dealer)):
        raise CelError("LIST_UNKNOWN", _place(rule, gone), f"there is no list {min(gone)} of this owner")
    return Ready(rule, nested, written)


def _named(conditions: list[tree.Condition], of: str) -> set[uuid.UUID]:
    return {one.key for condition in conditions for one in tree.members(condition) if one.of == of}


def _place(rule: Rule, keys: set[uuid.UUID]) -> Place:
    """Where the clause stands that names one of some."""
    found = (one.node.place for one in rule.clauses if any(it.key in keys for it in tree.members(one.condition)))
    return next(found, _START)


def _circle(below: Mapping[uuid.UUID, set[uuid.UUID]]) -> bool:
    left = dict(below)
    while ends := [key for key, under in left.items() if not under & left.keys()]:
        for key in ends:
            del left[key]
    return bool(left)


async def checked(session: AsyncSession, text: str, dealer: uuid.UUID | None, own: uuid.UUID | None = None) -> Ready:
    """The same for somebody who writes the rule. Raises InvalidArgument with reason and place."""
    try:
        return await ready(session, text, dealer, own)
    except CelError as fault:
        raise InvalidArgument.of("segment.rule", fault.reason, str(fault)) from None


async def asked(session: AsyncSession, segment: Any) -> Ready:
    """The same for somebody who asks a segment that was written. Raises SegmentBroken."""
    try:
        return await ready(session, segment["rule"], segment["dealer_id"], segment["segment_id"])
    except CelError as fault:
        raise SegmentBroken(why=str(fault)) from None


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Writes a segment. Raises InvalidArgument."""
    async with uow:
        await checked(uow.session, values["rule"], values["dealer_id"])
        made = Segment(**values)
        uow.add(made)
        await uow.flush()
        uow.audit("create", "segment", str(made.segment_id))
        return await uow.answer(made)


async def update(*, uow: UnitOfWork, scope: Scope, segment_id: uuid.UUID, values: dict[str, Any], etag: str) -> Any:
    """Changes a segment. Raises SegmentNotFound, EtagMismatch, InvalidArgument."""
    async with uow:
        segment: Segment | None = await rows.lock(uow.session, rows.SEGMENTS, scope, segment_id)
        if segment is None:
            raise SegmentNotFound()
        segment.check_etag(etag)
        if "rule" in values:
            await checked(uow.session, values["rule"], segment.dealer_id, segment_id)
        changed = [name for name, value in values.items() if getattr(segment, name) != value]
        for name in changed:
            setattr(segment, name, values[name])
        uow.audit("update", "segment", str(segment_id), tuple(changed))
        return await uow.answer(segment)


async def check(work: Work, text: str, dealer: uuid.UUID | None) -> CelError | None:
    """Returns what is wrong with a rule of an owner."""
    async with work.read() as session:
        try:
            await ready(session, text, dealer)
        except CelError as fault:
            return fault
    return None


async def count(work: Work, segment: Any, days: Days) -> tuple[int, int]:
    """Returns how many people a segment has, and how that was found. Raises SegmentBroken."""
    async with work.read() as session:
        found = await asked(session, segment)
        words, dealer = Asked(days.day(now()), found.nested), segment["dealer_id"]
        exact = await repository.count(session, found.rule.condition, words, dealer, days.timeout_ms)
    if exact is not None:
        return exact, EXACT
    async with work.read() as session:
        some = await repository.sampled(session, found.rule.condition, words, dealer, days.timeout_ms)
    if some is not None:
        return some, SAMPLED
    async with work.read() as session:
        return await repository.planned(session, found.rule.condition, words, dealer), PLANNED


async def sample(work: Work, segment: Any, days: Days, most: int) -> tuple[Any, datetime]:
    """Returns some people of a segment, and since when changes may not be known. Raises SegmentBroken."""
    async with work.read() as session:
        since = await repository.waiting_since(session) or now()
        if not most:
            return (), since
        found = await asked(session, segment)
        words = Asked(days.day(now()), found.nested)
        return await repository.shown(session, found.rule.condition, words, segment["dealer_id"], most), since


async def explain(
    work: Work, segment: Any, customer_id: uuid.UUID, days: Days
) -> tuple[Rule, list[bool | None] | None]:
    """Returns a segment's rule and what each of its clauses says of somebody, None where nothing is known. Raises SegmentBroken."""
    async with work.read() as session:
        found = await asked(session, segment)
        known = await repository.person(session, customer_id, segment["dealer_id"])
        if known is None:
            return found.rule, None
        row, items = known
        everything = [found.rule.condition, *found.nested.values()]
        lists = await repository.lists_with(session, row["customer_id"], _named(everything, LISTS))
    person = evaluate.Person(row, items)

    def member(of: str, key: uuid.UUID) -> bool:
        return key in lists if of == LISTS else evaluate.holds(found.nested[key], person, moment) is True

    moment = evaluate.Moment(days.day(now()), member)
    return found.rule, [evaluate.holds(one.condition, person, moment) for one in found.rule.clauses]
