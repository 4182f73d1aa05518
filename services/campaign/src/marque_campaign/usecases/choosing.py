"""What people do by the links of a message, without signing in: choose, stop, follow a link, look at the mail."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

from servicekit.db.engine import Reader
from servicekit.db.uow import UnitOfWork

from marque_campaign.clients import Customers, controller_of
from marque_campaign.errors import MessageLinkUnknown
from marque_campaign.repository import responses as repository
from marque_campaign.rules import kinds

PURPOSES = (kinds.SERVICE, kinds.MARKETING, kinds.CROSS_SELLING, kinds.RESEARCH)


async def line(reader: Reader, send_id: uuid.UUID) -> Any:
    """Returns a line that was handed over. Raises MessageLinkUnknown."""
    row = await repository.sent(reader, send_id)
    if row is None:
        raise MessageLinkUnknown()
    return row


async def choices(*, reader: Reader, customers: Customers, send_id: uuid.UUID) -> tuple[Any, dict[int, bool]]:
    """Returns a line and what its person agreed to for its channel, by purpose. Raises MessageLinkUnknown, Unavailable."""
    row = await line(reader, send_id)
    return row, await _granted(customers, row, PURPOSES)


async def choose(
    *, reader: Reader, customers: Customers, send_id: uuid.UUID, chosen: Sequence[tuple[int, bool]]
) -> tuple[Any, dict[int, bool]]:
    """Writes what differs from what stands there into the person's consents. Raises MessageLinkUnknown, Unavailable.

    What is taken back comes first: who is cut off in between gets less, never more.
    """
    row = await line(reader, send_id)
    before = await _granted(customers, row, [purpose for purpose, _ in chosen])
    for purpose, wanted in sorted(dict(chosen).items(), key=lambda one: one[1]):
        if wanted == before[purpose]:
            continue
        write = customers.grant if wanted else customers.withdraw
        await write(str(row["customer_id"]), purpose, row["channel"], controller_of(row["dealer_id"]), str(send_id))
    return await choices(reader=reader, customers=customers, send_id=send_id)


async def stop(*, reader: Reader, customers: Customers, send_id: uuid.UUID) -> None:
    """Takes back the consent by which a message came. Raises MessageLinkUnknown, Unavailable."""
    row = await line(reader, send_id)
    if not row["purpose"]:  # what the law demands came by no consent
        return
    if (await _granted(customers, row, [row["purpose"]]))[row["purpose"]]:
        controller = controller_of(row["dealer_id"])
        await customers.withdraw(str(row["customer_id"]), row["purpose"], row["channel"], controller, str(send_id))


async def touch(*, uow: UnitOfWork, reader: Reader, send_id: uuid.UUID, url: str) -> None:
    """Counts that a link was followed, or without one that the mail was looked at; each once. Raises MessageLinkUnknown."""
    row = await line(reader, send_id)
    kind, key = (kinds.CLICK, hashlib.sha256(url.encode()).hexdigest()[:32]) if url else (kinds.OPEN, "")
    async with uow:
        await repository.add(uow.session, [repository.touch(row["campaign_id"], send_id, kind, key, uow.now)])


async def _granted(customers: Customers, row: Any, purposes: Sequence[int]) -> dict[int, bool]:
    controller = controller_of(row["dealer_id"])
    return {one: await customers.granted(str(row["customer_id"]), one, row["channel"], controller) for one in purposes}
