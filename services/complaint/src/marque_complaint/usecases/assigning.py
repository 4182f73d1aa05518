"""Who works on a case of a dealer: found by the network service, outside every transaction. Nobody's case is stranded: it waits in
network's queue, which alarms, and in the list of cases that nobody works on.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import grpc.aio
from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import logs

from marque_complaint import events
from marque_complaint.clients import Network
from marque_complaint.models import Case
from marque_complaint.repository import assigning as rows
from marque_complaint.repository import cases as repository
from marque_complaint.repository.scope import EVERYTHING
from marque_complaint.rules import kinds
from marque_complaint.usecases import common

log = logs.get_logger(__name__)
AT_ONCE = 50
ITEM = "complaint.case"
_AGAIN = timedelta(minutes=10)
_CALL = "sweep:case-assignments"


async def sweep(*, work: Work, network: Network) -> bool:
    """Has somebody found for up to 50 cases, and ends what is closed at network; returns whether more may be left.

    Raises Unavailable while network is away: who waits goes on waiting.
    """
    waiting = await rows.waiting(work.reader, AT_ONCE)
    for row in waiting:
        await _find(work, network, row)
    ended = await rows.ended(work.reader, AT_ONCE)
    for row in ended:
        await network.end(row["assignment_id"])
    if ended:
        async with work(Call(SYSTEM, _CALL)) as uow:
            await rows.forget(uow.session, [row["case_id"] for row in ended])
    return len(waiting) == AT_ONCE or len(ended) == AT_ONCE


async def _find(work: Work, network: Network, row: Any) -> None:
    try:
        found = await network.assign(row["case_id"], row["dealer_id"], row["entry_count"])
    except grpc.aio.AioRpcError as error:
        # An answer about this case alone: it must not keep the others from their people.
        log.warning("a case cannot be assigned", extra={"case_id": str(row["case_id"]), "code": error.code().name})
        found = None
    async with work(Call(SYSTEM, _CALL)) as uow:
        case = await repository.lock_case(uow.session, EVERYTHING, row["case_id"])
        if case is None or case.assign_time != row["assign_time"] or case.dealer_id != row["dealer_id"]:
            return  # somebody was faster
        if found is None:
            case.assign_time = uow.now + _AGAIN
            return
        case.assignment_id, staff_id = found
        case.assign_time = None
        if staff_id is not None and case.handler_staff_id is None:
            await _give(uow, case, staff_id)


async def take(uow: UnitOfWork, case_id: uuid.UUID, dealer_id: uuid.UUID, staff_id: uuid.UUID) -> None:
    """Notes whom network found for a case that had waited in its queue; what was assigned by hand meanwhile stays."""
    case = await repository.lock_case(uow.session, EVERYTHING, case_id)
    if case is None or case.dealer_id != dealer_id or case.handler_staff_id is not None or case.state == kinds.CLOSED:
        return
    case.assign_time = None
    await _give(uow, case, staff_id)


async def _give(uow: UnitOfWork, case: Case, staff_id: uuid.UUID) -> None:
    case.handler_staff_id = staff_id
    common.write_down(uow, case, "ASSIGNED", "NETWORK")
    await uow.flush()
    uow.emit(events.case_assigned(case), of=case)
    uow.audit("assign", "case", str(case.case_id), ("handler_staff_id",))
