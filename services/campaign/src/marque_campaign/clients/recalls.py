"""Calls to the vehicle service about a recall: whose cars it concerns, and which of them no notice reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp
from marque.vehicle.v1 import recall_pb2, recall_service_pb2
from servicekit.rpc.client import Peer

_RECALLS = "/marque.vehicle.v1.RecallService"
PAGE = 1000
# What the owner of a recall answers about a car that is not, or no longer, to be remedied by it: nothing is left to tell.
_OVER = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION})


class RecallUnknown(Exception):
    """There is no such recall."""


@dataclass(frozen=True, slots=True)
class Owners:
    """A page of cars that are still to be remedied, and where the next begins; empty on the last one."""

    cars: Sequence[recall_pb2.RecallOwner]
    next_page: str


class Recalls:
    """Who keeps recalls."""

    def __init__(self, vehicle: Peer) -> None:
        self._vehicle = vehicle

    async def close(self) -> None:
        """Closes the channel."""
        await self._vehicle.close()

    async def owners(self, recall_id: str, moment: datetime, page: str) -> Owners:
        """Returns who owned cars at a moment that are not remedied now, page by page. Raises RecallUnknown, Unavailable."""
        valid = Timestamp()
        valid.FromDatetime(moment)
        request = recall_service_pb2.ListRecallOwnersRequest(
            recall_id=recall_id, valid_time=valid, page_token=page, page_size=PAGE,
            state=recall_pb2.RECALL_VEHICLE_STATE_OPEN,
        )  # fmt: skip
        try:
            answer = await self._vehicle.call(f"{_RECALLS}/ListRecallOwners", request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise RecallUnknown() from None
            raise
        return Owners(answer.owners, answer.next_page_token)

    async def tell(self, recall_id: str, vin: str, reason: int, key: str) -> None:
        """Says why a car cannot be reached, once by its key; of one that is out of the recall nothing is said. Raises Unavailable."""
        request = recall_service_pb2.RecordRecallUnreachableRequest(
            recall_id=recall_id,
            vin=vin,
            reason=reason,  # type: ignore[arg-type]
            request_id=key,
        )
        try:
            await self._vehicle.call(f"{_RECALLS}/RecordRecallUnreachable", request)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _OVER:
                raise
