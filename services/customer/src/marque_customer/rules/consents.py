"""What a consent must say, and what the ledger answers."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from marque.customer.v1 import consent_pb2 as consent

from marque_customer.rules.kinds import ERASED, RESTRICTED

GRANTED, WITHDRAWN = consent.CONSENT_ACTION_GRANTED, consent.CONSENT_ACTION_WITHDRAWN
OEM = consent.CONSENT_CONTROLLER_KIND_OEM
DEALER = consent.CONSENT_CONTROLLER_KIND_DEALER
# Sharing and profiling reach nobody by a channel; the other purposes do.
WITHOUT_CHANNEL = frozenset({consent.CONSENT_PURPOSE_SHARE_WITH_PARTNER, consent.CONSENT_PURPOSE_PROFILING})
TICK = timedelta(microseconds=1)


def needs_channel(purpose: int) -> bool:
    """Tells whether a consent to this purpose is about one channel."""
    return purpose not in WITHOUT_CHANNEL


def controller_problem(kind: int, controller_id: str) -> str:
    """Returns what is wrong with a controller, as a sentence; empty where nothing is."""
    if kind == OEM:
        return "The maker has no controller id." if controller_id else ""
    if kind == DEALER:
        try:
            return "" if str(uuid.UUID(controller_id)) == controller_id else "Write the dealer's id in lower case."
        except ValueError:
            return "Give the dealer's id."
    return "" if controller_id.strip() else "Give the partner's code."


def next_known_time(clock: datetime, last: datetime | None) -> datetime:
    """Returns the known time of the next entry: after the clock, and after the last one even if the clock stepped back.

    A tick after the clock, because a question answered just before may have read the very same microsecond: its answer stays.
    """
    return (clock if last is None or clock > last else last) + TICK


def answer(action: int | None, status: int, status_time: datetime, known: datetime) -> tuple[bool, str]:
    """Returns whether a use is allowed as known at an instant, and why.

    `action` is that of the last entry known then, None where there was none. Erasure and restriction count from when they were known.
    """
    if status in (ERASED, RESTRICTED) and status_time <= known:
        return False, "ERASED" if status == ERASED else "RESTRICTED"
    if action is None:
        return False, "NEVER_GRANTED"
    return (True, "GRANTED") if action == GRANTED else (False, "WITHDRAWN")
