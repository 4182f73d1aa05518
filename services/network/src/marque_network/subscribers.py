"""What the network service hears from others: only who was merged with whom, as every service does."""

from __future__ import annotations

from servicekit import aliases
from servicekit.messaging.consumer import Subscription

from marque_network.errors import CONSTRAINTS


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    return [
        Subscription(
            "network_customer",
            "customer",
            aliases.handlers(),
            CONSTRAINTS,
            lane=aliases.LANE,
            rebuilds=aliases.REBUILDS,
        )
    ]
