"""What is done with visits to dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from marque.network.v1 import dealer_visit_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation, InvalidArgument

from marque_network.errors import ActionNotFound, DealerNotFound, VisitNotFound
from marque_network.mapping.parts import date_message
from marque_network.mapping.visits import VisitView
from marque_network.models import Change, DealerVisit, DealerVisitAction
from marque_network.repository import dealers, partnership, scorecards
from marque_network.repository import visits as repository
from marque_network.repository.scoped import staff_of

ACTION_DUE = "visit-action"


async def plan_visit(*, uow: UnitOfWork, values: Mapping[str, Any]) -> Any:
    """Plans a visit to a dealer for which the caller may act."""
    async with uow:
        columns = {name: value for name, value in values.items() if name != "actions"}
        if not await dealers.is_own_dealer(uow.session, uow.principal, columns["dealer_id"]):
            raise DealerNotFound(dealer_id=columns["dealer_id"])
        visit = DealerVisit(**columns)
        await _check(uow, visit, values, "visit")
        uow.add(visit)
        await uow.flush()
        actions = await _write_actions(uow, visit, [], values["actions"])
        uow.audit("plan", "dealer_visit", str(visit.visit_id))
        return await uow.answer(VisitView(visit, actions))


async def update_visit(*, uow: UnitOfWork, visit_id: uuid.UUID, etag: str, patch: Callable[[VisitView], Change]) -> Any:
    """Changes a visit."""
    async with uow:
        visit, actions = await _found(uow, visit_id, etag)
        change = patch(VisitView(visit, actions))
        if change.fields:
            columns = {name: value for name, value in change.values.items() if name != "actions"}
            visit.change(Change(columns, change.fields))
            await _check(uow, visit, change.values, "visit")
            if "actions" in change.values:
                actions = await _write_actions(uow, visit, actions, change.values["actions"])
            uow.audit("update", "dealer_visit", str(visit_id), change.fields)
        return await uow.answer(VisitView(visit, actions))


async def complete_visit(
    *, uow: UnitOfWork, visit_id: uuid.UUID, etag: str, at: datetime | None, report: Mapping[str, Any]
) -> Any:
    """Says that a visit took place, with its report."""
    async with uow:
        visit, actions = await _found(uow, visit_id, etag)
        if at is not None and at > uow.now:
            raise InvalidArgument.of("visit_time", "TIME_IN_FUTURE", "A visit took place before now.")
        visit.complete(at or min(visit.planned_time, uow.now))
        visit.report({name: value for name, value in report.items() if name != "actions"})
        await _check(uow, visit, report, "")
        if "actions" in report:
            actions = await _write_actions(uow, visit, actions, report["actions"])
        await uow.flush()
        uow.emit(_completed(visit, actions), of=visit)
        uow.audit("complete", "dealer_visit", str(visit_id), tuple(report))
        return await uow.answer(VisitView(visit, actions))


async def cancel_visit(*, uow: UnitOfWork, visit_id: uuid.UUID, etag: str, reason: str) -> Any:
    """Calls a visit off."""
    async with uow:
        visit, actions = await _found(uow, visit_id, etag)
        visit.cancel(reason)
        uow.audit("cancel", "dealer_visit", str(visit_id))
        return await uow.answer(VisitView(visit, actions))


async def complete_action(*, uow: UnitOfWork, visit_id: uuid.UUID, number: int, etag: str) -> Any:
    """Says that an action is done; once more changes nothing."""
    async with uow:
        visit, actions = await _found(uow, visit_id, etag)
        action = next((one for one in actions if one.number == number), None)
        if action is None:
            raise ActionNotFound(number=number)
        if action.finish(uow.now, uow.principal.subject):
            visit.touch()
            uow.audit("complete_action", "dealer_visit", str(visit_id), (f"actions[{number}]",))
        return await uow.answer(VisitView(visit, actions))


async def tell_overdue(uow: UnitOfWork, key: str) -> datetime | None:
    """Tells others, once, of an action that was not done by its day."""
    visit_id, _, number = key.partition("/")
    actions = await repository.get_actions(uow.session, uuid.UUID(visit_id))
    action = next((one for one in actions if one.number == int(number)), None)
    visit = await uow.session.get(DealerVisit, uuid.UUID(visit_id))
    if action is None or visit is None or action.done_time is not None or visit.state == DealerVisit.CANCELLED:
        return None
    uow.emit(
        dealer_visit_events_pb2.DealerVisitActionOverdue(
            visit_id=visit_id,
            dealer_id=str(visit.dealer_id),
            action_number=action.number,
            owner_staff_id=str(action.owner_staff_id or ""),
            due_date=date_message(action.due_date),
        ),
        of=visit,
    )
    return None


async def _found(uow: UnitOfWork, visit_id: uuid.UUID, etag: str) -> tuple[DealerVisit, list[DealerVisitAction]]:
    visit = await repository.get_visit(uow.session, uow.principal, visit_id)
    if visit is None:
        raise VisitNotFound(visit_id=visit_id)
    visit.check_etag(etag)
    return visit, await repository.get_actions(uow.session, visit_id)


async def _check(uow: UnitOfWork, visit: DealerVisit, written: Mapping[str, Any], place: str) -> None:
    """Refuses people, contacts and KPIs that are not there; measures learn whether their target was reached."""
    wrong: list[FieldViolation] = []
    path = f"{place}." if place else ""
    if "visitor_staff_ids" in written:
        staff = await staff_of(uow.session, visit.visitor_staff_ids)
        if any(staff.get(one, visit.dealer_id) is not None for one in visit.visitor_staff_ids):
            wrong.append(
                FieldViolation(f"{path}visitor_staff_ids", "STAFF_UNKNOWN", "Name people of the maker's staff.")
            )
    if written.get("contact_ids"):
        known = await partnership.contacts_at(uow.session, visit.dealer_id, visit.contact_ids)
        if set(visit.contact_ids) - known:
            wrong.append(FieldViolation(f"{path}contact_ids", "CONTACT_UNKNOWN", "Name contacts of this dealer."))
    owners = {one["owner_staff_id"] for one in written.get("actions", ()) if one["owner_staff_id"] is not None}
    people = await staff_of(uow.session, owners) if owners else {}
    if any(people.get(one, _NOBODY) not in (None, visit.dealer_id) for one in owners):
        text = "Name people of the maker or of this dealer."
        wrong.append(FieldViolation(f"{path}actions", "STAFF_UNKNOWN", text))
    if written.get("measures"):
        visit.measures, unknown = await _judged(uow, visit.measures)
        if unknown:
            wrong.append(FieldViolation(f"{path}measures", "KPI_UNKNOWN", f"There is no KPI {unknown[0]}."))
    if wrong:
        raise InvalidArgument(violations=wrong)


_NOBODY = uuid.UUID(int=0)


async def _judged(uow: UnitOfWork, measures: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the measures with `reached`, and the codes that no KPI has."""
    known = await scorecards.kpis(uow.session, [one["kpi_code"] for one in measures])
    found = []
    for one in measures:
        value, target = float(one.get("value", 0.0)), one.get("target")
        kpi = known.get(one["kpi_code"])
        better = (
            target is not None
            and kpi is not None
            and (value <= float(target) if kpi.lower_is_better else value >= float(target))
        )
        found.append({**one, "reached": bool(better)})
    return found, [one["kpi_code"] for one in measures if one["kpi_code"] not in known]


