"""Calls to others: the customer service, and the providers that carry messages. None is made while a transaction holds anything."""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc
import grpc.aio
import httpx
import orjson
from marque.customer.v1 import consent_pb2, consent_service_pb2, customer_facts_pb2, customer_service_pb2
from marque.vehicle.v1 import vehicle_facts_pb2
from servicekit.permits import ContactPermits
from servicekit.rpc.client import Peer

from marque_campaign.clients.customer_service import CustomerService
from marque_campaign.clients.lines import Lines
from marque_campaign.rules.again import CallOrder
from marque_campaign.rules.kinds import ADDRESSEE, FAMILY_NAME, FULL_NAME, GIVEN_NAME
from marque_campaign.rules.templates import Message

_BATCH = "/marque.customer.v1.CustomerService/BatchGetCustomers"
_CONSENTS = "/marque.customer.v1.ConsentService"
_STOPPING = 20.0
"""Seconds: a withdrawal is answered once every permit of the person has ended."""
_TEXT = "preference-page-1"
"""The version of the words of the preference page, by which somebody agreed there."""
_SHORTEST_SECRET = 32  # bytes, as long as the digest
PROVIDER_SECONDS = 10.0


class Customers(CustomerService):
    """What the customer service is asked: permits and names. Without an address every question is answered by Unavailable."""

    @property
    def permits(self) -> ContactPermits:
        """The one gate before any outgoing touch. Raises Unavailable."""
        return ContactPermits(self._known)

    async def names(self, customer_ids: Sequence[str]) -> dict[str, dict[int, str]]:
        """Returns what templates may say of some people, by the id asked with; who is gone is absent. Raises Unavailable."""
        request = customer_service_pb2.BatchGetCustomersRequest(customer_ids=sorted(set(customer_ids)))
        answer: customer_service_pb2.BatchGetCustomersResponse = await self._known.call(_BATCH, request)
        known = {
            one.customer_id: {
                FULL_NAME: one.name.full_name,
                GIVEN_NAME: one.name.given_name,
                FAMILY_NAME: one.name.family_name,
                ADDRESSEE: one.name.full_name or one.organisation_name,
            }
            for one in answer.customers
        }
        stands_for = dict(answer.surviving_customer_ids)
        asked = ((one, stands_for.get(one, one)) for one in customer_ids)
        return {one: known[now] for one, now in asked if now in known}

    async def granted(
        self, customer_id: str, purpose: int, channel: int, controller: consent_pb2.ConsentController
    ) -> bool:
        """Tells whether somebody agrees to a purpose now; who is not there any more does not. Raises Unavailable."""
        request = consent_service_pb2.CheckConsentRequest(
            customer_id=customer_id,
            purpose=purpose,  # type: ignore[arg-type]
            channel=channel,  # type: ignore[arg-type]
            controller_kind=controller.kind,
            controller_id=controller.controller_id,
        )
        try:
            answer = await self._known.call(f"{_CONSENTS}/CheckConsent", request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return False
            raise
        return bool(answer.allowed)

    async def withdraw(
        self, customer_id: str, purpose: int, channel: int, controller: consent_pb2.ConsentController, send_id: str
    ) -> None:
        """Takes a consent back, proved by a line of the ledger. Raises Unavailable."""
        entry = _entry(purpose, channel, controller, send_id)
        request = consent_service_pb2.WithdrawConsentRequest(customer_id=customer_id, entry=entry)
        await self._known.call(f"{_CONSENTS}/WithdrawConsent", request, deadline=_STOPPING)

    async def grant(
        self, customer_id: str, purpose: int, channel: int, controller: consent_pb2.ConsentController, send_id: str
    ) -> None:
        """Writes down that somebody agreed, proved by a line of the ledger. Raises Unavailable."""
        entry = _entry(purpose, channel, controller, send_id)
        entry.text_version = _TEXT
        request = consent_service_pb2.GrantConsentRequest(customer_id=customer_id, entry=entry)
        await self._known.call(f"{_CONSENTS}/GrantConsent", request)


def controller_of(dealer_id: Any) -> consent_pb2.ConsentController:
    """Returns who contacts people: a dealer, or the maker."""
    return consent_pb2.ConsentController(
        kind=consent_pb2.CONSENT_CONTROLLER_KIND_DEALER if dealer_id else consent_pb2.CONSENT_CONTROLLER_KIND_OEM,
        controller_id=str(dealer_id) if dealer_id else "",
    )


def _entry(
    purpose: int, channel: int, controller: consent_pb2.ConsentController, send_id: str
) -> consent_pb2.ConsentEntry:
    return consent_pb2.ConsentEntry(
        purpose=purpose,  # type: ignore[arg-type]
        channel=channel,  # type: ignore[arg-type]
        controller=controller,
        source="preference-page",
        evidence_type="campaign.send",
        evidence_id=send_id,
    )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to one person, with the key by which it is taken once.

    `begin` is called directly before the first byte leaves, and raises where its time is over. For a mail: the address of the one click,
    and the id by which it is known when it comes back. For a call: what its task needs.
    """

    send_id: str
    channel: str
    address: str
    message: Message
    messenger: str = ""
    begin: Callable[[], object] = lambda: None
    unsubscribe: str = ""
    message_id: str = ""
    call: CallOrder | None = None


class NotHanded(Exception):
    """Surely nothing left, and it may be tried later: the provider was not reached, or has no time. `seconds`: not before."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.seconds = why, seconds


class Rejected(Exception):
    """The provider will never take this message. `address_gone`: nor any other to its address."""

    def __init__(self, why: str, *, address_gone: bool = False) -> None:
        super().__init__(why)
        self.why, self.address_gone = why, address_gone


class Silent(Exception):
    """Nobody knows whether the provider took it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Provider(Protocol):
    """Something that carries messages. `repeatable`: handed over again under the same key, a message still arrives once."""

    repeatable: bool

    async def send(self, outgoing: Outgoing) -> None:
        """Hands a message over. Raises NotHanded, Rejected, Silent, and what `outgoing.begin` raises, before anything left."""

    async def close(self) -> None:
        """Closes its connections."""


class HttpProvider:
    """A provider of text messages, messaging or push, by the platform's own signed requests.

    `POST url` with JSON `{messageId, channel, address, messenger, language, subject, text}`, `Idempotency-Key`, `X-Marque-Timestamp` and
    `X-Marque-Signature: v1=<hex of HMAC-SHA-256 over timestamp.body>`. 2xx: taken. 409: taken before. 429: not taken, `Retry-After`.
    Other 4xx: never. 5xx, or an answer that does not come: nobody knows. Redirects are not followed: an address is not sent elsewhere.
    """

    def __init__(self, url: str, secret: bytes, *, repeatable: bool, seconds: float = PROVIDER_SECONDS) -> None:
        self.repeatable = repeatable
        self._secret = secret
        self._lines = Lines(url, seconds)

    async def close(self) -> None:
        """Closes its connections."""
        await self._lines.close()

    async def send(self, outgoing: Outgoing) -> None:
        """Hands a message over."""
        body = _body(outgoing)
        timestamp = str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "idempotency-key": outgoing.send_id,
            "x-marque-timestamp": timestamp,
            "x-marque-signature": signature(self._secret, timestamp, body),
        }
        outgoing.begin()
        try:
            answer = await self._lines.post(body, headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotHanded(type(error).__name__) from None
        except httpx.HTTPError as error:
            raise Silent(type(error).__name__) from None
        status = answer.status_code
        if status == 429:
            raise NotHanded("HTTP_429", _seconds(answer.headers.get("retry-after", "")))
        if status >= 500:
            raise Silent(f"HTTP_{status}")
        if status >= 300 and status != 409:
            raise Rejected(f"HTTP_{status}")


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Returns how a message is signed: `v1=` and the digest in hex."""
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def http_provider(url: str, secret_file: Path, *, repeatable: bool) -> HttpProvider:
    """Returns a provider of the settings. Raises ValueError where its secret is too short to be one."""
    secret = secret_file.read_bytes().strip()
    if len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"a provider needs a secret of at least {_SHORTEST_SECRET} bytes")
    return HttpProvider(url, secret, repeatable=repeatable)


