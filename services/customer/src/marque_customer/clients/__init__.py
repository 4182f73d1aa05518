"""Calls to other services. None is made while a transaction holds anything."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import grpc
import grpc.aio
from marque.complaint.v1 import case_pb2, case_service_pb2, case_types_pb2
from marque.customer.v1 import interaction_pb2
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
from marque.type.v1 import personal_data_pb2
from marque.vehicle.v1 import (
    repair_order_pb2,
    repair_order_service_pb2,
    repair_order_types_pb2,
    sale_pb2,
    sale_service_pb2,
    vehicle_service_pb2,
)
from servicekit import contract
from servicekit.rpc.client import Peer
from tradekit.money import MoneyError, from_units_nanos

_BATCH = "/marque.vehicle.v1.VehicleService/BatchGetVehicles"
_SALE = "/marque.vehicle.v1.SaleService/GetSale"
_ORDER = "/marque.vehicle.v1.RepairOrderService/GetRepairOrder"
_DEALERS = "/marque.network.v1.DealerService/FindDealersForPlace"
_CALENDAR = "/marque.network.v1.CalendarService/GetDealerCalendar"
_ASSIGN = "/marque.network.v1.AssignmentService/Assign"
_END = "/marque.network.v1.AssignmentService/EndAssignment"
_STAFF = "/marque.network.v1.StaffService/GetStaff"
_CASE = "/marque.complaint.v1.CaseService/CreateCase"
_CASE_CHANNELS = {
    interaction_pb2.INTERACTION_KIND_EMAIL: case_types_pb2.CASE_CHANNEL_EMAIL,
    interaction_pb2.INTERACTION_KIND_CHAT: case_types_pb2.CASE_CHANNEL_CHAT,
    interaction_pb2.INTERACTION_KIND_FAX: case_types_pb2.CASE_CHANNEL_FAX,
    interaction_pb2.INTERACTION_KIND_MESSAGE: case_types_pb2.CASE_CHANNEL_SOCIAL,
}
_LEAD, _TASK = "customer.lead", "customer.task"
_CALLERS_BACK = {True: ["dealer.care", "dealer.sales", "dealer.service"], False: ["oem.agent"]}
_DISCOUNT = "discount"  # the kind of an approval limit, as network's record of staff names it
_CANDIDATES = 20
_ERASING = 10.0  # seconds; an erasure reads two days of kept answers


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

    async def paid_for_sale(self, sale_id: uuid.UUID) -> tuple[str, int]:
        """Returns currency and amount, in the smallest unit, that a sale cost after its discount; nothing where that is not known.

        Raises Unavailable.
        """
        request = sale_service_pb2.GetSaleRequest(sale_id=str(sale_id))
        sale: sale_pb2.Sale | None = await self._found(_SALE, request)
        if sale is None or not sale.HasField("price"):
            return "", 0
        price, discount = sale.price, sale.discount
        currency, minor = _minor(price)
        other, less = _minor(discount)
        return currency, max(0, minor - less) if other == currency else minor

    async def paid_for_visit(self, repair_order_id: uuid.UUID) -> tuple[str, int]:
        """Returns currency and amount, in the smallest unit, that the customer paid for a visit; nothing where that is not known.

        Raises Unavailable.
        """
        request = repair_order_service_pb2.GetRepairOrderRequest(repair_order_id=str(repair_order_id))
        order: repair_order_pb2.RepairOrder | None = await self._found(_ORDER, request)
        totals = order.totals if order is not None else ()
        paid = [one.total for one in totals if one.pay_type == repair_order_types_pb2.PAY_TYPE_CUSTOMER]
        return _minor(paid[0]) if paid else ("", 0)

    async def _found(self, path: str, request: Any) -> Any:
        try:
            return await self._peer.call(path, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise


def _minor(amount: Any) -> tuple[str, int]:
    """An amount as (currency, smallest units); nothing for one that is none."""
    try:
        found = from_units_nanos(amount.currency_code, amount.units, amount.nanos)
    except MoneyError:
        return "", 0
    return found.currency, found.minor


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


class Complaints:
    """What the complaint service is asked: to open cases for what people wrote."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        await self._peer.close()

    async def open(self, row: Any) -> uuid.UUID:
        """Opens a case for what came in, a row of `mailboxes.for_cases`; the same again gives the same case.

        Raises Unavailable, AioRpcError.
        """
        request = case_service_pb2.CreateCaseRequest(
            subject=row.subject[:500],
            description=row.note or row.subject or "–",
            request_id=f"inbound-{row.intake_id}",
        )
        request.case.kind = row.case_kind or case_types_pb2.CASE_KIND_INQUIRY
        request.case.channel = _CASE_CHANNELS.get(row.kind, case_types_pb2.CASE_CHANNEL_SYSTEM)
        request.case.customer_id = str(row.customer_id)
        request.case.dealer_id = str(row.dealer_id or "")
        answer: case_pb2.Case = await self._peer.call(_CASE, request)
        return uuid.UUID(answer.case_id)


class PersonalRecords:
    """What another service holds of persons: shown and erased. Each raises Unavailable or AioRpcError where it does not answer."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.name = peer.name
        self._service = personal_service(peer.name)

    async def close(self) -> None:
        """Closes the channel."""
        await self._peer.close()

    async def export(self, customer_id: uuid.UUID) -> AsyncIterator[personal_data_pb2.ExportPersonalDataResponse]:
        """Yields every record that the service holds."""
        request = personal_data_pb2.ExportPersonalDataRequest(customer_id=str(customer_id))
        async for record in self._peer.stream(f"/{self._service}/ExportPersonalData", request):
            yield record

    async def erase(self, customer_id: uuid.UUID, erasure_id: uuid.UUID) -> personal_data_pb2.ErasePersonalDataResponse:
        """Has the service erase; the same erasure again gives the first answer."""
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=str(customer_id), erasure_id=str(erasure_id))
        answer: personal_data_pb2.ErasePersonalDataResponse = await self._peer.call(
            f"/{self._service}/ErasePersonalData", request, deadline=_ERASING
        )
        return answer


def personal_service(name: str) -> str:
    """Returns the service of a service's personal data, as it is called over gRPC."""
    return f"marque.{name}.v1.{name.capitalize()}PersonalDataService"


def holds_persons(name: str) -> bool:
    """Tells whether there is such a service: the gateway has none."""
    return personal_service(name) in contract.services()
