"""Work that time makes due at the customer service: leads that nobody answers, messages that became no lead, rules that begin."""

from __future__ import annotations

from collections.abc import Mapping

from servicekit.db.due import DueHandler

from marque_customer.usecases.leads.clock import tick
from marque_customer.usecases.leads.common import CLOCK
from marque_customer.usecases.leads.intake import INTAKE_GONE, forget_rejected
from marque_customer.usecases.lifecycle.rules import SPREAD, spread


def handlers() -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {CLOCK: tick, INTAKE_GONE: forget_rejected, SPREAD: spread}
