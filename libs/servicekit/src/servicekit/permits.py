"""How a worker contacts people: take a permit, spend it, look at the clock, hand over, finish. The one way for campaign, survey, calls.

    permits = ContactPermits(peer)
    for answer in await permits.take(contacts):
        if isinstance(answer, Held):
            (spent,) = await permits.spend([answer])
            if isinstance(spent, Spent):
                spent.begin()              # raises PermitLate: then nothing may be handed over any more
                await provider.send(…)
                await permits.finish([spent])

`contact` does all that for one. What must never be skipped is `begin`, immediately before the first byte leaves: the customer service
answers a withdrawal once every spent permit is finished or past its time, and only this check keeps a worker that was frozen in between
(stopped, swapped out, starved) from starting after that answer. What a freeze between the check and the first byte can do is said in
docs/adr/0010.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from marque.customer.v1 import contact_permit_pb2, contact_permit_service_pb2

from servicekit.rpc.client import Peer

_SERVICE = "/marque.customer.v1.ContactPermitService"
_SPENT = contact_permit_pb2.CONTACT_PERMIT_STATE_SPENT
_TAKEN = contact_permit_pb2.CONTACT_PERMIT_STATE_TAKEN
# Counts on while this process is stopped, and where the kernel has it also while the machine sleeps; no wall clock, which may be set.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Returns seconds of the clock by which permits are judged; of no meaning on another machine."""
    return time.clock_gettime(_CLOCK)


class PermitLate(Exception):
    """The permit's time is over: nothing may be handed over under it. Give it back, and take it again if it is still wanted."""


@dataclass(frozen=True, slots=True)
class Refused:
    """No permit, with the reason (`ContactRefusalReason`), and before when (a Timestamp) asking again is of no use; None for never."""

    reason: int
    retry_time: Any = None

    @property
    def name(self) -> str:
        """The reason as a constant, for example `WITHDRAWN`: what a ledger of sends keeps."""
        return str(contact_permit_pb2.ContactRefusalReason.Name(self.reason)).removeprefix("CONTACT_REFUSAL_REASON_")  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Done:
    """The permit was spent or finished before, by whomever: not to be handed over again. `finished` tells whether the end is known."""

    permit: contact_permit_pb2.ContactPermit

    @property
    def finished(self) -> bool:
        """False where it was spent and nobody said how it ended: for an operator, or to be taken with `resume`."""
        return bool(self.permit.state == contact_permit_pb2.CONTACT_PERMIT_STATE_FINISHED)


@dataclass(frozen=True, slots=True)
class Held:
    """A permit that this worker holds: address, language and zone for one contact. `until` is by `clock`."""

    permit: contact_permit_pb2.ContactPermit
    until: float


@dataclass(frozen=True, slots=True)
class Spent:
    """A permit that was spent: the hand-over begins before `until`, or not at all."""

    permit: contact_permit_pb2.ContactPermit
    until: float

    def begin(self) -> float:
        """Returns the clock's reading, at which the hand-over counts as begun; call it directly before. Raises PermitLate."""
        now = clock()
        if now >= self.until:
            raise PermitLate
        return now


Taken = Held | Spent | Done | Refused


class ContactPermits:
    """The permits of the customer service. Errors of `Peer.call` come through: where spending fails so, nothing may be handed over."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def take(self, contacts: Sequence[contact_permit_pb2.Contact], *, deadline: float = 10.0) -> list[Taken]:
        """Takes permits for at most 500 contacts; one answer each, in their order. A contact with `resume` may come back spent already."""
        began = clock()
        request = contact_permit_service_pb2.TakeContactPermitsRequest(contacts=contacts)
        answer = await self._peer.call(f"{_SERVICE}/TakeContactPermits", request, deadline=deadline)
        return [_taken(one, began) for one in answer.answers]

    async def spend(self, held: Sequence[Held]) -> list[Spent | Refused]:
        """Spends permits, at most 500: committed when this returns. Spend few at a time; their time to begin is short."""
        began = clock()
        request = contact_permit_service_pb2.SpendContactPermitsRequest(permits=[_named(one) for one in held])
        answer = await self._peer.call(f"{_SERVICE}/SpendContactPermits", request)
        found: list[Spent | Refused] = []
        for one, outcome in zip(held, answer.outcomes, strict=True):
            if outcome.HasField("refusal"):
                found.append(_refused(outcome.refusal))
            else:
                found.append(Spent(one.permit, began + _seconds(one.permit.hand_over_within)))
        return found

    async def finish(self, spent: Sequence[Spent]) -> None:
        """Says that hand-overs are done, whether the provider took them or not."""
        request = contact_permit_service_pb2.FinishContactPermitsRequest(permits=[_named(one) for one in spent])
        await self._peer.call(f"{_SERVICE}/FinishContactPermits", request)

    async def give_back(self, held: Sequence[Held | Spent]) -> None:
        """Gives permits back under which nothing was handed over, nor will be."""
        request = contact_permit_service_pb2.ReturnContactPermitsRequest(permits=[_named(one) for one in held])
        await self._peer.call(f"{_SERVICE}/ReturnContactPermits", request)

    async def contact(self, held: Held | Spent, hand_over: Callable[[Spent], Awaitable[None]]) -> Spent | Refused:
        """Spends, hands over, finishes. Raises PermitLate where the time was over, with the permit given back.

        Where `hand_over` fails the permit stays spent: whether something arrived is not known, so nothing is given back.
        """
        spent = held if isinstance(held, Spent) else (await self.spend([held]))[0]
        if isinstance(spent, Refused):
            return spent
        try:
            spent.begin()
        except PermitLate:
            await self.give_back([spent])
            raise
        await hand_over(spent)
        await self.finish([spent])
        return spent


def _taken(answer: contact_permit_service_pb2.ContactPermitAnswer, began: float) -> Taken:
    if answer.HasField("refusal"):
        return _refused(answer.refusal)
    permit = answer.permit
    if permit.state == _TAKEN:
        return Held(permit, began + _seconds(permit.spend_within))
    if permit.state == _SPENT and permit.holding:
        return Spent(permit, began + _seconds(permit.hand_over_within))
    return Done(permit)


def _refused(refusal: contact_permit_pb2.ContactRefusal) -> Refused:
    return Refused(refusal.reason, refusal.retry_time if refusal.HasField("retry_time") else None)


def _named(one: Held | Spent) -> contact_permit_pb2.ContactPermitHolding:
    return contact_permit_pb2.ContactPermitHolding(
        contact_permit_id=one.permit.contact_permit_id, holding=one.permit.holding
    )


def _seconds(span: Any) -> float:
    return float(span.ToTimedelta().total_seconds())
