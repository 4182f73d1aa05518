"""What is done with cases: each verb asks the rules, writes the history, runs the clocks, and says so."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_complaint import events
from marque_complaint.models import Case, CaseMessage, CaseSearch
from marque_complaint.repository import clocks as rows
from marque_complaint.repository import goodwill
from marque_complaint.repository.scope import Scope
from marque_complaint.rules import kinds
from marque_complaint.usecases import common, creating, relating, tasks

_SEARCHED = frozenset({"vin", "make", "model", "category", "components"})


async def _finish(uow: UnitOfWork, case: Case, verb: str, said: Message | None, fields: tuple[str, ...]) -> Any:
    """Runs the clocks, says what happened, and answers."""
    await common.run_clocks(uow, case)
    await uow.flush()
    if said is not None:
        uow.emit(said, of=case)
    uow.audit(verb, "case", str(case.case_id), fields)
    return await uow.answer(case)


async def _move(
    uow: UnitOfWork, case: Case, verb: str, action: str, say: Callable[[Case], Message] | None = None, reason: str = ""
) -> Any:
    """Moves a case to where a verb leads."""
    before = case.do(verb)
    common.write_down(uow, case, action, reason, before=before)
    return await _finish(uow, case, verb, say(case) if say is not None else None, ("state",))


def _tell(uow: UnitOfWork, case: Case, text: str) -> None:
    """Lets the customer read in the thread what was decided or done."""
    case.message_count += 1
    author, staff = kinds.BY_STAFF, common.staff_of(uow)
    uow.add(CaseMessage(case_id=case.case_id, author=author, staff_id=staff, text=text, create_time=uow.now))


async def acknowledge(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, etag: str) -> Any:
    """Tells that the customer knows that the case is here."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        return await _move(uow, case, "acknowledge", "ACKNOWLEDGED", events.case_acknowledged)


async def assess(
    *, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, severity: int, category: str, components: list[str], etag: str
) -> Any:
    """Says how grave a case is and what it is about; its promises are those for that from now on."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        before = case.do("assess")
        case.severity = severity
        case.category, case.components = category or case.category, components or case.components
        await _index(uow, case)
        await common.promise(uow, case, "ASSESSED", before=before)
        return await _finish(uow, case, "assess", None, ("severity", "category", "components"))


async def investigate(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, etag: str) -> Any:
    """Begins to look into a case."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        return await _move(uow, case, "investigate", "INVESTIGATING")


async def propose(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, proposal: str, etag: str) -> Any:
    """Tells the customer a decision."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        before = case.do("propose")
        case.proposal = proposal
        _tell(uow, case, proposal)
        common.write_down(uow, case, "PROPOSED", before=before)
        return await _finish(uow, case, "propose", None, ("state", "proposal"))


async def answer(
    *, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, accepted: bool, further_options: str, etag: str
) -> Any:
    """Says whether the customer accepts. Who declines is told what else is open to them; a customer cannot tell themselves."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        before = case.do("accept" if accepted else "decline")
        case.further_options = "" if accepted or scope.customers else further_options
        if case.further_options:
            _tell(uow, case, case.further_options)
        common.write_down(uow, case, "ACCEPTED" if accepted else "DECLINED", before=before)
        return await _finish(uow, case, "answer", None, ("state", "further_options"))


async def resolve(
    *,
    uow: UnitOfWork,
    scope: Scope,
    case_id: uuid.UUID,
    resolution: str,
    remedy: str,
    cause: str,
    etag: str,
    open_tasks_reason: str = "",
) -> Any:
    """Says that what was decided is done; sub-tasks that are open are dropped with the reason."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        before = case.do("resolve")
        await tasks.end_open(uow, case, open_tasks_reason)
        case.resolution, case.remedy, case.cause, case.resolve_time = resolution, remedy, cause, uow.now
        _tell(uow, case, resolution)
        common.write_down(uow, case, "RESOLVED", before=before)
        said = events.case_resolved(case)
        return await _finish(uow, case, "resolve", said, ("state", "resolution", "remedy", "cause"))


async def close(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, etag: str) -> Any:
    """Closes a case that is resolved."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        case.close_time, case.assign_time = uow.now, None
        return await _move(uow, case, "close", "CLOSED", events.case_closed)


async def reopen(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, reason: str, etag: str) -> Any:
    """Opens a case again: what was decided before stands in its history and thread."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        before = case.do("reopen")
        case.close_time, case.resolve_time, case.merged_into_case_id = None, None, None
        case.reopen_count += 1
        case.proposal, case.further_options = "", ""
        if case.policy_version:
            common.write_down(uow, case, "REOPENED", reason, before=before)
        else:  # it was imported: here nothing was promised for it yet
            await common.promise(uow, case, "REOPENED", reason, before=before)
        return await _finish(uow, case, "reopen", events.case_reopened(case, reason), ("state",))


async def escalate(
    *, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, reason: str, escalation: int, etag: str
) -> Any:
    """Takes a case up."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        common.escalate(uow, case, escalation, reason)
        return await _finish(uow, case, "escalate", None, ("escalation",))


async def wait(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, waiting: int, reason: str, etag: str) -> Any:
    """Lets a case wait."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        case.do("wait", waiting=waiting)
        common.write_down(uow, case, "WAITING", reason)
        return await _finish(uow, case, "wait", None, ("waiting",))


async def resume(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, etag: str) -> Any:
    """Ends the waiting of a case."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        case.do("resume")
        common.write_down(uow, case, "RESUMED")
        return await _finish(uow, case, "resume", None, ("waiting",))


async def assign(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, staff_id: uuid.UUID | None, etag: str) -> Any:
    """Gives a case to somebody of its dealer or of the maker, or back to the queue."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        case.do("assign")
        if staff_id is not None:
            known, dealer = await rows.staff_dealer(uow.session, staff_id)
            if not known or (dealer is not None and dealer != case.dealer_id):
                raise InvalidArgument.of("staff_id", "STAFF_NOT_FOUND", "Nobody of this id works there.")
        case.handler_staff_id, case.assign_time = staff_id, None
        common.write_down(uow, case, "ASSIGNED" if staff_id else "QUEUED")
        return await _finish(uow, case, "assign", events.case_assigned(case), ("handler_staff_id",))


async def update(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, values: dict[str, Any], etag: str) -> Any:
    """Changes what is known of a case. Another dealer's hours and promises hold from its receipt on."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        former = case.customer_id
        if values.get("parent_case_id") not in (None, case.parent_case_id):
            await relating.check_parent(uow, scope, case, values["parent_case_id"])
        changed = case.change(values)
        said = events.case_linked(case, former) if "customer_id" in changed else None
        if _SEARCHED & set(changed):
            await _index(uow, case)
        if {"dealer_id", "customer_tier"} & set(changed):
            if "dealer_id" in changed:
                case.handler_staff_id, case.assign_time = None, uow.now if case.dealer_id else None
                await goodwill.move(uow.session, case.case_id, case.dealer_id)
            await common.promise(uow, case, "MOVED")
        elif changed:
            common.write_down(uow, case, "CHANGED")
        return await _finish(uow, case, "update", said, tuple(changed))


async def _index(uow: UnitOfWork, case: Case) -> None:
    """Makes what a case is found by anew."""
    row = await uow.session.get(CaseSearch, case.case_id)
    if row is not None:  # of who was erased nothing is found any more
        row.search_text, row.search_tokens = creating.document_of(case)
