"""Calls to other services. None is made while a transaction holds anything."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import grpc
import grpc.aio
from marque.network.v1 import (
    assignment_pb2,
    assignment_service_pb2,
    calendar_pb2,
    calendar_service_pb2,
    dealer_pb2,
    dealer_service_pb2,
    staff_pb2,
    staff_service_pb2,
)
from marque.vehicle.v1 import vehicle_service_pb2
from servicekit.rpc.client import Peer
from tradekit.money import from_units_nanos

_BATCH = "/marque.vehicle.v1.VehicleService/BatchGetVehicles"
_DEALERS = "/marque.network.v1.DealerService/FindDealersForPlace"
_CALENDAR = "/marque.network.v1.CalendarService/GetDealerCalendar"
_ASSIGN = "/marque.network.v1.AssignmentService/Assign"
_END = "/marque.network.v1.AssignmentService/EndAssignment"
_STAFF = "/marque.network.v1.StaffService/GetStaff"
_LEAD, _TASK = "customer.lead", "customer.task"
_CALLERS_BACK = {True: ["dealer.care", "dealer.sales", "dealer.service"], False: ["oem.agent"]}
_DISCOUNT = "discount"  # the kind of an approval limit, as network's record of staff names it
_CANDIDATES = 20


class Vehicles:
    """What the vehicle service is asked."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        await self._peer.close()

    async def plates(self, vins: Iterable[str]) -> dict[str, str]:
        """Returns the plates of at most 1,000 cars by VIN, empty where a car has none; unknown cars are absent.

        Raises:
            Unavailable: the vehicle service does not answer.
        """
        request = vehicle_service_pb2.BatchGetVehiclesRequest(vins=sorted(vins))
        answer: vehicle_service_pb2.BatchGetVehiclesResponse = await self._peer.call(_BATCH, request)
        return {vehicle.vin: vehicle.plate_number for vehicle in answer.vehicles}


class Network:
    """What the network service is asked about leads. Each raises Unavailable where it does not answer."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        await self._peer.close()

    async def dealers_for(self, place: dict[str, Any], brand: str) -> Sequence[dealer_service_pb2.DealerForPlace]:
        """Returns the dealers who sell a make at a place, best first. Raises grpc.aio.AioRpcError for a place that is none."""
        request = dealer_service_pb2.FindDealersForPlaceRequest(
            kind=dealer_pb2.DEALER_KIND_SALES, brand=brand, limit=_CANDIDATES, **place
        )
        answer: dealer_service_pb2.FindDealersForPlaceResponse = await self._peer.call(_DEALERS, request)
        return answer.dealers

    async def assign(
        self, lead_id: uuid.UUID, dealer_id: uuid.UUID, round_number: int
    ) -> tuple[uuid.UUID, uuid.UUID | None]:
        """Has a sales adviser of a dealer found for a lead; returns the assignment and who, None while it waits in the queue.

        The number of the search makes a repeat give the first answer. Raises grpc.aio.AioRpcError where there is no such dealer.
        """
        request = assignment_service_pb2.AssignRequest(
            item_type=_LEAD,
            item_id=str(lead_id),
            need=assignment_pb2.AssignmentNeed(dealer_id=str(dealer_id), roles=["dealer.sales"]),
            reassign=round_number > 1,
            request_id=f"lead:{lead_id}:{round_number}",
        )
        answer: assignment_pb2.Assignment = await self._peer.call(_ASSIGN, request)
        return uuid.UUID(answer.assignment_id), uuid.UUID(answer.staff_id) if answer.staff_id else None

    async def end(self, assignment_id: uuid.UUID) -> None:
        """Says that a lead is done with; one that network does not know is done with too."""
        request = assignment_service_pb2.EndAssignmentRequest(assignment_id=str(assignment_id))
        try:
            await self._peer.call(_END, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise

    async def assign_call_back(
        self, task_id: uuid.UUID, dealer_id: uuid.UUID | None
    ) -> tuple[uuid.UUID, uuid.UUID | None]:
        """Has somebody of a dealer or of the maker found to call back; returns the assignment and who, None while it waits."""
        need = assignment_pb2.AssignmentNeed(dealer_id=str(dealer_id or ""), roles=_CALLERS_BACK[dealer_id is not None])
        request = assignment_service_pb2.AssignRequest(
            item_type=_TASK, item_id=str(task_id), need=need, request_id=f"task:{task_id}"
        )
        answer: assignment_pb2.Assignment = await self._peer.call(_ASSIGN, request)
        return uuid.UUID(answer.assignment_id), uuid.UUID(answer.staff_id) if answer.staff_id else None

    async def discount_limit(self, staff_id: uuid.UUID, currency: str) -> int | None:
        """Returns how much discount somebody may allow by their own record, in minor units of a currency; None where it says nothing."""
        request = staff_service_pb2.GetStaffRequest(staff_id=str(staff_id))
        try:
            found: staff_pb2.StaffMember = await self._peer.call(_STAFF, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        own = [
            one.amount for one in found.approval_limits if (one.kind, one.amount.currency_code) == (_DISCOUNT, currency)
        ]
        return max((from_units_nanos(currency, one.units, one.nanos).minor for one in own), default=None)

    async def hours(self, dealer_id: uuid.UUID) -> calendar_pb2.WorkCalendar | None:
        """Returns the hours of a dealer's sales department, None where it stated none."""
        request = calendar_service_pb2.GetDealerCalendarRequest(dealer_id=str(dealer_id), department="sales")
        try:
            found: calendar_pb2.WorkCalendar = await self._peer.call(_CALENDAR, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return found
