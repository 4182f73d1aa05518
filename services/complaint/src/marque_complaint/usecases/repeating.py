"""The same complaint sent again: counted where it was taken first, and not taken twice."""

from __future__ import annotations

from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_complaint.models import Case, CasePrint
from marque_complaint.repository import relations as rows
from marque_complaint.repository.scope import Scope
from marque_complaint.rules import repeats
from marque_complaint.usecases import common


async def known_again(uow: UnitOfWork, scope: Scope, values: dict[str, Any]) -> tuple[Case | None, bytes | None]:
    """Returns the open case of which this is a repeat, counted there, and the print of what came."""
    found = repeats.print_of(values)
    if found is None:
        return None, None
    await rows.hold_print(uow.session, found)
    case_id = await rows.same(uow.session, scope, found, uow.now - repeats.WITHIN)
    if case_id is None:
        return None, found
    case = await common.found(uow, scope, case_id)
    case.repeat_count += 1
    if case.repeat_count <= repeats.NOTED:
        common.write_down(uow, case, "REPEATED")
    await uow.flush()
    uow.audit("repeat", "case", str(case_id), ("repeat_count",))
    return case, found


def keep_print(uow: UnitOfWork, case: Case, found: bytes | None) -> None:
    """Keeps by what a case is known again."""
    if found is not None:
        uow.add(CasePrint(case_id=case.case_id, print=found, create_time=uow.now))
