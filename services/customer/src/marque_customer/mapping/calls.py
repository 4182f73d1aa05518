"""Calls and callers between rows and messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from marque.customer.v1 import call_pb2, call_service_pb2, customer_pb2
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_customer.mapping.interactions import interaction_for
from marque_customer.mapping.times import moment, stamp
from marque_customer.rules.calls import INBOUND, Told

_COPIED = ("state", "direction", "number", "line", "note", "recording", "transfers")
_IDS = ("call_id", "staff_id", "dealer_id", "customer_id", "interaction_id")
_TIMES = ("begin_time", "answer_time", "end_time")


def call_for(call: Call) -> Callable[[Any], call_pb2.Call]:
    """Returns the rendering of a telephone call for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> call_pb2.Call:
        values: dict[str, Any] = {name: getattr(row, name) for name in _COPIED}
        values |= {name: str(getattr(row, name) or "") for name in _IDS}
        values |= {name: stamp(value) for name in _TIMES if (value := getattr(row, name)) is not None}
        message = call_pb2.Call(etag=row.etag, **values)
        shown: call_pb2.Call = show(call, message, "call", message.call_id, visible)
        return shown

    return render


def placed_for(call: Call, dial_within: Duration) -> Callable[[Any], call_service_pb2.PlacedCall]:
    """Returns the rendering of a call that may be dialled now."""
    render = call_for(call)

    def placed(found: Any) -> call_service_pb2.PlacedCall:
        row, language = found
        return call_service_pb2.PlacedCall(call=render(row), dial_within=dial_within, language=language)

    return placed


def callers_for(call: Call) -> Callable[[Any], call_service_pb2.LookUpCallerResponse]:
    """Returns the rendering of who may be calling."""
    visible, touch = visible_classes(call.principal.roles), interaction_for(call)

    def render(found: Any) -> call_service_pb2.LookUpCallerResponse:
        answer = call_service_pb2.LookUpCallerResponse()
        for one in found:
            person = customer_pb2.Customer.FromString(one.customer.card)
            answer.callers.add(
                customer=show(call, person, "customer", person.customer_id, visible),
                cars=[call_pb2.CallerCar(vin=row.vin, role=row.role) for row in one.cars],
                open_matters=[
                    call_pb2.OpenMatter(
                        reference_type=row.reference_type, reference_id=row.reference_id, update_time=stamp(row.update_time)
                    )
                    for row in one.matters
                ],
                last_interactions=[touch(row) for row in one.touches],
                promises=[touch(row) for row in one.promises],
            )  # fmt: skip
        return answer

    return render


def wrap_up(request: call_service_pb2.WrapUpCallRequest) -> dict[str, Any]:
    """Returns what a wrap-up says, as columns of a touch. Raises InvalidArgument."""
    due = moment(request.promise_time, "promise_time") if request.HasField("promise_time") else None
    return {
        "subject": request.about, "note": request.text, "outcome": request.outcome, "next_step": request.promise, "next_step_time": due,
    }  # fmt: skip


def told(request: call_service_pb2.RecordCallEventRequest) -> dict[str, Any]:
    """Returns an event of a call as the use case takes it. Raises InvalidArgument."""
    when = moment(request.event_time, "event_time")
    staff_id = uuid.UUID(request.staff_id) if request.staff_id else None
    return {
        "event": {"provider": request.provider, "event_id": request.event_id, "kind": request.kind, "event_time": when},
        "call": {
            "provider": request.provider, "provider_call_id": request.provider_call_id, "direction": request.direction or INBOUND,
            "number": request.number, "line": request.line, "recording": request.recording,
            "dealer_id": uuid.UUID(request.dealer_id) if request.dealer_id else None,
        },
        "told": Told(request.kind, when, staff_id),
        "placed": uuid.UUID(request.call_id) if request.call_id else None,
    }  # fmt: skip
