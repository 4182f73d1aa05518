"""Work that time makes due at the survey service: responses that are scored by new weights, bursts of best recommendations."""

from __future__ import annotations

from collections.abc import Mapping

from servicekit.db.due import DueHandler

from marque_survey.usecases import gaming, scoring


def handlers() -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {scoring.WORK: scoring.apply, gaming.WORK: gaming.burst}