def _body(outgoing: Outgoing) -> bytes:
    message = outgoing.message
    document: dict[str, Any] = {
        "messageId": outgoing.send_id,
        "channel": outgoing.channel,
        "address": outgoing.address,
        "messenger": outgoing.messenger,
        "language": message.language,
        "subject": message.subject,
        "text": message.text,
    }
    return orjson.dumps({name: value for name, value in document.items() if value})


def _seconds(text: str) -> float:
    """What `Retry-After` says, in seconds; 1 where it says a date or nothing."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1.0


_FACTS = "/marque.customer.v1.LifecycleService/BatchGetCustomerFacts"
_CAR_FACTS = "/marque.vehicle.v1.VehicleExposureService/BatchGetVehicleFacts"


class Owners:
    """Who knows the people and cars of segments: the customer and the vehicle service."""

    def __init__(self, customer: Peer, vehicle: Peer) -> None:
        self._customer = customer
        self._vehicle = vehicle

    async def close(self) -> None:
        """Closes the channels."""
        await self._customer.close()
        await self._vehicle.close()

    async def people(self, ids: Sequence[uuid.UUID]) -> Sequence[customer_facts_pb2.CustomerFacts]:
        """Returns what is told of those who stand for themselves. Raises Unavailable."""
        request = customer_facts_pb2.BatchGetCustomerFactsRequest(customer_ids=[str(one) for one in ids])
        answer: customer_facts_pb2.BatchGetCustomerFactsResponse = await self._customer.call(_FACTS, request)
        return answer.facts

    async def cars(self, vins: Sequence[str]) -> Sequence[vehicle_facts_pb2.VehicleFacts]:
        """Returns what is told of the cars that are known. Raises Unavailable."""
        request = vehicle_facts_pb2.BatchGetVehicleFactsRequest(vins=vins)
        answer: vehicle_facts_pb2.BatchGetVehicleFactsResponse = await self._vehicle.call(_CAR_FACTS, request)
        return answer.facts
