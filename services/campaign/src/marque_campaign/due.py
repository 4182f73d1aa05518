"""Work that time makes due at the campaign service: campaigns that start, and the rest of those that were cancelled."""

from __future__ import annotations

from collections.abc import Mapping

from servicekit.db.due import DueHandler

from marque_campaign.usecases import launching


def handlers() -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {launching.LAUNCH: launching.launch, launching.DRAIN: launching.drain}
