"""Cases for what came in: a sweep asks the complaint service to open each, outside every transaction.

The intake's id is the key of the request, so that asking twice opens one. While the complaint service is away they wait.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

import grpc
import grpc.aio
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import logs

from marque_customer.clients import Complaints
from marque_customer.repository import mailboxes as repository

AT_ONCE = 20
_NAME = "sweep:inbound-cases"
_AGAIN = timedelta(hours=1)
log = logs.get_logger(__name__)


async def sweep(*, work: Work, complaints: Complaints) -> bool:
    """Opens up to 20 cases; returns whether more may be left. Raises Unavailable while the complaint service is away."""
    async with work.read() as session:
        waiting = await repository.for_cases(session, now(), AT_ONCE)
    for row in waiting:
        case_id: uuid.UUID | None = None
        try:
            case_id = await complaints.open(row)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
            log.error("a case was refused", extra={"intake_id": str(row.intake_id), "code": error.code().name})
        async with work(Call(SYSTEM, _NAME)) as uow:
            again = None if case_id is not None else uow.now + _AGAIN
            await repository.settle_case(uow.session, row.intake_id, case_id=case_id, again=again)
    return len(waiting) == AT_ONCE
