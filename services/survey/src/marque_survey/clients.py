"""Calls to other services, and the mail server. None is made while a transaction holds anything."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any

import aiosmtplib
import dkim
import grpc
import grpc.aio
from marque.customer.v1 import consent_pb2, consent_service_pb2, contact_permit_pb2, customer_service_pb2
from marque.type.v1 import channel_pb2
from servicekit.errors import Unavailable
from servicekit.permits import ContactPermits, Held, Refused, Spent, Taken
from servicekit.rpc.client import Peer

from marque_survey.rules import letters
from marque_survey.rules.document import Document

_WITHDRAW = "/marque.customer.v1.ConsentService/WithdrawConsent"
_BATCH = "/marque.customer.v1.CustomerService/BatchGetCustomers"
_STOPPING = 20.0
"""Seconds: a withdrawal is answered once every permit of the person has ended."""
_WIRE = SMTP.clone(
    cte_type="7bit"
)  # a relay that cannot carry eight bits would write the mail anew, and break its signature
_SIGNED = [
    name.encode()
    for name in (
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Unsubscribe", "List-Unsubscribe-Post"
    )
]  # fmt: skip
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


class MailNotSent(Exception):
    """The server did not take the mail and may later: it was not reached, or said so."""


class MailRefused(Exception):
    """The server will never take this mail."""


class MailOutcomeUnknown(Exception):
    """The connection broke after the mail was given over and before the server's word."""


class Mail:
    """A mail server, spoken to by SMTP. `link` makes the path of an invitation's page by its id and the number of the sending."""

    def __init__(self, settings: Any, link: Callable[[uuid.UUID, int], str]) -> None:
        self._settings = settings
        self._link = link
        self._key = settings.dkim_key_file.read_bytes() if settings.dkim_key_file else b""

    async def send(
        self, address: str, document: Document, language: str, invitation_id: uuid.UUID, number: int
    ) -> None:
        """Hands a mail with the link over. Raises MailNotSent, MailRefused, MailOutcomeUnknown."""
        message = self._letter(address, document, language, invitation_id, number).as_bytes()
        signature = (
            await asyncio.to_thread(self._signature, message) if self._key else b""
        )  # a long sum in plain Python
        client = aiosmtplib.SMTP(
            hostname=self._settings.smtp_host,
            port=self._settings.smtp_port,
            timeout=self._settings.smtp_timeout,
            start_tls=self._settings.smtp_start_tls or None,
            username=self._settings.smtp_username or None,
            password=self._password(),
        )
        begun = False
        try:
            await client.connect()
            await client.mail(self._settings.mail_sender)
            await client.rcpt(address)
            begun = True
            await client.data(signature + message)
        except aiosmtplib.SMTPResponseException as error:
            raise (MailRefused if 500 <= error.code < 600 else MailNotSent)() from None
        except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
            if isinstance(error, UnicodeError):  # an address that no mail server can take
                raise MailRefused() from None
            raise (MailOutcomeUnknown if begun else MailNotSent)() from None
        finally:
            client.close()

    def _letter(
        self, address: str, document: Document, language: str, invitation_id: uuid.UUID, number: int
    ) -> EmailMessage:
        url = self._settings.public_url.rstrip("/") + self._link(invitation_id, number)
        subject, text, html = letters.write(document, document.language_for([language]), url)
        message = EmailMessage(policy=_WIRE)
        sender = self._settings.mail_sender
        message["From"], message["To"], message["Subject"] = sender, address, subject
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<survey.{invitation_id}.{number}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message["List-Unsubscribe"] = f"<{url}/stop>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message

    def _signature(self, message: bytes) -> bytes:
        """The DKIM header of a message (RFC 6376). It covers where to unsubscribe, as RFC 8058 asks."""
        domain = self._settings.mail_sender.rpartition("@")[2]
        made: bytes = dkim.sign(
            message, self._settings.dkim_selector.encode(), domain.encode(), self._key, include_headers=_SIGNED,
            canonicalize=(b"relaxed", b"relaxed"),
        )  # fmt: skip
        return made

    def _password(self) -> str | None:
        found: str = self._settings.smtp_password.get_secret_value()
        return found or None
