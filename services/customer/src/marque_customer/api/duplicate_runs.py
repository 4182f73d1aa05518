"""The servicer of runs that find duplicates."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.rpc.call import Call

from marque_customer.errors import DuplicateRunNotFound
from marque_customer.mapping import duplicate_runs as mapping
from marque_customer.repository import duplicate_runs as repository
from marque_customer.usecases import duplicate_runs


class DuplicateRunApi:
    """marque.customer.v1.DuplicateRunService."""

    service = "marque.customer.v1.DuplicateRunService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def FindDuplicates(self, request: Any, call: Call) -> Any:
        return await duplicate_runs.start(uow=self._work(call, mapping.message))

    async def GetDuplicateRun(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            run = await repository.find(session, uuid.UUID(request.run_id))
            if run is None:
                raise DuplicateRunNotFound(run_id=request.run_id)
            return mapping.message(run)
