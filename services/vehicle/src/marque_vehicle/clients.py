"""Calls to other services. None is made while a transaction holds anything."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence

from marque.customer.v1 import customer_pb2, customer_service_pb2
from servicekit.errors import Unavailable
from servicekit.rpc.client import Peer

from marque_vehicle.errors import CustomerErased, CustomerNotFound

_BATCH = "/marque.customer.v1.CustomerService/BatchGetCustomers"
_SEARCH = "/marque.customer.v1.CustomerService/SearchCustomers"
_AT_ONCE = 8
_BATCH_SIZE = 1000


class Customers:
    """What the customer service is asked. Without an address every question is answered by Unavailable, as when it is down."""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        if self._peer is not None:
            await self._peer.close()

    async def require(self, customer_id: str) -> uuid.UUID:
        """Returns the id under which a customer may be written.

        Raises:
            CustomerNotFound, CustomerErased: nothing may be tied to this id.
            Unavailable: the customer service does not answer.
        """
        answer = await self._batch([customer_id])
        if customer_id in answer.missing_customer_ids:
            raise CustomerNotFound()
        if any(one.status == customer_pb2.CUSTOMER_STATUS_ERASED for one in answer.customers):
            raise CustomerErased()
        return uuid.UUID(customer_id)

    async def existing(self, customer_ids: Iterable[str]) -> set[str]:
        """Returns those of some ids that stand for a customer who was not erased; ids merged into another count."""
        wanted = sorted(set(customer_ids))
        found: set[str] = set()
        for start in range(0, len(wanted), _BATCH_SIZE):
            part = wanted[start : start + _BATCH_SIZE]
            answer = await self._batch(part)
            erased = {one.customer_id for one in answer.customers if one.status == customer_pb2.CUSTOMER_STATUS_ERASED}
            found.update(set(part) - set(answer.missing_customer_ids) - erased)
        return found

    async def by_source_keys(self, source: str, keys: Iterable[str]) -> dict[str, str]:
        """Returns customer ids by their keys in a source system; keys that no customer has are absent.

        The customer contract has no question for many keys at once, so each is searched; this is the slow way of an import.
        """
        limit = asyncio.Semaphore(_AT_ONCE)
        wanted = sorted(set(keys))

        async def one(key: str) -> str:
            async with limit:
                return await self._by_source_key(source, key)

        found = await asyncio.gather(*(one(key) for key in wanted))
        return {key: customer for key, customer in zip(wanted, found, strict=True) if customer}

    async def _by_source_key(self, source: str, key: str) -> str:
        if len(key) < 2:  # the search takes two characters at least
            return ""
        request = customer_service_pb2.SearchCustomersRequest(query=key, page_size=100)
        answer = await self._channel().call(_SEARCH, request)
        for match in answer.results:
            if any(ref.source == source and ref.source_key == key for ref in match.customer.source_references):
                return str(match.customer.customer_id)
        return ""

    async def _batch(self, customer_ids: Sequence[str]) -> customer_service_pb2.BatchGetCustomersResponse:
        request = customer_service_pb2.BatchGetCustomersRequest(customer_ids=customer_ids)
        answer: customer_service_pb2.BatchGetCustomersResponse = await self._channel().call(_BATCH, request)
        return answer

    def _channel(self) -> Peer:
        if self._peer is None:
            raise Unavailable(dependency="The customer service", retry_after=1)
        return self._peer
