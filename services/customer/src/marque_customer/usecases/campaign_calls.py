"""Tasks that are calls of campaigns: what came of each is told to the campaign, and who does not want another has withdrawn."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from marque.campaign.v1 import campaign_types_pb2
from marque.customer.v1 import task_pb2
from marque.type.v1 import channel_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.inbox import SYSTEM

from marque_customer.errors.calls import CallNotWanted, call_again_time_invalid
from marque_customer.models import Task
from marque_customer.repository import known_campaigns
from marque_customer.repository import tasks as repository
from marque_customer.rules import consents as rules
from marque_customer.usecases import consents, open_calls
from marque_customer.usecases.consents import Place

NOT_AGAIN = task_pb2.CAMPAIGN_CALL_OUTCOME_NOT_AGAIN
CALL_LATER = task_pb2.CAMPAIGN_CALL_OUTCOME_CALL_LATER
CANCELLED = open_calls.CANCELLED
MOST_AHEAD = timedelta(days=30)
OFF = "campaign-calls-off"
AT_ONCE = 500
_LAUNCHED = frozenset(
    {
        campaign_types_pb2.CAMPAIGN_STATE_RUNNING,
        campaign_types_pb2.CAMPAIGN_STATE_PAUSED,
        campaign_types_pb2.CAMPAIGN_STATE_FINISHED,
    }
)


def check_again(outcome: int, again_time: datetime | None, now: datetime) -> None:
    """Sees to it that only who asks to be called later names a time, and one that comes. Raises InvalidArgument."""
    if again_time is not None and (outcome != CALL_LATER or not now < again_time <= now + MOST_AHEAD):
        raise call_again_time_invalid()


async def refuse_withdrawn(uow: UnitOfWork, customer_id: uuid.UUID, values: Mapping[str, Any]) -> None:
    """Refuses a call for which the consent was withdrawn since its permit was spent. A withdrawal that comes later waits until the task is
    there, and cancels it. Raises CallNotWanted.
    """
    if not values.get("purpose"):  # a notice that the law demands, or no call of a campaign
        return
    dealer = values["dealer_id"]
    subject = {
        "purpose": values["purpose"],
        "channel": channel_pb2.CHANNEL_PHONE,
        "controller_kind": rules.DEALER if dealer else rules.OEM,
        "controller_id": str(dealer or ""),
    }
    entry = await consents.deciding(uow.session, uow.principal, customer_id, subject)
    if entry is not None and entry.action == rules.WITHDRAWN:
        raise CallNotWanted()


async def ledger_of(uow: UnitOfWork, task_id: uuid.UUID) -> Place | None:
    """Takes the consents of whom a campaign has called for writing, before the task is locked: whoever erases does so in this order.

    Who sees the task may write down what its person said, whether or not they see the person: so nobody else is asked here. None where
    the task is about no call by consent.
    """
    row = await repository.read(uow.session, uow.principal, task_id)
    if row is None or row.customer_id is None or not row.purpose:
        return None
    return await consents.begin(uow, row.customer_id, SYSTEM)


async def ended(uow: UnitOfWork, task: Task, place: Place | None, again_time: datetime | None = None) -> None:
    """Tells the campaign what came of a call, and when the person wishes to be called where they do; withdraws the consent by which it was
    made where `place` is that of its person.
    """
    if task.send_id is None:
        return
    if place is not None and task.call_outcome == NOT_AGAIN:
        values = {
            "purpose": task.purpose,
            "channel": channel_pb2.CHANNEL_PHONE,
            "controller_kind": rules.DEALER if task.dealer_id else rules.OEM,
            "controller_id": str(task.dealer_id or ""),
            "action": rules.WITHDRAWN,
            "text_version": "",
            "source": "campaign-call",
            "given_time": uow.now,
            "evidence_type": "customer.task",
            "evidence_id": str(task.task_id),
        }
        await consents.append(uow, place, values)
    await open_calls.tell(uow, task, again_time)


async def went_on(*, uow: UnitOfWork, campaign_id: uuid.UUID, state: int, version: int) -> None:
    """Keeps where a campaign stands. While it is paused, its open calls rest, but for those that somebody has taken: they come back when it
    goes on, and what is told of them counts all the same.
    """
    async with uow:
        if state == campaign_types_pb2.CAMPAIGN_STATE_CANCELLED:
            await known_campaigns.forget(uow.session, campaign_id, version)
        elif state in _LAUNCHED:
            paused = state == campaign_types_pb2.CAMPAIGN_STATE_PAUSED
            await known_campaigns.hear(uow.session, campaign_id, version, paused=paused)


async def call_off(*, uow: UnitOfWork, campaign_id: uuid.UUID) -> None:
    """Makes it due that the open calls of a campaign are cancelled."""
    async with uow:
        await uow.schedule(OFF, str(campaign_id), uow.now)


async def withdrawn(*, uow: UnitOfWork, send_id: uuid.UUID) -> None:
    """Cancels the call of a line that its campaign does not want any more; of one that was made, what came of it stands."""
    async with uow:
        await open_calls.cancel(uow, await repository.open_of_line(uow.session, send_id))


async def called_off(uow: UnitOfWork, key: str) -> datetime | None:
    """Cancels some hundreds of the open calls of a campaign; None when there is none any more."""
    tasks = await repository.of_campaign(uow.session, uuid.UUID(key), AT_ONCE)
    await open_calls.cancel(uow, tasks)
    return uow.now if len(tasks) == AT_ONCE else None
