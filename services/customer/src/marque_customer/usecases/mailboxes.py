"""Reading mailboxes: a sweep that takes what is new, each mail once.

How far a mailbox was read is written in the transaction that takes the mail: killed between fetching and storing, the mail is fetched
again; killed after it, it is not. Where a server gives its UIDs anew (another UIDVALIDITY) all its mails are looked at again, and those
that were taken are known by their Message-ID. Nothing is fetched inside a transaction.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from marque.customer.v1 import inbound_service_pb2 as rpc
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import logs
from tradekit import mail

from marque_customer.clients import mailboxes
from marque_customer.clients.mailboxes import Arrived, Mailbox
from marque_customer.repository import mailboxes as repository
from marque_customer.usecases import inbound

AT_ONCE = 20
_NAME = "sweep:mailboxes"
_INTENTS = {"": rpc.INBOUND_INTENT_UNSPECIFIED, "lead": rpc.INBOUND_INTENT_LEAD, "case": rpc.INBOUND_INTENT_CASE}
log = logs.get_logger(__name__)


class Reading:
    """The mailboxes of a deployment, and when each is looked at next. One that is away keeps the others from nothing."""

    def __init__(self, work: Work, boxes: Sequence[Mailbox], every: float) -> None:
        self._work = work
        self._every = every
        self._due = dict.fromkeys(boxes, 0.0)

    async def sweep(self) -> bool:
        """Looks into the mailboxes whose moment has come; returns whether more mails wait there."""
        due = [box for box, moment in self._due.items() if time.monotonic() >= moment]
        return any(await asyncio.gather(*map(self._visit, due)))

    async def _visit(self, box: Mailbox) -> bool:
        try:
            more = await self._look(box)
        except mailboxes.Failure as error:
            log.warning("a mailbox does not answer", extra={"host": box.host, "error_type": type(error).__name__})
            more = False
        self._due[box] = 0.0 if more else time.monotonic() + self._every
        return more

    async def _look(self, box: Mailbox) -> bool:
        async with self._work.read() as session:
            uid_validity, last_uid = await repository.state(session, box.address.lower())
        news = await asyncio.to_thread(mailboxes.fetch, box, uid_validity, last_uid, AT_ONCE)
        for arrived in news.mails:
            await self._take(box, news.uid_validity, arrived)
        return news.more

    async def _take(self, box: Mailbox, uid_validity: int, arrived: Arrived) -> None:
        request = rpc.ReceiveMailRequest(
            message=arrived.message, mailbox=box.address, intent=_INTENTS[box.intent], dealer_code=box.dealer_code
        )
        try:
            found = await inbound.read(request)
            await self._store(box, uid_validity, arrived.uid, request, found)
        except InvalidArgument as error:
            if any(violation.field == "dealer_code" for violation in error.violations):
                raise ValueError("the mailbox is configured for a dealer that is not known") from None
            # It stays where it is, for somebody to read; the next ones are not kept waiting.
            log.warning(
                "a mail was left in its mailbox", extra={"uid": arrived.uid, "reason": error.violations[0].reason}
            )
            await self._store(box, uid_validity, arrived.uid, request, None)

    async def _store(
        self, box: Mailbox, uid_validity: int, uid: int, request: rpc.ReceiveMailRequest, found: mail.Mail | None
    ) -> None:
        address = box.address.lower()
        async with self._work(Call(SYSTEM, _NAME)) as uow:
            known, last_uid = await repository.state(uow.session, address, lock=True)
            if known == uid_validity and last_uid >= uid:
                return  # another replica was faster
            if found is not None:
                await inbound.accept(uow, request, found)
            await repository.put(uow.session, address, uid_validity, uid, uow.now)
