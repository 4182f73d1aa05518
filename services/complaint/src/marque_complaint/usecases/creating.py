"""Taking cases: at once, whatever is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_complaint import events
from marque_complaint.models import Case, CaseMessage, CaseSearch
from marque_complaint.repository import bulk
from marque_complaint.repository.scope import Scope
from marque_complaint.rules import documents, kinds, safety, tracking
from marque_complaint.usecases import common, repeating


@dataclass(frozen=True, slots=True)
class Author:
    """Who brings a case: `customer` where it is the customer in person, who then reads their own words in the thread."""

    customer: bool = False


async def create(*, uow: UnitOfWork, scope: Scope, author: Author, values: dict[str, Any]) -> Any:
    """Takes a case: history, clocks, search document, and what is dangerous told at once. The same sent again is the same case."""
    async with uow:
        same, found = await repeating.known_again(uow, scope, values)
        if same is not None:
            return await uow.answer(same)
        case = take(uow, values)
        await uow.flush()
        repeating.keep_print(uow, case, found)
        return await begin(uow, case, said_by_customer=author.customer)


async def begin(uow: UnitOfWork, case: Case, *, said_by_customer: bool) -> Any:
    """Begins the work on a case that was taken, and answers it."""
    await uow.flush()
    uow.add(search_row(case))
    if said_by_customer:
        case.message_count = 1
        uow.add(CaseMessage(case_id=case.case_id, author=kinds.BY_CUSTOMER, text=case.description, create_time=uow.now))
    await common.promise(uow, case, "RECEIVED", at=case.receive_time)
    uow.emit(events.case_received(case), of=case)
    if case.safety_signs:
        flag(uow, case)
    await common.run_clocks(uow, case)
    await uow.flush()
    uow.audit("create", "case", str(case.case_id))
    return await uow.answer(case)


async def open_for(
    *, uow: UnitOfWork, source: str, key: str, vin: str, category: str, known: dict[str, Any] | None = None
) -> None:
    """Opens a complaint for something that the platform heard, once for each key of the source; the maker's own people look at it.

    `known`: columns that are known of it, such as its customer, its dealer (whose people then look at it) or its channel.
    """
    async with uow:
        if await bulk.lock_by_source(uow.session, source, [key]):
            return
        values = {"kind": kinds.COMPLAINT, "channel": kinds.SYSTEM, "vin": vin, "category": category}
        case = take(uow, {**values, **(known or {}), "source": source, "source_key": key, "description": ""})
        case.severity = kinds.HIGH
        await uow.flush()
        uow.add(search_row(case))
        await common.promise(uow, case, "RECEIVED")
        uow.emit(events.case_received(case), of=case)
        await common.run_clocks(uow, case)
        uow.audit("open", "case", str(case.case_id))


def take(uow: UnitOfWork, values: dict[str, Any]) -> Case:
    """Makes the row of a new case, received now unless the values say when; somebody is looked for at its dealer."""
    told = [values.get(name, "") for name in ("subject", "description", "remedy_asked")]
    found = safety.signs(told)
    case = Case(
        **{"receive_time": uow.now, **values},
        tracking_code=tracking.new_code(),
        safety_signs=found,
        severity=kinds.SAFETY if found else kinds.UNASSESSED,
        assign_time=uow.now if values.get("dealer_id") else None,
        entry_count=0,
        state=kinds.RECEIVED,
        waiting=kinds.NOTHING,
        escalation=kinds.HANDLER,
    )
    uow.add(case)
    return case


def flag(uow: UnitOfWork, case: Case) -> None:
    """Tells of danger past all queues: to whoever hears it, and at the top of the ladder."""
    uow.emit(events.safety_case_flagged(case), of=case)
    common.escalate(uow, case, kinds.MAKER, "SAFETY")


def search_row(case: Case) -> CaseSearch:
    """Returns what a case is found by."""
    text, tokens = document_of(case)
    return CaseSearch(case_id=case.case_id, search_text=text, search_tokens=tokens)


def document_of(case: Case) -> tuple[str, list[str]]:
    """Returns the two columns of a case's search document."""
    told = (case.subject, case.description, case.make, case.model, case.category, *(case.components or ()))
    return documents.build(told, vin=case.vin or "", codes=(case.tracking_code, case.source_key or ""))
