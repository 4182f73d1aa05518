"""The servicer of how complete profiles are."""

from __future__ import annotations

import uuid
from typing import Any

from marque.customer.v1 import profile_pb2
from servicekit.db.uow import Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.errors import CustomerNotFound, ProfileRulesNotFound
from marque_customer.mapping import completeness as mapping
from marque_customer.repository import completeness as repository
from marque_customer.usecases.completeness import rules

_GROUPS = {
    profile_pb2.PROFILE_REPORT_GROUP_SOURCE: repository.SOURCE,
    profile_pb2.PROFILE_REPORT_GROUP_DEALER: repository.DEALER,
    profile_pb2.PROFILE_REPORT_GROUP_CLERK: repository.CLERK,
    profile_pb2.PROFILE_REPORT_GROUP_STAGE: repository.STAGE,
}


class ProfileApi:
    """marque.customer.v1.ProfileService."""

    service = "marque.customer.v1.ProfileService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetProfileRules(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.version(session, request.version)
        if row is None:
            raise ProfileRulesNotFound(version=request.version)
        return mapping.rules_message(row)

    async def PutProfileRules(self, request: Any, call: Call) -> Any:
        values = mapping.rules_values(request.rules)
        return await rules.put(uow=self._work(call, mapping.rules_message), values=values, etag=request.rules.etag)

    async def GetProfileCompleteness(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.card(session, call.principal, uuid.UUID(request.customer_id))
            version = await repository.version(session)
        if row is None:
            raise CustomerNotFound(customer_id=request.customer_id)
        return mapping.message(call, row, version)

    async def ListProfileCompleteness(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        async with self._work.read() as session:
            # Asked first: nobody is told that all are counted who are counted a moment later.
            version, counting = await repository.version(session), await repository.waiting(session)
            keys, rows = await repository.report(
                session,
                call.principal,
                group=_GROUPS[request.group_by],
                dealer_id=uuid.UUID(request.dealer_id) if request.dealer_id else None,
                source=request.source,
                stage=request.stage,
                page=page,
                after=page_key(page, str),
            )
        shown, token = page.cut(keys, lambda key: (key,))
        kept = set(shown)
        return mapping.report((row for row in rows if row.key in kept), shown, token, version.version, counting)
