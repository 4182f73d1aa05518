"""Calls to other services, and the mail server. None is made while a transaction holds anything."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence

import grpc
import grpc.aio
from marque.customer.v1 import consent_pb2, consent_service_pb2, contact_permit_pb2, customer_service_pb2
from marque.type.v1 import channel_pb2
from servicekit.errors import Unavailable
from servicekit.mail.letters import Letter, Unmailable, compose, domain_of
from servicekit.mail.settings import MailSettings
from servicekit.mail.smtp import MailRefused
from servicekit.permits import ContactPermits, Held, Refused, Spent, Taken
from servicekit.rpc.client import Peer

from marque_survey.rules import letters
from marque_survey.rules.document import Document

_WITHDRAW = "/marque.customer.v1.ConsentService/WithdrawConsent"
_BATCH = "/marque.customer.v1.CustomerService/BatchGetCustomers"
_STOPPING = 20.0
"""Seconds: a withdrawal is answered once every permit of the person has ended."""
_OEM = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)


class Customers:
    """What the customer service is asked. Without an address every question is answered by Unavailable, as when it is down."""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        if self._peer is not None:
            await self._peer.close()

    async def exists(self, customer_id: str, dealer_ids: Sequence[uuid.UUID] | None) -> bool:
        """Tells whether somebody may be invited. `dealer_ids`: the dealers for whom is asked; None for the maker. Raises Unavailable."""
        if dealer_ids is not None and not dealer_ids:  # to the customer service no dealers would mean: whoever it is
            return False
        if self._peer is None:
            raise Unavailable(dependency="The customer service", retry_after=1)
        request = customer_service_pb2.BatchGetCustomersRequest(
            customer_ids=[customer_id], dealer_ids=[str(dealer_id) for dealer_id in dealer_ids or ()]
        )
        answer: customer_service_pb2.BatchGetCustomersResponse = await self._peer.call(_BATCH, request)
        return customer_id not in answer.missing_customer_ids

    async def withdraw(self, customer_id: uuid.UUID, invitation_id: uuid.UUID) -> None:
        """Takes back that the maker may ask somebody by e-mail; once for an invitation. Who is not there any more has nothing to take back.

        Raises Unavailable.
        """
        if self._peer is None:
            raise Unavailable(dependency="The customer service", retry_after=1)
        entry = consent_pb2.ConsentEntry(
            purpose=consent_pb2.CONSENT_PURPOSE_RESEARCH,
            channel=channel_pb2.CHANNEL_EMAIL,
            controller=_OEM,
            source="survey-mail",
            evidence_type="survey.invitation",
            evidence_id=str(invitation_id),
        )
        request = consent_service_pb2.WithdrawConsentRequest(
            customer_id=str(customer_id), entry=entry, request_id=f"survey-stop:{invitation_id}"
        )
        try:
            await self._peer.call(_WITHDRAW, request, deadline=_STOPPING)
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION):
                raise


class Permits:
    """The contact permits of one invitation at a time: its time to begin is short, so none waits for another's mail."""

    def __init__(self, peer: Peer) -> None:
        self._permits = ContactPermits(peer)

    async def take(
        self, customer_id: str, key: str, *, resume: bool, by_phone: bool = False, vin: str = ""
    ) -> list[Taken]:
        """Takes a permit to ask somebody by e-mail or phone, for research by the maker; with a car, only its owner. Raises Unavailable."""
        contact = contact_permit_pb2.Contact(
            customer_id=customer_id,
            occurrence_key=key,
            channel=channel_pb2.CHANNEL_PHONE if by_phone else channel_pb2.CHANNEL_EMAIL,
            vin=vin,
            contact_class=contact_permit_pb2.CONTACT_CLASS_CONSENTED,
            purpose=consent_pb2.CONSENT_PURPOSE_RESEARCH,
            controller=_OEM,
            resume=resume,
        )
        return await self._permits.take([contact])

    async def spend(self, held: Held) -> Spent | Refused:
        """Spends a permit."""
        return (await self._permits.spend([held]))[0]

    async def finish(self, spent: Spent) -> None:
        """Says that the mail was handed over."""
        await self._permits.finish([spent])

    async def give_back(self, held: Held | Spent) -> None:
        """Says that nothing was handed over, nor will be."""
        await self._permits.give_back([held])


class Mail:
    """Mails with links. `link` makes the path of an invitation's page by its id and the number of the sending."""

    def __init__(self, settings: MailSettings, link: Callable[[uuid.UUID, int], str]) -> None:
        self._sender = settings.mail_sender
        self._public_url = settings.public_url.rstrip("/")
        self._link = link
        self._postman = settings.postman()
        self._signer = settings.signer()

    async def close(self) -> None:
        """Closes the connections to the server."""
        await self._postman.close()

    async def send(
        self, address: str, document: Document, language: str, invitation_id: uuid.UUID, number: int
    ) -> None:
        """Hands a mail with the link over. Raises MailNotTaken, MailRefused, MailOutcomeUnknown."""
        try:
            mail = compose(self._letter(address, document, language, invitation_id, number))
        except Unmailable:
            raise MailRefused("UNMAILABLE") from None
        if self._signer is not None:
            mail = await asyncio.to_thread(self._signer.sign, mail)
        await self._postman.send(self._sender, address, mail)

    def _letter(self, address: str, document: Document, language: str, invitation_id: uuid.UUID, number: int) -> Letter:
        url = self._public_url + self._link(invitation_id, number)
        subject, text, html = letters.write(document, document.language_for([language]), url)
        message_id = f"survey.{invitation_id}.{number}@{domain_of(self._sender)}"
        return Letter(self._sender, address, subject, text, message_id, html, unsubscribe=f"{url}/stop")
