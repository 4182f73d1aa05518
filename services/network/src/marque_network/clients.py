"""Calls of the network service to the others."""

from __future__ import annotations

from collections.abc import Mapping

from marque.type.v1 import hand_over_pb2
from servicekit.errors import Unavailable
from servicekit.rpc.client import Peer
from servicekit.rpc.tokens import ServiceIdentity

_DEADLINE = 10.0


class Neighbours:
    """The services that hand over."""

    def __init__(self, addresses: Mapping[str, str], identity: ServiceIdentity) -> None:
        self._peers = {name: Peer(name, address, identity) for name, address in addresses.items() if name != "gateway"}

    async def close(self) -> None:
        """Closes all channels."""
        for peer in self._peers.values():
            await peer.close()

    async def hand_over(self, service: str, request: hand_over_pb2.HandOverRequest) -> hand_over_pb2.HandOverResponse:
        """Asks a service to hand over the next rows. Raises Unavailable; grpc.aio.AioRpcError for an answer of its own."""
        peer = self._peers.get(service)
        if peer is None:
            raise Unavailable(dependency=f"The {service} service")
        path = f"/marque.{service}.v1.{service.capitalize()}HandOverService/HandOver"
        answer: hand_over_pb2.HandOverResponse = await peer.call(path, request, deadline=_DEADLINE)
        return answer
