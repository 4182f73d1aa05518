"""Calls to other services. None is made while a transaction holds anything."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import grpc
import grpc.aio
from google.type import date_pb2
from marque.customer.v1 import customer_service_pb2
from marque.network.v1 import assignment_pb2, assignment_service_pb2, calendar_pb2, calendar_service_pb2
from marque.vehicle.v1 import vehicle_exposure_service_pb2
from servicekit.errors import Unavailable
from servicekit.rpc.client import Peer

_BATCH = "/marque.customer.v1.CustomerService/BatchGetCustomers"
_CALENDAR = "/marque.network.v1.CalendarService/GetDealerCalendar"
_ASSIGN = "/marque.network.v1.AssignmentService/Assign"
_DEPARTMENT = "service"
_END = "/marque.network.v1.AssignmentService/EndAssignment"
_EXPOSURE = "/marque.vehicle.v1.VehicleExposureService/ListExposure"
_PAGE = 1000
_CASE, _ROLE = "complaint.case", "dealer.care"


class _Neighbour:
    """A neighbour; without an address every question is answered by Unavailable, as when it is down."""

    name = ""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        if self._peer is not None:
            await self._peer.close()

    async def _ask(self, path: str, request: Any) -> Any:
        if self._peer is None:
            raise Unavailable(dependency=f"The {self.name} service", retry_after=1)
        return await self._peer.call(path, request)


class Customers(_Neighbour):
    """What the customer service is asked."""

    name = "customer"

    async def exists(self, customer_id: str, dealer_ids: Sequence[uuid.UUID] | None) -> bool:
        """Tells whether something may be tied to a customer. `dealer_ids`: the dealers for whom is asked; None for the maker.

        Raises Unavailable.
        """
        if dealer_ids is not None and not dealer_ids:  # to the customer service no dealers would mean: whoever it is
            return False
        request = customer_service_pb2.BatchGetCustomersRequest(
            customer_ids=[customer_id], dealer_ids=[str(dealer_id) for dealer_id in dealer_ids or ()]
        )
        answer: customer_service_pb2.BatchGetCustomersResponse = await self._ask(_BATCH, request)
        return customer_id not in answer.missing_customer_ids


class Network(_Neighbour):
    """What the network service is asked."""

    name = "network"

    async def hours(self, dealer_id: uuid.UUID) -> calendar_pb2.WorkCalendar | None:
        """Returns the hours of a dealer's service department, else of the dealer; None where it stated none. Raises Unavailable."""
        request = calendar_service_pb2.GetDealerCalendarRequest(dealer_id=str(dealer_id), department=_DEPARTMENT)
        try:
            found: calendar_pb2.WorkCalendar = await self._ask(_CALENDAR, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return found

    async def assign(
        self, case_id: uuid.UUID, dealer_id: uuid.UUID, attempt: int
    ) -> tuple[uuid.UUID, uuid.UUID | None]:
        """Has somebody who cares for customers at a dealer found for a case; returns the assignment and who, None while it waits in the
        queue. The same attempt again gives the first answer.

        Raises Unavailable; grpc.aio.AioRpcError where there is no such dealer.
        """
        request = assignment_service_pb2.AssignRequest(
            item_type=_CASE,
            item_id=str(case_id),
            need=assignment_pb2.AssignmentNeed(dealer_id=str(dealer_id), roles=[_ROLE]),
            reassign=True,
            request_id=f"case:{case_id}:{attempt}",
        )
        answer: assignment_pb2.Assignment = await self._ask(_ASSIGN, request)
        return uuid.UUID(answer.assignment_id), uuid.UUID(answer.staff_id) if answer.staff_id else None

    async def end(self, assignment_id: uuid.UUID) -> None:
        """Says that a case is done with; one that network does not know is done with too. Raises Unavailable."""
        request = assignment_service_pb2.EndAssignmentRequest(assignment_id=str(assignment_id))
        try:
            await self._ask(_END, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise


class Vehicles(_Neighbour):
    """What the vehicle service is asked. Where there is none in the house, no car is known to be in use."""

    name = "vehicle"

    async def in_use(self, make: str, model: str, model_year: int, first: date, last: date) -> dict[date, int]:
        """Returns how many cars of a model year were in use at the beginning of each month that was counted. Raises Unavailable."""
        if self._peer is None:
            return {}
        request = vehicle_exposure_service_pb2.ListExposureRequest(
            make=make, model=model, model_year=model_year, page_size=_PAGE, month_from=_day(first), month_to=_day(last)
        )
        found: dict[date, int] = {}
        while True:
            answer = await self._ask(_EXPOSURE, request)
            for row in answer.exposures:
                month = date(row.month.year, row.month.month, 1)
                found[month] = found.get(month, 0) + row.vehicle_count
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token


def _day(value: date) -> date_pb2.Date:
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)
