"""What the campaign service hears from others."""

from __future__ import annotations

from servicekit import aliases, dealers, staff
from servicekit.messaging.consumer import Subscription

from marque_campaign.errors import CONSTRAINTS


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    return [
        Subscription(
            "campaign_network",
            "network",
            {**dealers.handlers(), **staff.handlers()},
            CONSTRAINTS,
            rebuilds={**dealers.REBUILDS, **staff.REBUILDS},
        ),
        Subscription(
            "campaign_customer",
            "customer",
            aliases.handlers(),
            CONSTRAINTS,
            lane=aliases.LANE,
            rebuilds=aliases.REBUILDS,
        ),
    ]
