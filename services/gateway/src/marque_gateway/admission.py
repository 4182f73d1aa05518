"""Who is at the door, and how often: the token is verified here first, so that a bad one costs no service anything.

The token goes on unchanged; every service verifies it again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from servicekit.errors import ResourceExhausted, Unauthenticated
from servicekit.rpc.principal import ANONYMOUS, Principal
from servicekit.rpc.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of a limit; counted per replica, so the figures are approximate."""

    limit: int
    remaining: int
    reset_seconds: int

    @property
    def header(self) -> str:
        """The RateLimit header, with its note that replicas count apart."""
        return f'"default";r={self.remaining};t={self.reset_seconds};approximate'


class Admission:
    """Verifies tokens and counts requests per principal, and per address for callers without a token."""

    def __init__(self, verifier: TokenVerifier, principal_rate: int, address_rate: int) -> None:
        self._verifier = verifier
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._principal_rate = RateLimitItemPerMinute(principal_rate, namespace="principal")
        self._address_rate = RateLimitItemPerMinute(address_rate, namespace="address")

    async def identify(self, authorization: str) -> Principal:
        """Returns the caller of an Authorization header; ANONYMOUS for none. Raises Unauthenticated, Unavailable."""
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(why="the scheme is not Bearer")
        return await self._verifier.verify(token.strip())

    def count(self, principal: Principal, address: str) -> Rate:
        """Counts a request and returns what is left. Raises ResourceExhausted with the seconds to wait."""
        item, key = self._counted(principal, address)
        admitted = self._limiter.hit(item, key)
        stats = self._limiter.get_window_stats(item, key)
        rate = Rate(item.amount, max(0, stats.remaining), max(1, int(stats.reset_time - time.time())))
        if not admitted:
            raise ResourceExhausted(retry_after=rate.reset_seconds)
        return rate

    def _counted(self, principal: Principal, address: str) -> tuple[RateLimitItemPerMinute, str]:
        if principal is ANONYMOUS:
            return self._address_rate, address
        return self._principal_rate, principal.subject
