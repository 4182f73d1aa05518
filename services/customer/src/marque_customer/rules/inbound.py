"""What comes in from people, whichever way, in one shape."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marque_customer.rules.lead_people import Told


@dataclass(frozen=True, slots=True)
class Incoming:
    """Something that came in: by which way (the source of its contacts), from which system under which key, who wrote, what, the columns
    of a lead where one is wanted, at which dealer; `code` is a tracking code in it. `wants_case`: a case is opened for it."""

    source: str
    sender: str
    key: str
    told: Told
    values: dict[str, Any]
    wish: dict[str, Any] | None
    dealer_code: str
    code: str = ""
    wants_case: bool = False


def begun(occur_time: datetime | None, now: datetime) -> datetime:
    """Returns when a touch began: never in the future, whatever its sender's clock says."""
    return min(occur_time, now) if occur_time is not None else now


def tracking_code(intake_id: uuid.UUID) -> str:
    """Returns the code of something that came in: 13 letters of base32, of the random part of its id."""
    return base64.b32encode(intake_id.bytes[8:]).decode().rstrip("=")
