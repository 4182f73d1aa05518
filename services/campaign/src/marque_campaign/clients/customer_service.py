"""The customer service, as every client of it here begins."""

from __future__ import annotations

from servicekit.errors import Unavailable
from servicekit.rpc.client import Peer


class CustomerService:
    """A channel to the customer service. Without an address every question is answered by Unavailable."""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        if self._peer is not None:
            await self._peer.close()

    @property
    def _known(self) -> Peer:
        if self._peer is None:
            raise Unavailable(dependency="The customer service", retry_after=1)
        return self._peer
