"""What the vehicle service hears from others."""

from __future__ import annotations

from servicekit import aliases, dealers
from servicekit.messaging.consumer import Subscription

from marque_vehicle.errors import CONSTRAINTS


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    return [
        Subscription("vehicle_network", "network", dealers.handlers(), CONSTRAINTS),
        Subscription("vehicle_customer", "customer", aliases.handlers(), CONSTRAINTS),
    ]
