"""What of this service's trade is counted (docs/operations.md)."""

from __future__ import annotations

from marque.complaint.v1 import case_types_pb2
from servicekit.telemetry.figures import Figure

KEPT, BREACHED = "kept", "breached"
_PREFIX = "CASE_CLOCK_KIND_"
CASE_CLOCKS = Figure(
    "case_clocks",
    "Promises of time about cases that were kept or broken",
    {
        "clock": tuple(
            one.name.removeprefix(_PREFIX) for one in case_types_pb2.CaseClockKind.DESCRIPTOR.values if one.number
        ),
        "outcome": (KEPT, BREACHED),
    },
)
ALL = (CASE_CLOCKS,)


def clock_of(kind: int) -> str:
    """Returns a kind of clock as it is counted."""
    return case_types_pb2.CaseClockKind.Name(kind).removeprefix(_PREFIX)  # type: ignore[arg-type]
