"""Between rows and messages of visits to dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from marque.network.v1 import dealer_visit_pb2 as pb
from marque.network.v1 import dealer_visit_service_pb2 as service_pb
from servicekit.masking import show
from servicekit.paging import Page, moment, page_key
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_network.mapping.parts import (
    Faults,
    date_message,
    dumps,
    loads,
    number,
    one_date,
    one_moment,
    set_moment,
    stamp,
    text_of,
    uuid_of,
)
from marque_network.mapping.patches import patched
from marque_network.models import Change

_PARTS = ("agenda", "measures")


@dataclass(frozen=True, slots=True)
class VisitView:
    """A visit's row with the rows of its actions, in the order of their numbers."""

    row: Any
    actions: Sequence[Any]


def visit_values(message: pb.DealerVisit) -> dict[str, Any]:
    """Returns the columns of a visit, and under `actions` those of its actions. Raises InvalidArgument for what the
    contract's rules cannot see.
    """
    faults = Faults()
    planned = faults.moment(message, "planned_time", "visit.planned_time")
    actions = action_values(faults, message.actions, "visit.actions")
    _check_measures(faults, message.measures, "visit.measures")
    faults.check()
    return {
        "dealer_id": uuid.UUID(message.dealer_id),
        "kind": message.kind,
        "visitor_staff_ids": [uuid.UUID(one) for one in message.visitor_staff_ids],
        "contact_ids": [uuid.UUID(one) for one in message.contact_ids],
        "planned_time": planned,
        "agenda": dumps(message.agenda),
        "measures": dumps(message.measures),
        "summary": message.summary,
        "actions": actions,
    }


def _check_measures(faults: Faults, measures: Sequence[pb.VisitMeasure], place: str) -> None:
    if len({one.kpi_code for one in measures}) < len(measures):
        faults.add(place, "KPI_REPEATED", "A KPI stands there twice.")


def action_values(faults: Faults, actions: Iterable[pb.VisitAction], place: str) -> list[dict[str, Any]]:
    """Returns the columns of actions; a number of 0 is for a new one."""
    found, seen = [], set()
    for index, one in enumerate(actions):
        if one.number and one.number in seen:
            faults.add(f"{place}[{index}].number", "ACTION_REPEATED", "The number stands there twice.")
        seen.add(one.number)
        due = faults.date(one, "due_date", f"{place}[{index}].due_date")
        found.append(
            {"number": one.number, "title": one.title, "owner_staff_id": uuid_of(one.owner_staff_id), "due_date": due}
        )
    return found


def report_values(request: service_pb.CompleteDealerVisitRequest) -> dict[str, Any]:
    """Returns the parts of a report that a request gives; an empty one leaves what is there. Raises InvalidArgument."""
    faults = Faults()
    found: dict[str, Any] = {}
    if request.summary:
        found["summary"] = request.summary
    if request.measures:
        _check_measures(faults, request.measures, "measures")
        found["measures"] = dumps(request.measures)
    if request.actions:
        found["actions"] = action_values(faults, request.actions, "actions")
    faults.check()
    return found


def visit_patch(request: service_pb.UpdateDealerVisitRequest) -> Callable[[VisitView], Change]:
    """Returns what an update request does to the visit that it finds."""

    def change(view: VisitView) -> Change:
        merged, fields = patched(visit_message(view), request.visit, request.update_mask, prefix="visit")
        values = visit_values(merged) if fields else {}
        return Change({name: value for name, value in values.items() if name in fields}, fields)

    return change


def visit_message(view: VisitView) -> pb.DealerVisit:
    """Returns the whole message of a visit; who may see what is judged by `visit_for`."""
    row = view.row
    message = pb.DealerVisit(
        visit_id=str(row.visit_id),
        dealer_id=str(row.dealer_id),
        kind=row.kind,
        state=row.state,
        visitor_staff_ids=[str(one) for one in row.visitor_staff_ids],
        contact_ids=[str(one) for one in row.contact_ids],
        agenda=loads(pb.VisitTopic, row.agenda),
        measures=loads(pb.VisitMeasure, row.measures),
        actions=[action_message(one) for one in view.actions],
        summary=row.summary,
        cancel_reason=row.cancel_reason,
    )
    message.planned_time.FromDatetime(row.planned_time)
    set_moment(message, "visit_time", row.visit_time)
    found: pb.DealerVisit = stamp(message, row)
    return found


def action_message(row: Any) -> pb.VisitAction:
    """Returns the message of an action."""
    message = pb.VisitAction(
        number=row.number,
        title=row.title,
        owner_staff_id=text_of(row.owner_staff_id),
        due_date=date_message(row.due_date),
        done_by=row.done_by,
    )
    set_moment(message, "done_time", row.done_time)
    return message


def visit_for(call: Call) -> Callable[[VisitView], pb.DealerVisit]:
    """Returns the rendering of a visit for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(view: VisitView) -> pb.DealerVisit:
        message = visit_message(view)
        found: pb.DealerVisit = show(call, message, "dealer_visit", message.visit_id, visible)
        return found

    return render


def visit_filters(request: service_pb.ListDealerVisitsRequest) -> dict[str, Any]:
    """Returns the filters that a list request sets. Raises InvalidArgument."""
    found: dict[str, Any] = {name: getattr(request, name) for name in ("state", "kind") if getattr(request, name)}
    found |= {
        name: uuid.UUID(getattr(request, name)) for name in ("dealer_id", "visitor_staff_id") if getattr(request, name)
    }
    times = {name: one_moment(request, name) for name in ("planned_from_time", "planned_before_time")}
    return found | {name: value for name, value in times.items() if value is not None}


def visit_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, moment, uuid.UUID)


def visit_page(views: Sequence[VisitView], page: Page, call: Call) -> service_pb.ListDealerVisitsResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(views, lambda view: (view.row.planned_time, str(view.row.visit_id)))
    render = visit_for(call)
    return service_pb.ListDealerVisitsResponse(visits=[render(view) for view in shown], next_page_token=token)


def action_filters(request: service_pb.ListVisitActionsRequest) -> dict[str, Any]:
    """Returns the filters that a list request sets. Raises InvalidArgument."""
    found: dict[str, Any] = {
        name: uuid.UUID(getattr(request, name)) for name in ("dealer_id", "owner_staff_id") if getattr(request, name)
    }
    if request.open_only:
        found["open_only"] = True
    if (before := one_date(request, "due_before_date")) is not None:
        found["due_before_date"] = before
    return found


def action_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, date.fromisoformat, uuid.UUID, number)


def action_page(rows: Sequence[Any], page: Page, call: Call) -> service_pb.ListVisitActionsResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (row.due_date.isoformat(), str(row.visit_id), row.number))
    visible = visible_classes(call.principal.roles)
    actions = [
        show(
            call,
            service_pb.DealerVisitAction(
                visit_id=str(row.visit_id), dealer_id=str(row.dealer_id), action=action_message(row)
            ),
            "dealer_visit",
            str(row.visit_id),
            visible,
        )
        for row in shown
    ]
    return service_pb.ListVisitActionsResponse(actions=actions, next_page_token=token)
