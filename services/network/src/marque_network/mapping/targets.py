"""Between rows and messages of targets."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from marque.network.v1 import target_pb2 as pb
from marque.network.v1 import target_service_pb2 as service_pb
from servicekit.paging import Page, moment, page_key

from marque_network.mapping.parts import Faults, period_message, set_moment, stamp, text_of, uuid_of

_STAGES = ("agreed_by", "proposed_by", "proposed_by_dealer")


def proposals(targets: Iterable[pb.Target]) -> list[dict[str, Any]]:
    """Returns the columns of proposed targets. Raises InvalidArgument."""
    faults = Faults()
    found, seen = [], set()
    for index, one in enumerate(targets):
        period = faults.period(one.period, f"targets[{index}].period")
        key = (uuid.UUID(one.dealer_id), uuid_of(one.staff_id), one.measure, *period)
        if key in seen:
            faults.add(f"targets[{index}]", "TARGET_REPEATED", "Dealer, adviser, measure and period stand there twice.")
        seen.add(key)
        found.append(
            {
                "dealer_id": key[0],
                "staff_id": key[1],
                "measure": one.measure,
                **period._asdict(),
                "value": Decimal(one.value),
                "currency_code": one.currency_code,
            }
        )
    faults.check()
    return found


def agreements(request: service_pb.AgreeTargetsRequest) -> dict[uuid.UUID, str]:
    """Returns the proposals to agree to by id, each with the etag that the caller read."""
    return {uuid.UUID(one.target_id): one.etag for one in request.agreements}


def plain(value: Decimal) -> str:
    """Returns a figure without the zeros that its column fills up."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def target_message(row: Any) -> pb.Target:
    """Returns the message of a version of a target."""
    message = pb.Target(
        target_id=str(row.target_id),
        dealer_id=str(row.dealer_id),
        staff_id=text_of(row.staff_id),
        measure=row.measure,
        period=period_message(row),
        value=plain(row.value),
        currency_code=row.currency_code,
        version=row.revision,
        state=row.state,
        **{name: getattr(row, name) for name in _STAGES},
    )
    set_moment(message, "agree_time", row.agree_time)
    found: pb.Target = stamp(message, row)
    return found


def proposed(rows: Iterable[Any]) -> service_pb.ProposeTargetsResponse:
    """Returns the answer of a proposal."""
    return service_pb.ProposeTargetsResponse(targets=[target_message(row) for row in rows])


def agreed(rows: Iterable[Any]) -> service_pb.AgreeTargetsResponse:
    """Returns the answer of an agreement."""
    return service_pb.AgreeTargetsResponse(targets=[target_message(row) for row in rows])


def target_filters(request: service_pb.ListTargetsRequest) -> dict[str, Any]:
    """Returns the filters that a list request sets. Raises InvalidArgument where they contradict each other."""
    faults = Faults()
    if request.dealers_only and request.staff_id:
        faults.add("dealers_only", "FILTERS_CONTRADICT", "Ask for an adviser's targets or for the dealers', not both.")
    if request.quarter and request.month:
        faults.add("quarter", "FILTERS_CONTRADICT", "Ask for a quarter or a month, not both.")
    faults.check()
    plain_names = ("measure", "year", "quarter", "month", "state")
    found: dict[str, Any] = {name: getattr(request, name) for name in plain_names if getattr(request, name)}
    found |= {name: uuid.UUID(getattr(request, name)) for name in ("dealer_id", "staff_id") if getattr(request, name)}
    return found | ({"staff_id": None} if request.dealers_only else {})


def target_key(page: Page, order_by: str) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, str if order_by == "measure" else moment, uuid.UUID)


def target_page(rows: Sequence[Any], page: Page, order_by: str) -> service_pb.ListTargetsResponse:
    """Returns the answer of a list request."""
    name = "measure" if order_by == "measure" else "update_time"
    shown, token = page.cut(rows, lambda row: (getattr(row, name), str(row.target_id)))
    return service_pb.ListTargetsResponse(targets=[target_message(row) for row in shown], next_page_token=token)
