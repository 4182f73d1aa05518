"""marque.vehicle.v1.WarrantyClaimService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.vehicle.v1 import warranty_claim_service_pb2
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call
from tradekit import money

from marque_vehicle.errors import WarrantyClaimNotFound
from marque_vehicle.mapping import warranty_claims as mapping
from marque_vehicle.repository import scope as scopes
from marque_vehicle.repository import warranty_claims as repository
from marque_vehicle.usecases import warranty_claims as usecases

_UNLIMITED = frozenset({"oem.manager", "oem.admin", "service"})


class WarrantyClaimApi:
    """marque.vehicle.v1.WarrantyClaimService. `limit`: what others than managers may approve, in whole units of any currency."""

    service = "marque.vehicle.v1.WarrantyClaimService"

    def __init__(self, work: Work, limit: int) -> None:
        self._work = work
        self._limit = limit

    async def SubmitWarrantyClaim(self, request: Any, call: Call) -> Any:
        return await usecases.submit(
            uow=self._work(call, mapping.rendered(call)),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            repair_order_id=uuid.UUID(request.repair_order_id),
        )

    async def GetWarrantyClaim(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get_claim(self._work.reader, scope, uuid.UUID(request.claim_id))
        if row is None:
            raise WarrantyClaimNotFound()
        return mapping.claim_for(call)(row)

    async def ListWarrantyClaims(self, request: Any, call: Call) -> Any:
        page, order = page_of(request), Order.of(request.order_by, "submit_time desc", "claim_id")
        after = page_key(page, moment, uuid.UUID)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        rows = await repository.list_claims(self._work.reader, scope, mapping.filters(request), order, page, after)
        shown, token = page.cut(rows, lambda row: (row["submit_time"], str(row["claim_id"])))
        render = mapping.claim_for(call)
        return warranty_claim_service_pb2.ListWarrantyClaimsResponse(
            claims=[render(row) for row in shown], next_page_token=token
        )

    async def CheckWarrantyClaim(self, request: Any, call: Call) -> Any:
        return await usecases.check(**await self._named(request, call))

    async def ReturnWarrantyClaim(self, request: Any, call: Call) -> Any:
        return await usecases.send_back(**await self._named(request, call), reason=request.reason)

    async def ApproveWarrantyClaim(self, request: Any, call: Call) -> Any:
        unlimited = bool(_UNLIMITED & call.principal.roles)
        return await usecases.approve(
            **await self._named(request, call),
            amounts=mapping.amounts(request),
            limit=lambda currency: None if unlimited or not currency else self._limit * 10 ** money.digits(currency),
            parts=request.parts_return_needed,
        )

    async def RefuseWarrantyClaim(self, request: Any, call: Call) -> Any:
        return await usecases.refuse(**await self._named(request, call), reason=request.reason)

    async def SendWarrantyParts(self, request: Any, call: Call) -> Any:
        return await usecases.move_parts(**await self._named(request, call), received=False)

    async def ReceiveWarrantyParts(self, request: Any, call: Call) -> Any:
        return await usecases.move_parts(**await self._named(request, call), received=True)

    async def PayWarrantyClaim(self, request: Any, call: Call) -> Any:
        reference = request.payment_reference.strip()
        return await usecases.pay(**await self._named(request, call), reference=reference)

    async def _named(self, request: Any, call: Call) -> dict[str, Any]:
        """What every verb on a claim is given."""
        return {
            "uow": self._work(call, mapping.rendered(call)),
            "scope": await scopes.visible_to(self._work.reader, call.principal),
            "claim_id": uuid.UUID(request.claim_id),
            "etag": request.etag,
        }
