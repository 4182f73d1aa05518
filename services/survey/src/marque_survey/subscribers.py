"""What the survey service hears from others."""

from __future__ import annotations

from servicekit import aliases, dealers, staff
from servicekit.messaging.consumer import Subscription

from marque_survey.errors import CONSTRAINTS


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    return [
        Subscription(
            "survey_network",
            "network",
            {**dealers.handlers(), **staff.handlers()},
            CONSTRAINTS,
            rebuilds={**dealers.REBUILDS, **staff.REBUILDS},
        ),
        Subscription(
            "survey_customer",
            "customer",
            aliases.handlers(),
            CONSTRAINTS,
            lane=aliases.LANE,
            rebuilds=aliases.REBUILDS,
        ),
    ]
