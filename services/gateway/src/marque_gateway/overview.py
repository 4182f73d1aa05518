"""The 360° view of a customer: what the owners of its parts know, asked for at once.

A part whose owner does not answer is named in `missing`; one that the caller may not see in `withheld`. The rest is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
import grpc.aio
import orjson
from google.protobuf.message import Message
from marque.customer.v1 import (
    consent_service_pb2,
    customer_service_pb2,
    customer_tie_service_pb2,
    holding_service_pb2,
    interaction_service_pb2,
    lead_promise_service_pb2,
    lead_service_pb2,
    lifecycle_service_pb2,
    profile_service_pb2,
    quote_service_pb2,
    relation_service_pb2,
    test_drive_service_pb2,
)
from marque.vehicle.v1 import ownership_service_pb2, repair_order_service_pb2, sale_service_pb2, vehicle_service_pb2
from servicekit.errors import InvalidArgument, PermissionDenied, Unauthenticated, Unavailable
from servicekit.ids import is_uuid
from servicekit.rpc.principal import ANONYMOUS, Principal
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.json import encoder_for
from marque_gateway.routes import metadata_of
from marque_gateway.upstream import Metadata, Upstreams, method_of

_DEADLINE = 2.0
_CARS = 20
_REFUSED = frozenset({grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND})
_ABSENT = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNIMPLEMENTED})


@dataclass(frozen=True)
class Part:
    """One part: its name in the answer, the RPC that knows it, its request, and the member of its JSON that is shown ('': all)."""

    name: str
    rpc: str
    request: Callable[[str], Message]
    shown: str = ""


def _ownerships(customer_id: str) -> Message:
    request = ownership_service_pb2.ListOwnershipsRequest(customer_id=customer_id, page_size=_CARS)
    request.valid_time.FromDatetime(datetime.now(UTC))
    return request


PROFILE = Part(
    "profile",
    "/marque.customer.v1.CustomerService/GetCustomer",
    lambda customer: customer_service_pb2.GetCustomerRequest(customer_id=customer),
)
PARTS = (
    PROFILE,
    Part("ownerships", "/marque.vehicle.v1.OwnershipService/ListOwnerships", _ownerships, "ownerships"),
    Part(
        "vehicles",
        "/marque.vehicle.v1.VehicleService/ListVehicles",
        lambda customer: vehicle_service_pb2.ListVehiclesRequest(owner_customer_id=customer, page_size=_CARS),
        "vehicles",
    ),
    Part(
        "relations",
        "/marque.customer.v1.RelationService/ListRelations",
        lambda customer: relation_service_pb2.ListRelationsRequest(customer_id=customer, page_size=20),
        "relations",
    ),
    Part(
        "consents",
        "/marque.customer.v1.ConsentService/ListConsents",
        lambda customer: consent_service_pb2.ListConsentsRequest(customer_id=customer, page_size=50),
        "entries",
    ),
    Part(
        "contacts",
        "/marque.customer.v1.InteractionService/ListInteractions",
        lambda customer: interaction_service_pb2.ListInteractionsRequest(customer_id=customer, page_size=20),
        "interactions",
    ),
    Part(
        "leads",
        "/marque.customer.v1.LeadService/ListLeads",
        lambda customer: lead_service_pb2.ListLeadsRequest(customer_id=customer, open_only=True, page_size=20),
        "leads",
    ),
    Part(
        "promises",
        "/marque.customer.v1.LeadPromiseService/ListCustomerPromises",
        lambda customer: lead_promise_service_pb2.ListCustomerPromisesRequest(customer_id=customer),
        "promises",
    ),
    Part(
        "quotes",
        "/marque.customer.v1.QuoteService/ListQuotes",
        lambda customer: quote_service_pb2.ListQuotesRequest(customer_id=customer, open_only=True, page_size=20),
        "quotes",
    ),
    Part(
        "testDrives",
        "/marque.customer.v1.TestDriveService/ListTestDrives",
        lambda customer: test_drive_service_pb2.ListTestDrivesRequest(
            customer_id=customer, order_by="start_time desc", page_size=10
        ),
        "testDrives",
    ),
    Part(
        "lastServices",
        "/marque.vehicle.v1.RepairOrderService/ListRepairOrders",
        lambda customer: repair_order_service_pb2.ListRepairOrdersRequest(customer_id=customer, page_size=10),
        "repairOrders",
    ),
    Part(
        "sales",
        "/marque.vehicle.v1.SaleService/ListSales",
        lambda customer: sale_service_pb2.ListSalesRequest(buyer_customer_id=customer, page_size=10),
        "sales",
    ),
    Part(
        "value",
        "/marque.customer.v1.LifecycleService/GetCustomerValue",
        lambda customer: lifecycle_service_pb2.GetCustomerValueRequest(customer_id=customer),
    ),
    Part(
        "completeness",
        "/marque.customer.v1.ProfileService/GetProfileCompleteness",
        lambda customer: profile_service_pb2.GetProfileCompletenessRequest(customer_id=customer),
    ),
    Part(
        "household",
        "/marque.customer.v1.CustomerTieService/GetHousehold",
        lambda customer: customer_tie_service_pb2.GetHouseholdRequest(customer_id=customer),
        "members",
    ),
    Part(
        "holdings",
        "/marque.customer.v1.HoldingService/ListHoldings",
        lambda customer: holding_service_pb2.ListHoldingsRequest(customer_id=customer, page_size=20),
        "holdings",
    ),
)


class Overview:
    """`GET /v1/customers/{customer_id}/overview`."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def answer(self, request: Request) -> Response:
        """Answers the composed view; 404 where the customer service hides the customer, without which each other owner judges alone."""
        request.scope["state"]["route"] = "/v1/customers/{customer_id}/overview"
        request.scope["state"]["span"].rename("GET /v1/customers/{customer_id}/overview")
        try:
            customer_id = request.path_params["customer_id"]
            if not is_uuid(customer_id):
                raise InvalidArgument.of("customerId", "STRING_UUID", "must be a UUID")
            return await self._compose(customer_id, request.scope["state"]["principal"], metadata_of(request))
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))

    async def _compose(self, customer_id: str, principal: Principal, metadata: Metadata) -> Response:
        if principal is ANONYMOUS:
            raise Unauthenticated(why="it is missing")
        profile = method_of(PROFILE.rpc)
        if profile is not None and not principal.may(profile.permission):
            raise PermissionDenied(permission=profile.permission)
        view = _View(customer_id)
        asked = [asyncio.create_task(self._part(part, view, principal, metadata)) for part in PARTS]
        try:
            await asyncio.gather(*asked)
        finally:  # a customer out of sight ends the other questions too
            for task in asked:
                task.cancel()
        return Response(orjson.dumps(view.document()), 200, media_type="application/json")

    async def _part(self, part: Part, view: _View, principal: Principal, metadata: Metadata) -> None:
        found = await self._ask(part, view, principal, metadata)
        if found is not None:
            document = encoder_for(found.DESCRIPTOR)(found)
            view.parts[part.name] = document[part.shown] if part.shown else document

    async def _ask(self, part: Part, view: _View, principal: Principal, metadata: Metadata) -> Any:
        """Asks for a part; None where it is missing or withheld. Raises where the customer itself is refused."""
        method = method_of(part.rpc)
        if method is None or not principal.may(method.permission):
            view.withheld.add(part.name)
            return None
        request = part.request(view.customer_id)
        try:
            return await self._upstreams.call(
                part.rpc, request, metadata, deserialize=method.output.FromString, deadline=_DEADLINE
            )
        except Unavailable:
            view.missing.add(part.name)
        except grpc.aio.AioRpcError as error:
            if part is PROFILE and error.code() not in _ABSENT:
                raise
            view.withheld.add(part.name) if error.code() in _REFUSED else view.missing.add(part.name)
        return None


class _View:
    """The answer while it is gathered."""

    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self.parts: dict[str, Any] = {}
        self.missing: set[str] = set()
        self.withheld: set[str] = set()

    def document(self) -> dict[str, Any]:
        return {
            "customerId": self.customer_id,
            **dict(sorted(self.parts.items())),
            "missing": sorted(self.missing),
            "withheld": sorted(self.withheld),
        }
