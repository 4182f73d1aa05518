"""Judging where customers stand: a sweep over those who were marked by a fact, or whose moment has come.

A customer is judged by everything known of it and of those merged into it; who is merged is not judged, and keeps what was found last.
What was found is compared with what stands: a change is written down, and told, once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from marque.customer.v1 import lifecycle_events_pb2
from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_customer.mapping.lifecycle import stage_rules
from marque_customer.models import LifecycleChange
from marque_customer.repository import values as repository
from marque_customer.repository.notes import connection_of
from marque_customer.rules import lifecycle as rules
from marque_customer.rules.kinds import ERASED, MERGED
from marque_customer.rules.tiers import Worth, tier_of

AT_ONCE = 200
_NAME = "sweep:lifecycle"


@dataclass
class Known:
    """What is known of a customer and those merged into it."""

    purchases: list[datetime] = field(default_factory=list)
    visits: list[datetime] = field(default_factory=list)
    spans: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    owned: set[str] = field(default_factory=set)
    bought: list[tuple[str, datetime]] = field(default_factory=list)
    paid: list[tuple[datetime, str, int]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """True where there is nothing to be judged by."""
        return not (self.purchases or self.visits or self.spans)

    def facts(self) -> rules.Facts:
        """Returns what the stage goes by. A purchase is an ownership until the ownership itself is heard of."""
        waiting = [(moment, None) for vin, moment in self.bought if vin not in self.owned]
        return rules.Facts(tuple(self.purchases), tuple(self.visits), (*self.spans, *waiting))


async def sweep(*, work: Work) -> bool:
    """Judges up to 200 customers whose moment has come; returns whether more may be left."""
    async with work(Call(SYSTEM, _NAME)) as uow:
        return await judge(uow, AT_ONCE) == AT_ONCE


async def judge(uow: UnitOfWork, most: int) -> int:
    """Judges customers inside an open unit of work; returns how many."""
    connection = await connection_of(uow.session)
    taken = await repository.take(connection, most)
    merged = [row["customer_id"] for row in taken if row["status"] == MERGED]
    if merged:
        await repository.unmark(connection, merged)
    gone = [row["customer_id"] for row in taken if row["status"] == ERASED]
    living = [row for row in taken if row["status"] not in (MERGED, ERASED)]
    if living:
        versions = await repository.versions(uow.session)
        known = await _known(connection, [row["customer_id"] for row in living])
        found = [_find(row, known[row["customer_id"]], versions, uow.now) for row in living]
        gone += [row["customer_id"] for row, one in zip(living, found, strict=True) if one is None]
        await repository.put(connection, [one.row for one in found if one is not None])
        await _tell(uow, connection, living, found)
    if gone:
        await repository.forget(connection, gone)
    return len(taken)


async def _known(connection: Any, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Known]:
    whose = await repository.families(connection, customer_ids)
    found = {customer_id: Known() for customer_id in customer_ids}
    cars, sales, visits = await repository.facts(connection, whose)
    for row in cars:
        known = found[whose[row["customer_id"]]]
        known.owned.add(row["vin"])
        if row["owning"] and not row["voided"] and row["valid_start_time"] is not None:
            known.spans.append((row["valid_start_time"], row["valid_end_time"]))
    for row in sales:
        known = found[whose[row["customer_id"]]]
        known.purchases.append(row["occur_time"])
        known.bought.append((row["vin"], row["occur_time"]))
    for row in visits:
        found[whose[row["customer_id"]]].visits.append(row["occur_time"])
    for row in (*sales, *visits):
        if row["currency"]:
            found[whose[row["customer_id"]]].paid.append((row["occur_time"], row["currency"], row["minor"]))
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    stage: int
    tier: str
    row: dict[str, Any]


def _find(row: Any, known: Known, versions: Sequence[Any], now: datetime) -> _Found | None:
    """Returns what holds of a customer now; none where nothing is known of it."""
    facts = known.facts()
    if known.empty:
        return None
    standing = rules.standing(facts, [stage_rules(one) for one in versions], now)
    by = next(one.rules for one in versions if one.version == standing.version)
    visits, visits_next = _counted(sorted(known.visits), timedelta(days=by["visits_window_days"]), now)
    paid = sorted((moment, minor) for moment, currency, minor in known.paid if currency == by["currency_code"])
    window = timedelta(days=by["spend_window_days"])
    spend = sum(minor for moment, minor in paid if now - window < moment <= now)
    _, spend_next = _counted([moment for moment, _ in paid], window, now)
    cars = sum(start <= now and (end is None or end > now) for start, end in facts.spans)
    tier, reasons = tier_of(by, Worth(visits, cars, spend))
    moments = [one for one in (standing.next_time, visits_next, spend_next) if one is not None]
    last = max((one for one in (*known.purchases, *known.visits) if one <= now), default=None)
    return _Found(
        standing.stage,
        tier,
        {
            "customer_id": row["customer_id"],
            "since": standing.since,
            "stage_reason": {"code": standing.reason, "value": standing.days if standing.reason in _AGED else 0},
            "tier_reasons": reasons,
            "last": last,
            "visits": visits,
            "cars": cars,
            "spend": spend,
            "currency": by["currency_code"],
            "version": standing.version,
            "next": min(moments, default=None),
        },
    )


_AGED = (rules.NOT_SEEN, rules.CAR_GONE)


def _counted(moments: Sequence[datetime], window: timedelta, now: datetime) -> tuple[int, datetime | None]:
    return rules.count_since(moments, now - window, now), rules.leaves_window(moments, window, now)


async def _tell(uow: UnitOfWork, connection: Any, rows: Sequence[Any], found: Sequence[_Found | None]) -> None:
    """Writes down and tells what is other than before."""
    nothing = _Found(rules.PROSPECT, "", {})
    pairs = [(row, one or nothing) for row, one in zip(rows, found, strict=True)]
    changed = [(row, one) for row, one in pairs if (row["stage"], row["tier"]) != (one.stage, one.tier)]
    if not changed:
        return
    await repository.set_stages(connection, [(row["customer_id"], one.stage, one.tier) for row, one in changed])
    last = await repository.last_sequences(connection, [row["customer_id"] for row, _ in changed])
    for row, one in changed:
        sequence = last.get(row["customer_id"], 0) + 1
        uow.add(_change(row, one, sequence, uow.now))
        uow.emit(_event(row, one, sequence))
        uow.audit("change_stage", "customer", str(row["customer_id"]), ("stage", "tier"))


def _change(row: Any, one: _Found, sequence: int, moment: datetime) -> LifecycleChange:
    return LifecycleChange(
        customer_id=row["customer_id"],
        sequence=sequence,
        from_stage=row["stage"],
        stage=one.stage,
        from_tier=row["tier"],
        tier=one.tier,
        stage_reason=one.row.get("stage_reason", {"code": rules.NO_CAR_YET, "value": 0}),
        tier_reasons=one.row.get("tier_reasons", []),
        start_time=one.row.get("since"),
        create_time=moment,
        rules_version=one.row.get("version", 0),
    )


def _event(row: Any, one: _Found, sequence: int) -> Message:
    same: dict[str, Any] = {
        "customer_id": str(row["customer_id"]),
        "aggregate_version": sequence,
        "stage": one.stage,
        "tier": one.tier,
        "rules_version": one.row.get("version", 0),
    }
    if row["stage"] == one.stage:
        return lifecycle_events_pb2.CustomerTierChanged(from_tier=row["tier"], **same)
    event = lifecycle_events_pb2.LifecycleStageChanged(from_stage=row["stage"], **same)
    if one.row.get("since") is not None:
        event.start_time.FromDatetime(one.row["since"])
    return event
