"""Work that time makes due at the customer service: leads that nobody answers, messages that became no lead, offers that are over, rules
that begin, and what is older than its rule says."""

from __future__ import annotations

from collections.abc import Mapping

from servicekit.db.due import DueHandler

from marque_customer.usecases import campaign_calls
from marque_customer.usecases.completeness import rules as completeness
from marque_customer.usecases.leads.clock import tick
from marque_customer.usecases.leads.common import CLOCK
from marque_customer.usecases.leads.intake import INTAKE_GONE, forget_rejected
from marque_customer.usecases.lifecycle.rules import SPREAD, spread
from marque_customer.usecases.rights.retention import RETENTION, run
from marque_customer.usecases.showroom.quotes import EXPIRE, expire


def handlers() -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {
        CLOCK: tick,
        INTAKE_GONE: forget_rejected,
        EXPIRE: expire,
        RETENTION: run,
        SPREAD: spread,
        completeness.SPREAD: completeness.spread,
        campaign_calls.OFF: campaign_calls.called_off,
    }
