"""What came of the calls that the customer service keeps as tasks."""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_campaign.errors import CONSTRAINTS
from marque_campaign.usecases import calling


async def on_campaign_call_ended(uow: UnitOfWork, event: Event) -> None:
    """Somebody called, or will not."""
    data: Any = event.data
    asked = data.call_again_time.ToDatetime(UTC) if data.HasField("call_again_time") else None
    await calling.called(uow=uow, send_id=uuid.UUID(data.send_id), outcome=data.outcome, again_time=asked)


def subscription() -> Subscription:
    """Returns by what it is heard."""
    return Subscription(
        "campaign_calls",
        "customer",
        {"marque.customer.v1.CampaignCallEnded": on_campaign_call_ended},
        CONSTRAINTS,
        effects=frozenset({"campaign_sends", "campaign_runs", "bounced_addresses"}),
    )
