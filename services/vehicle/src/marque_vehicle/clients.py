"""Calls to other services. None is made while a transaction holds anything."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import grpc
import grpc.aio
from marque.customer.v1 import customer_pb2, customer_service_pb2
from marque.network.v1 import calendar_pb2, calendar_service_pb2, dealer_pb2, dealer_service_pb2
from servicekit.errors import Unavailable
from servicekit.rpc.client import Peer

from marque_vehicle.errors import CalendarMissing, CustomerNotFound
from marque_vehicle.rules.diary import Hours

_BATCH = "/marque.customer.v1.CustomerService/BatchGetCustomers"
_CALENDAR = "/marque.network.v1.CalendarService/GetDealerCalendar"
_NEAREST = "/marque.network.v1.DealerService/FindNearestDealers"
_BATCH_SIZE = 1000
DealerIds = Sequence[uuid.UUID] | None
_LONGEST_KEY = 100  # of the contract; no customer has a longer one


class Customers:
    """What the customer service is asked. Without an address every question is answered by Unavailable, as when it is down.

    `dealer_ids` are the dealers for whom is asked: of a person who has nothing to do with any of them they learn nothing, not even
    that there is one. None asks for the maker, who knows everybody.
    """

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        if self._peer is not None:
            await self._peer.close()

    async def require(self, customer_id: str, dealer_ids: DealerIds) -> uuid.UUID:
        """Returns the id under which a customer may be written.

        Raises:
            CustomerNotFound: nothing may be tied to this id.
            Unavailable: the customer service does not answer.
        """
        if customer_id not in await self.existing([customer_id], dealer_ids):
            raise CustomerNotFound()
        return uuid.UUID(customer_id)

    async def existing(self, customer_ids: Iterable[str], dealer_ids: DealerIds) -> set[str]:
        """Returns those of some ids that stand for a customer who was not erased; ids merged into another count."""
        wanted = sorted(set(customer_ids))
        found: set[str] = set()
        for start in range(0, len(wanted), _BATCH_SIZE):
            part = wanted[start : start + _BATCH_SIZE]
            answer = await self._batch(part, (), dealer_ids)
            found.update(set(part) - set(answer.missing_customer_ids))
        return found

    async def by_source_keys(self, source: str, keys: Iterable[str], dealer_ids: DealerIds) -> dict[str, str]:
        """Returns customer ids by their keys in a source system, of merged customers the survivor's; unknown keys are absent."""
        wanted = sorted(key for key in set(keys) if 0 < len(key) <= _LONGEST_KEY)
        found: dict[str, str] = {}
        for start in range(0, len(wanted), _BATCH_SIZE):
            part = wanted[start : start + _BATCH_SIZE]
            references = [customer_pb2.SourceReference(source=source, source_key=key) for key in part]
            answer = await self._batch((), references, dealer_ids)
            found.update((match.source_key, match.customer_id) for match in answer.source_matches)
        return found

    async def _batch(
        self, customer_ids: Sequence[str], references: Sequence[customer_pb2.SourceReference], dealer_ids: DealerIds
    ) -> customer_service_pb2.BatchGetCustomersResponse:
        if dealer_ids is not None and not dealer_ids:  # to the customer service no dealers would mean: whoever it is
            return customer_service_pb2.BatchGetCustomersResponse(missing_customer_ids=customer_ids)
        request = customer_service_pb2.BatchGetCustomersRequest(
            customer_ids=customer_ids,
            source_references=references,
            dealer_ids=[str(dealer_id) for dealer_id in dealer_ids or ()],
        )
        answer: customer_service_pb2.BatchGetCustomersResponse = await self._channel().call(_BATCH, request)
        return answer

    def _channel(self) -> Peer:
        if self._peer is None:
            raise Unavailable(dependency="The customer service", retry_after=1)
        return self._peer


class Calendars:
    """What the network service is asked. Without an address every question is answered by Unavailable, as when it is down."""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        if self._peer is not None:
            await self._peer.close()

    async def hours(self, dealer_id: uuid.UUID, department: str, time_zone: str) -> Hours:
        """Returns the latest hours of a department, else of the dealer as a whole; `time_zone` is the dealer's.

        Raises:
            CalendarMissing: the dealer has none.
            Unavailable: the network service does not answer.
        """
        if self._peer is None:
            raise Unavailable(dependency="The network service", retry_after=1)
        request = calendar_service_pb2.GetDealerCalendarRequest(dealer_id=str(dealer_id), department=department)
        try:
            found: calendar_pb2.WorkCalendar = await self._peer.call(_CALENDAR, request)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            raise CalendarMissing() from None
        return Hours(
            dealer_id=dealer_id,
            department=found.department,
            version=found.version,
            time_zone=found.time_zone or time_zone or "UTC",
            week={str(int(one.day)): _texts(one.intervals) for one in found.week},
            holiday_country=found.holiday_country,
            exceptions={
                f"{one.date.year:04}-{one.date.month:02}-{one.date.day:02}": _texts(one.intervals)
                for one in found.exceptions
            },
        )


class Nearest:
    """Which station is nearest, as the network service knows. Without an address every question is answered by Unavailable."""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        if self._peer is not None:
            await self._peer.close()

    async def station(self, latitude: float, longitude: float) -> tuple[uuid.UUID, int] | None:
        """Returns the nearest dealer that services cars and how far it is in metres; None where there is none.

        Raises:
            Unavailable: the network service does not answer.
        """
        if self._peer is None:
            raise Unavailable(dependency="The network service", retry_after=1)
        request = dealer_service_pb2.FindNearestDealersRequest(
            latitude=latitude, longitude=longitude, kind=dealer_pb2.DEALER_KIND_SERVICE, limit=1
        )
        found: dealer_service_pb2.FindNearestDealersResponse = await self._peer.call(_NEAREST, request)
        return next(((uuid.UUID(one.dealer.dealer_id), one.distance_metres) for one in found.dealers), None)


def _texts(intervals: Iterable[calendar_pb2.WorkInterval]) -> list[str]:
    return [f"{one.start}-{one.end}" for one in intervals]
