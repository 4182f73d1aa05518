"""What the campaign service hears from others: who is who, what segments ask of people and cars, and what people did after they were
written to.
"""

from __future__ import annotations

from servicekit import dealers, staff
from servicekit.messaging.consumer import Subscription

from marque_campaign.errors import CONSTRAINTS
from marque_campaign.subscribers import audience, calls, deeds, letters


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    who = Subscription(
        "campaign_network",
        "network",
        {**dealers.handlers(), **staff.handlers()},
        CONSTRAINTS,
        rebuilds={**dealers.REBUILDS, **staff.REBUILDS},
    )
    return [who, *audience.subscriptions(), *deeds.responses(), calls.subscription(), letters.subscription()]