async def _write_actions(
    uow: UnitOfWork, visit: DealerVisit, present: Sequence[DealerVisitAction], wanted: Sequence[Mapping[str, Any]]
) -> list[DealerVisitAction]:
    """Makes the actions of a visit those that are wanted: known numbers are changed, others are new, open ones that are
    left out go. What is done stays as it is.
    """
    known = {one.number: one for one in present}
    next_number = max(known, default=0) + 1
    kept: list[DealerVisitAction] = []
    for values in wanted:
        action = known.pop(values["number"], None)
        if action is None:
            action = DealerVisitAction(
                visit_id=visit.visit_id, dealer_id=visit.dealer_id, done_by="", **{**values, "number": next_number}
            )
            next_number += 1
            uow.add(action)
        elif action.done_time is None:
            for name, value in values.items():
                setattr(action, name, value)
        kept.append(action)
    for action in known.values():
        if action.done_time is None:
            await uow.session.delete(action)
        else:
            kept.append(action)
    zone = await dealers.zone_of(uow.session, visit.dealer_id)
    for action in kept:
        if action.done_time is None:
            await uow.schedule(ACTION_DUE, f"{visit.visit_id}/{action.number}", day_after(action.due_date, zone))
    return sorted(kept, key=lambda one: one.number)


def day_after(day: Any, zone: str) -> datetime:
    """Returns the first instant of the day after, in a zone."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def _completed(visit: DealerVisit, actions: Sequence[DealerVisitAction]) -> Any:
    missed = [one["kpi_code"] for one in visit.measures if one.get("target") is not None and not one.get("reached")]
    at = Timestamp()
    if visit.visit_time is not None:
        at.FromDatetime(visit.visit_time)
    return dealer_visit_events_pb2.DealerVisitCompleted(
        visit_id=str(visit.visit_id),
        dealer_id=str(visit.dealer_id),
        kind=cast(Any, visit.kind),
        visit_time=at,
        missed_kpi_codes=missed,
        open_actions=sum(one.done_time is None for one in actions),
    )
