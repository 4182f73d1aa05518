"""Between rows and messages of agreements with dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from marque.network.v1 import dealer_agreement_pb2 as pb
from marque.network.v1 import dealer_agreement_service_pb2 as service_pb
from servicekit.masking import show
from servicekit.paging import Page, moment, page_key
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_network.mapping.parts import Faults, date_message, dumps, loads, number, one_date, stamp, text_of
from marque_network.mapping.patches import patched, required
from marque_network.models import Change, DealerAgreementVersion

_PLAIN = ("kind", "title", "notice_days")


def agreement_values(message: pb.DealerAgreement) -> dict[str, Any]:
    """Returns the columns of a version. Raises InvalidArgument for what the contract's rules cannot see."""
    faults = Faults()
    begins = faults.date(message, "valid_from_date", "agreement.valid_from_date")
    ends = faults.date(message, "valid_to_date", "agreement.valid_to_date")
    if not message.number.strip():
        faults.found.append(required("agreement.number"))
    if begins and ends and ends < begins:
        faults.add("agreement.valid_to_date", "DATES_REVERSED", "An agreement ends after it begins.")
    faults.check()
    return {
        **{name: getattr(message, name) for name in _PLAIN},
        "dealer_id": uuid.UUID(message.dealer_id),
        "number": message.number.strip(),
        "valid_from_date": begins,
        "valid_to_date": ends,
        "documents": dumps(message.documents),
    }


def agreement_patch(request: service_pb.UpdateDealerAgreementRequest) -> Callable[[DealerAgreementVersion], Change]:
    """Returns what an update request does to the draft that it finds."""

    def change(row: DealerAgreementVersion) -> Change:
        merged, fields = patched(agreement_message(row), request.agreement, request.update_mask, prefix="agreement")
        values = agreement_values(merged) if fields else {}
        return Change({name: value for name, value in values.items() if name in fields}, fields)

    return change


def agreement_message(row: Any) -> pb.DealerAgreement:
    """Returns the whole message of a version; who may see what is judged by `agreement_for`."""
    message = pb.DealerAgreement(
        agreement_id=str(row.agreement_id),
        version=row.revision,
        dealer_id=str(row.dealer_id),
        number=row.number,
        state=row.state,
        **{name: getattr(row, name) for name in _PLAIN},
        valid_from_date=date_message(row.valid_from_date),
        valid_to_date=date_message(row.valid_to_date),
        documents=loads(pb.AgreementDocument, row.documents),
        signed_date=date_message(row.signed_date),
        signed_by_staff_id=text_of(row.signed_by_staff_id),
        signed_by_contact_id=text_of(row.signed_by_contact_id),
        terminated_date=date_message(row.terminated_date),
        termination_reason=row.termination_reason,
    )
    found: pb.DealerAgreement = stamp(message, row)
    # Versions are told apart too: the etag of a draft must not fit the version that was signed before it.
    found.etag = agreement_etag(row)
    return found


def agreement_etag(row: Any) -> str:
    """Returns the etag of a version of an agreement."""
    return f"v{row.revision}.{row.version}"


def agreement_for(call: Call) -> Callable[[Any], pb.DealerAgreement]:
    """Returns the rendering of a version for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> pb.DealerAgreement:
        message = agreement_message(row)
        found: pb.DealerAgreement = show(call, message, "dealer_agreement", message.agreement_id, visible)
        return found

    return render


def agreement_filters(request: service_pb.ListDealerAgreementsRequest) -> dict[str, Any]:
    """Returns the filters that a list request sets. Raises InvalidArgument."""
    found: dict[str, Any] = {name: getattr(request, name) for name in ("kind", "state") if getattr(request, name)}
    found |= {
        name: uuid.UUID(getattr(request, name)) for name in ("dealer_id", "agreement_id") if getattr(request, name)
    }
    days = {name: one_date(request, name) for name in ("expires_before_date", "in_force_date")}
    return found | {name: value for name, value in days.items() if value is not None}


def _by_time(order_by: str) -> bool:
    return order_by.startswith("create_time")


def agreement_key(page: Page, order_by: str) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, moment if _by_time(order_by) else date.fromisoformat, uuid.UUID, number)


def agreement_page(
    rows: Sequence[Any], page: Page, order_by: str, call: Call
) -> service_pb.ListDealerAgreementsResponse:
    """Returns the answer of a list request."""

    def key(row: Any) -> tuple[Any, ...]:
        first = row.create_time if _by_time(order_by) else row.end_date.isoformat()
        return first, str(row.agreement_id), row.revision

    shown, token = page.cut(rows, key)
    render = agreement_for(call)
    return service_pb.ListDealerAgreementsResponse(agreements=[render(row) for row in shown], next_page_token=token)
