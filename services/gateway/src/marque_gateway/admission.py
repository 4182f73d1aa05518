"""Who is at the door, and how often: the token is verified here first, so that a bad one costs no service anything.

The token goes on unchanged; every service verifies it again.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from servicekit.errors import DomainError, ResourceExhausted, Unauthenticated, Unavailable
from servicekit.ids import new_id
from servicekit.roles import RECORD_TRACES
from servicekit.rpc.principal import ANONYMOUS, Principal
from servicekit.rpc.tokens import TokenVerifier
from servicekit.staff import Roster, narrowed

from marque_gateway.window import WINDOW_SECONDS, SlidingWindow

RECORD = "x-record-trace"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of a limit; counted per replica, so the figures are approximate."""

    limit: int
    remaining: int
    reset_seconds: int
    admitted: bool

    @property
    def header(self) -> str:
        """The RateLimit header, with its note that replicas count apart."""
        return f'"default";r={self.remaining};t={self.reset_seconds};approximate'

    @property
    def policy(self) -> str:
        """The RateLimit-Policy header: quota and window in seconds."""
        return f'"default";q={self.limit};w={WINDOW_SECONDS}'

    def check(self) -> None:
        """Raises ResourceExhausted, with the seconds to wait, where the limit is passed."""
        if not self.admitted:
            raise ResourceExhausted(retry_after=self.reset_seconds)


class Admission:
    """Verifies tokens and counts requests per principal, and per address for callers without a good token."""

    def __init__(
        self, verifier: TokenVerifier, principal_rate: int, address_rate: int, roster: Roster | None = None
    ) -> None:
        self._verifier = verifier
        self._roster = roster
        self._principals = SlidingWindow(principal_rate)
        self._addresses = SlidingWindow(address_rate)

    async def admit(self, authorization: str, address: str) -> tuple[Principal, Rate]:
        """Returns the caller of an Authorization header, ANONYMOUS for none, and what is left of its limit.

        Raises Unauthenticated, or ResourceExhausted for an address that keeps guessing tokens; Unavailable.
        """
        try:
            principal = await self._identify(authorization)
        except Unauthenticated:
            _count(self._addresses, address).check()
            raise
        if principal is ANONYMOUS:
            return principal, _count(self._addresses, address)
        return principal, _count(self._principals, principal.subject)

    async def may_record(self, wish: str, authorization: str) -> bool:
        """Tells whether the trace of a request is to be recorded, whatever the ratio: `ops` asked for it by the header `x-record-trace`.

        The token is remembered once verified, so the admission that follows pays nothing for it; it judges and counts a bad one.
        """
        if wish not in ("1", "true"):
            return False
        try:
            return (await self._identify(authorization)).may(RECORD_TRACES)
        except DomainError:
            return False

    async def _identify(self, authorization: str) -> Principal:
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(why="the scheme is not Bearer")
        principal = await self._verifier.verify(token.strip())
        return principal if self._roster is None else await self._present(self._roster, principal)

    async def _present(self, roster: Roster, principal: Principal) -> Principal:
        """Returns the caller as the record of staff allows it.

        While the record cannot be read, by what was known last, else by the token: the services judge every call again, by records of
        their own. A token that names no roles has nothing to go by then.
        """
        try:
            return await roster.present(principal)
        except Unavailable:
            known = roster.recall(principal.subject)
            if known is None and not principal.roles:
                raise
            return narrowed(principal, known)


def _count(window: SlidingWindow, key: str) -> Rate:
    admitted, remaining, reset_seconds = window.hit(key, time.time())
    return Rate(window.limit, remaining, reset_seconds, admitted)


def request_id_of(given: str) -> str:
    """Returns the caller's request id where it is one that may stand in a log, else a new one."""
    return given if _REQUEST_ID.fullmatch(given) else new_id()
