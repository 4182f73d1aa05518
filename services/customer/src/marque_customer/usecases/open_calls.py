"""Calls of campaigns that are tasks: what came of each is told to its campaign, and those that may not be made any more are cancelled."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from marque.customer.v1 import task_events_pb2, task_pb2
from marque.type.v1 import channel_pb2
from servicekit.db.uow import UnitOfWork

from marque_customer.models import Task
from marque_customer.repository import tasks as repository
from marque_customer.rules import consents as rules

CANCELLED = task_pb2.CAMPAIGN_CALL_OUTCOME_CANCELLED


async def tell(uow: UnitOfWork, task: Task, again_time: datetime | None = None) -> None:
    """Tells the campaign what came of a call; `again_time`: when the person wishes to be called."""
    await uow.flush()
    event = task_events_pb2.CampaignCallEnded(
        task_id=str(task.task_id),
        send_id=str(task.send_id),
        campaign_id=str(task.campaign_id),
        customer_id=str(task.customer_id or ""),
        outcome=task.call_outcome,  # type: ignore[arg-type]
    )
    if again_time is not None:
        event.call_again_time.FromDatetime(again_time)
    uow.emit(event, of=task)


async def cancel(uow: UnitOfWork, tasks: Iterable[Task]) -> None:
    """Cancels open calls, which the caller has locked."""
    for task in tasks:
        task.end(Task.CANCELLED, "", uow.now)
        task.end_call(CANCELLED)
        await tell(uow, task)


async def stop(uow: UnitOfWork, family: Sequence[uuid.UUID], values: Mapping[str, Any]) -> None:
    """Cancels the open calls of a person that were allowed by what they withdraw: nobody calls them after the answer."""
    if values["channel"] == channel_pb2.CHANNEL_PHONE:
        dealer = uuid.UUID(values["controller_id"]) if values["controller_kind"] == rules.DEALER else None
        await cancel(uow, await repository.open_calls(uow.session, family, values["purpose"], dealer))
