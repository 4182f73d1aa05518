"""Settings of the customer service."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the customer service needs to know beyond what every service does.

    Contact permits (docs/adr/0010): seconds in which a permit must be spent, seconds after spending in which a hand-over may begin, and
    seconds by which two clocks may run apart in that time. A withdrawal waits at most for the last two together, so they stay well below
    the deadline of the gateway. Ended permits are kept so many days: as proof, and because a cap or a repeat may reach so far back. Calls
    are kept `call_days`; what the telephone system told of them a month, far longer than its messages are believed.

    `find-duplicates`: where it keeps its state while it runs (by default a folder of the system's temporary one), and what DuckDB may take
    before it spills to disk. Runs that are asked for by FindDuplicates are done by processes that have such a folder; one that none of them
    takes up for so many seconds has failed.

    Rights (docs/rights.md): days for which the archive of an export can be downloaded; seconds between the two rounds of an erasure, more
    than any request or transaction lives (statements end after 30 seconds, idle transactions after 60); hours between looks at holds.
    """

    permit_take_seconds: float = Field(20.0, gt=0, le=120)
    permit_spend_seconds: float = Field(4.0, gt=0, le=6)
    permit_margin_seconds: float = Field(1.0, gt=0, le=3)
    permit_days: int = Field(400, ge=366)
    call_days: int = Field(730, ge=31)
    export_days: int = Field(7, ge=1, le=90)
    erasure_settle_seconds: float = Field(90.0, ge=0)
    erasure_retry_hours: float = Field(24.0, gt=0)
    mailboxes: Path | None = None
    mailbox_seconds: float = Field(30.0, gt=0)
    linking_folder: Path | None = None
    linking_memory: str = "1500MB"
    linking_wait_seconds: float = Field(900.0, gt=0)

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Returns these settings; those of any service with our defaults, for tools that build a service without its own."""
        return settings if isinstance(settings, cls) else cls.model_validate(dict(settings))
