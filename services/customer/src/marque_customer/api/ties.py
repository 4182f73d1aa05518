"""The servicer of ties between customers."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.ids import is_uuid
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.mapping import ties as mapping
from marque_customer.repository import families
from marque_customer.repository import ties as repository
from marque_customer.usecases import ties as usecases
from marque_customer.usecases.lifecycle.reading import seen


class CustomerTieApi:
    """marque.customer.v1.CustomerTieService."""

    service = "marque.customer.v1.CustomerTieService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateCustomerTie(self, request: Any, call: Call) -> Any:
        return await usecases.create(
            uow=self._work(call, mapping.tie_for(call)), values=mapping.tie_values(request.tie)
        )

    async def EndCustomerTie(self, request: Any, call: Call) -> Any:
        uow = self._work(call, mapping.tie_for(call))
        return await usecases.end(uow=uow, tie_id=uuid.UUID(request.tie_id), etag=request.etag, reason=request.reason)

    async def ListCustomerTies(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by == "create_time desc"
        async with self._work.read() as session:
            family = await seen(session, call.principal, uuid.UUID(request.customer_id))
            rows = await repository.page(
                session, call.principal, family, request.kind, request.with_ended, page, descending, after
            )
            roots = await repository.roots(session, rows)
        shown, token = page.cut(rows, lambda row: (row.create_time, str(row.tie_id)))
        return mapping.tie_page(call, shown, roots, token)

    async def GetHousehold(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            family = await seen(session, call.principal, uuid.UUID(request.customer_id))
            people, roles = await usecases.household(session, family[0])
            sight = await repository.visible(session, call.principal, people)
            members = [one for one in people if one in sight]
            below = await families.members(session, members)
            whose = {one: member for member in members for one in (member, *below[member])}
            cars = [(whose[row.customer_id], row.vin) for row in await repository.cars(session, list(whose))]
        return mapping.household_message(call, members, roles, cars, len(people))

    async def GetOrganisationProfile(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            found = await usecases.organisation(session, call.principal, uuid.UUID(request.customer_id))
        return mapping.organisation_for(call)(found)

    async def PutOrganisationProfile(self, request: Any, call: Call) -> Any:
        if not is_uuid(request.profile.customer_id):
            raise InvalidArgument.of("profile.customer_id", "STRING_UUID", "Give a UUID.")
        return await usecases.put_organisation(
            uow=self._work(call, mapping.organisation_for(call)),
            customer_id=uuid.UUID(request.profile.customer_id),
            etag=request.profile.etag,
            values=mapping.organisation_values(request.profile),
        )
