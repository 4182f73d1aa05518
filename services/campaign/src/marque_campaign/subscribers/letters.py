"""What changes of people whose letters stand in files that are not printed. Merges are heard with the aliases (`subscribers.audience`)."""

from __future__ import annotations

import uuid
from typing import Any

from marque.customer.v1 import consent_pb2, customer_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_campaign.errors import CONSTRAINTS
from marque_campaign.rules.kinds import POST
from marque_campaign.usecases import letter_files

_CUSTOMER = "marque.customer.v1."
EFFECTS = frozenset({"letters", "letter_files", "campaign_sends"})


async def on_consent_changed(uow: UnitOfWork, event: Event) -> None:
    """Somebody does not want letters any more."""
    data: Any = event.data
    if data.channel == POST and data.action == consent_pb2.CONSENT_ACTION_WITHDRAWN:
        await letter_files.heard(uow=uow, customer_id=uuid.UUID(data.customer_id))


async def on_customer_updated(uow: UnitOfWork, event: Event) -> None:
    """Nothing may be done with somebody's data."""
    data: Any = event.data
    if data.status == customer_pb2.CUSTOMER_STATUS_RESTRICTED and "status" in data.changed_fields:
        await letter_files.restricted(uow=uow, customer_id=uuid.UUID(data.customer_id))


def subscription() -> Subscription:
    """Returns by what it is heard."""
    return Subscription(
        "campaign_letters",
        "customer",
        {
            _CUSTOMER + "ConsentChanged": on_consent_changed,
            _CUSTOMER + "CustomerUpdated": on_customer_updated,
        },
        CONSTRAINTS,
        effects=EFFECTS,
    )
