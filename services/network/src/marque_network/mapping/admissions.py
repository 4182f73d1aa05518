"""Between rows and messages of admission files."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from marque.network.v1 import dealer_admission_pb2 as pb
from marque.network.v1 import dealer_admission_service_pb2 as service_pb
from servicekit.masking import show
from servicekit.paging import Page, moment, page_key
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_network.mapping.parts import Faults, date_message, dump, dumps, loads, stamp
from marque_network.models import NO_END
from marque_network.rules import papers

_NANOS = 999_999_999


def admission_values(message: pb.DealerAdmission) -> dict[str, Any]:
    """Returns the columns of a file. Raises InvalidArgument for what the contract's rules cannot see."""
    faults = Faults()
    for name in ("registered_capital", "bank_guarantee"):
        money = getattr(message.means, name)
        whole = len(money.currency_code) == 3 and money.currency_code.isalpha() and money.currency_code.isupper()
        if message.means.HasField(name) and not (whole and money.units >= 0 and 0 <= money.nanos <= _NANOS):
            faults.add(f"admission.means.{name}", "MONEY_INVALID", "Give an amount from 0 and its currency (ISO 4217).")
    years = Counter((one.year, one.index) for one in message.satisfaction)
    if any(count > 1 for count in years.values()):
        faults.add("admission.satisfaction", "YEAR_REPEATED", "A year and index stand there twice.")
    faults.date(message.loyalty, "partner_since_date", "admission.loyalty.partner_since_date")
    for index, paper in enumerate(message.documents):
        _check_paper(faults, paper, f"admission.documents[{index}]")
    faults.check()
    return {
        "means": dump(message.means) if message.HasField("means") else None,
        "satisfaction": dumps(message.satisfaction),
        "loyalty": dump(message.loyalty) if message.HasField("loyalty") else None,
        "documents": dumps(message.documents),
        "note": message.note,
        "next_expiry_date": papers.next_expiry(_papers(message), _today()) or NO_END,
    }


def _check_paper(faults: Faults, paper: pb.AdmissionDocument, place: str) -> None:
    issued = faults.date(paper, "issue_date", f"{place}.issue_date")
    ends = faults.date(paper, "expiry_date", f"{place}.expiry_date")
    if issued and ends and ends < issued:
        faults.add(f"{place}.expiry_date", "DATES_REVERSED", "A paper ends after it was issued.")


def _papers(message: pb.DealerAdmission) -> list[papers.Paper]:
    found = []
    for one in message.documents:
        last = one.expiry_date
        found.append((int(one.kind), date(last.year, last.month, last.day) if one.HasField("expiry_date") else None))
    return found


def _today() -> date:
    return datetime.now(UTC).date()


def admission_for(call: Call) -> Callable[[Any], pb.DealerAdmission]:
    """Returns the rendering of a file for a caller; rows carry the dealer's `kinds`."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> pb.DealerAdmission:
        message = pb.DealerAdmission(
            dealer_id=str(row.dealer_id),
            means=next(loads(pb.DealerMeans, [row.means] if row.means is not None else []), None),
            satisfaction=loads(pb.SatisfactionRecord, row.satisfaction),
            loyalty=next(loads(pb.DealerLoyalty, [row.loyalty] if row.loyalty is not None else []), None),
            documents=loads(pb.AdmissionDocument, row.documents),
            note=row.note,
        )
        held = _papers(message)
        message.missing_documents.extend(papers.missing(row.kinds, held, _today()))  # type: ignore[arg-type]
        if (last := papers.next_expiry(held, _today())) is not None:
            message.next_expiry_date.CopyFrom(date_message(last))
        found: pb.DealerAdmission = show(call, stamp(message, row), "dealer_admission", message.dealer_id, visible)
        return found

    return render


def admission_key(page: Page, order_by: str) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, moment if order_by.startswith("update_time") else date.fromisoformat, uuid.UUID)


def admission_page(
    rows: Sequence[Any], page: Page, order_by: str, call: Call
) -> service_pb.ListDealerAdmissionsResponse:
    """Returns the answer of a list request."""

    def key(row: Any) -> tuple[Any, ...]:
        by_time = order_by.startswith("update_time")
        return row.update_time if by_time else row.next_expiry_date.isoformat(), str(row.dealer_id)

    shown, token = page.cut(rows, key)
    render = admission_for(call)
    return service_pb.ListDealerAdmissionsResponse(admissions=[render(row) for row in shown], next_page_token=token)
