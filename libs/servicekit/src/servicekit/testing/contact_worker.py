"""A worker that contacts people, as a process of its own to be stopped and killed: `python -m servicekit.testing.contact_worker PLAN`.

PLAN is a JSON file: `address` of the customer service, `issuer`, `client` and `secret` (a
file) to get a token by, `people` (customer ids), `front` (a file with the index from
which on people are contacted), `ledger` (a file to which each hand-over is appended: customer, permit, moment by `permits.clock`), and

- `freeze`: true to stop itself once, between spending and handing over, and to end after the contact of the first person;
- `reckless`: true to hand over without looking at the clock, to show that a proof notices.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import uuid
from pathlib import Path
from typing import Any

import grpc.aio
from marque.customer.v1 import consent_pb2, contact_permit_pb2
from marque.type.v1 import channel_pb2

from servicekit import permits
from servicekit.errors import Unavailable
from servicekit.permits import ContactPermits, Held, PermitLate, Spent
from servicekit.rpc.client import Peer
from servicekit.rpc.tokens import ServiceIdentity

BATCH, AROUND, AT_ONCE = 16, 80, 4
_OEM = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)


class Worker:
    """Takes, spends, hands over and finishes until it is killed."""

    def __init__(self, plan: dict[str, Any], peer: Peer) -> None:
        self._plan = plan
        self._permits = ContactPermits(peer)
        self._ledger = os.open(plan["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def forever(self) -> None:
        """Contacts people around the front, again and again."""
        people, front = self._plan["people"], Path(self._plan["front"])
        while True:
            first = int(front.read_text() or 0)
            around = people[first : first + AROUND] or people[-AROUND:]
            chosen = random.sample(around, min(BATCH, len(around)))
            try:
                await self._batch(chosen)
            except (Unavailable, grpc.aio.AioRpcError):  # a call whose time went by while this process was stopped
                await asyncio.sleep(0.05)

    async def _batch(self, people: list[str]) -> None:
        held = [one for one in await self._permits.take([contact(one) for one in people]) if isinstance(one, Held)]
        for start in range(0, len(held), AT_ONCE):
            await self._contact(held[start : start + AT_ONCE])

    async def once(self) -> None:
        """Contacts the first person, stopped between spending and handing over."""
        (held,) = await self._permits.take([contact(self._plan["people"][0])])
        assert isinstance(held, Held)
        (spent,) = await self._permits.spend([held])
        assert isinstance(spent, Spent)
        os.kill(os.getpid(), signal.SIGSTOP)
        await self._hand_over(spent)

    async def _contact(self, held: list[Held]) -> None:
        for one in await self._permits.spend(held):
            if isinstance(one, Spent):
                await asyncio.sleep(random.random() * 0.03)  # noqa: S311 - where most of the stops and kills shall fall
                await self._hand_over(one)

    async def _hand_over(self, spent: Spent) -> None:
        try:
            moment = permits.clock() if self._plan.get("reckless") else spent.begin()
        except PermitLate:
            os.write(self._ledger, f"{spent.permit.customer_id} {spent.permit.contact_permit_id} late\n".encode())
            await self._permits.give_back([spent])
            return
        os.write(self._ledger, f"{spent.permit.customer_id} {spent.permit.contact_permit_id} {moment!r}\n".encode())
        await self._permits.finish([spent])


def contact(customer_id: str) -> contact_permit_pb2.Contact:
    """One more e-mail of marketing to a person."""
    return contact_permit_pb2.Contact(
        customer_id=customer_id,
        occurrence_key=f"race:{uuid.uuid4()}",
        channel=channel_pb2.CHANNEL_EMAIL,
        contact_class=contact_permit_pb2.CONTACT_CLASS_CONSENTED,
        purpose=consent_pb2.CONSENT_PURPOSE_MARKETING,
        controller=_OEM,
    )


async def _main(plan: dict[str, Any]) -> None:
    identity = ServiceIdentity(issuer=plan["issuer"], client_id=plan["client"], secret_file=Path(plan["secret"]))
    peer = Peer("customer", plan["address"], identity)
    worker = Worker(plan, peer)
    await (worker.once() if plan.get("freeze") else worker.forever())
    await peer.close()


if __name__ == "__main__":
    asyncio.run(_main(json.loads(Path(sys.argv[1]).read_text())))
