"""Cases that have to do with each other: two of one matter merged, two matters of one split, the problem behind many."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_complaint import events
from marque_complaint.errors import (
    CaseMergeItself,
    CaseMergePersons,
    CaseNotFound,
    CaseOlder,
    CaseParentNotAllowed,
    CaseStateNotAllowed,
)
from marque_complaint.models import Case
from marque_complaint.repository import cases as repository
from marque_complaint.repository import relations as rows
from marque_complaint.repository.scope import EVERYTHING, Scope
from marque_complaint.rules import kinds
from marque_complaint.usecases import common, creating, tasks

_MOST_COMPONENTS = 20


async def merge(
    *,
    uow: UnitOfWork,
    scope: Scope,
    case_id: uuid.UUID,
    into: uuid.UUID,
    families: tuple[set[uuid.UUID], ...],
    etag: str,
) -> Any:
    """Merges a case into another one, which is answered. `families`: every id of the persons of both, empty where unknown."""
    if case_id == into:
        raise CaseMergeItself()
    async with uow:
        locked = {}
        for one in sorted((case_id, into)):  # always in this order, or two merges could wait for each other
            locked[one] = await common.found(uow, scope, one, etag if one == case_id else "")
        case, kept = locked[case_id], locked[into]
        _check(case, kept, families)
        before = case.do("merge")
        case.close_time, case.assign_time, case.merged_into_case_id = uow.now, None, into
        common.write_down(uow, case, "MERGED", before=before)
        await rows.carry_on(uow.session, case_id, into)
        await tasks.carry(uow, case, kept)
        await _take_over(uow, case, kept)
        await common.run_clocks(uow, case)
        await common.run_clocks(uow, kept)
        await uow.flush()
        uow.emit(events.case_closed(case), of=case)
        uow.audit("merge", "case", str(case_id), ("merged_into_case_id",))
        uow.audit("take_over", "case", str(into))
        return await uow.answer(kept)


def _check(case: Case, kept: Case, families: tuple[set[uuid.UUID], ...]) -> None:
    if case.receive_time < kept.receive_time:
        raise CaseOlder()
    if case.customer_id is not None and kept.customer_id is not None and not families[0] & families[1]:
        raise CaseMergePersons()
    if not kept.standing.is_open:
        raise CaseStateNotAllowed(verb="merge", state=kinds.STATE_NAMES[kept.state])


async def _take_over(uow: UnitOfWork, case: Case, kept: Case) -> None:
    """Gives the case that stays what the other one knew and it did not."""
    former, severity = kept.customer_id, kept.severity
    kept.customer_id = kept.customer_id or case.customer_id
    kept.vin = kept.vin or case.vin
    kept.components = list(dict.fromkeys([*kept.components, *case.components]))[:_MOST_COMPONENTS]
    kept.severity = max(kept.severity, case.severity)
    flagged = bool(kept.safety_signs)
    kept.safety_signs = list(dict.fromkeys([*kept.safety_signs, *case.safety_signs]))
    if kept.severity != severity:
        await common.promise(uow, kept, "MOVED", "TOOK_OVER")
    else:
        common.write_down(uow, kept, "TOOK_OVER")
    kept.touch()
    await uow.flush()
    if kept.customer_id != former:
        uow.emit(events.case_linked(kept, former), of=kept)
    if kept.safety_signs and not flagged:
        uow.emit(events.safety_case_flagged(kept), of=kept)
        if kept.escalation < kinds.MAKER:
            common.escalate(uow, kept, kinds.MAKER, "SAFETY")


async def split(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, told: dict[str, Any], etag: str) -> Any:
    """Makes a case of its own of a second matter, and answers it."""
    async with uow:
        case = await common.found(uow, scope, case_id, etag)
        case.do("update")
        inherited = ("channel", "dealer_id", "customer_id", "vin", "make", "model", "model_year", "customer_tier")
        values = {name: getattr(case, name) for name in (*inherited, "incident_date", "odometer_km")}
        kind = told.pop("kind") or case.kind
        made = creating.take(uow, {**values, **told, "kind": kind, "split_from_case_id": case_id})
        common.write_down(uow, case, "SPLIT")
        case.touch()
        await uow.flush()
        uow.audit("split", "case", str(case_id))
        return await creating.begin(uow, made, said_by_customer=False)


async def check_parent(uow: UnitOfWork, scope: Scope, case: Case, parent_id: uuid.UUID) -> None:
    """Raises CaseParentNotAllowed where a case cannot be the problem behind another, or is not in sight."""
    parent = await repository.get_row(uow.session, scope, parent_id)
    if parent is None or parent_id == case.case_id or parent.parent_case_id or parent.merged_into_case_id:
        raise CaseParentNotAllowed()
    if await rows.has_children(uow.session, case.case_id):
        raise CaseParentNotAllowed()


async def where_it_goes_on(uow: UnitOfWork, case: Case) -> Case:
    """Returns the case in which what is said about a merged one is heard: the one that it was merged into, else itself."""
    if case.merged_into_case_id is None:
        return case
    try:
        return await common.found(uow, EVERYTHING, case.merged_into_case_id)
    except CaseNotFound:
        return case
