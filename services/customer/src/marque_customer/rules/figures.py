"""What of this service's trade is counted (docs/operations.md)."""

from __future__ import annotations

from marque.customer.v1 import contact_permit_pb2
from servicekit.telemetry.figures import Figure

IN_TIME, LAPSED = "in_time", "lapsed"
LEAD_CLOCKS = Figure("lead_clocks", "Response clocks of leads that ended", {"outcome": (IN_TIME, LAPSED)})

PERMIT_STEPS = ("granted", "refused", "spent", "finished", "returned")
PERMITS = Figure("contact_permits", "Steps of permits to contact a person", {"step": PERMIT_STEPS})
_PREFIX = "CONTACT_REFUSAL_REASON_"
REFUSALS = Figure(
    "contact_refusals",
    "Contacts that were refused, by reason",
    {
        "reason": tuple(
            one.name.removeprefix(_PREFIX) for one in contact_permit_pb2.ContactRefusalReason.DESCRIPTOR.values
        )
    },
)
ALL = (LEAD_CLOCKS, PERMITS, REFUSALS)


def reason_of(number: int) -> str:
    """Returns a reason of refusal as it is counted."""
    return contact_permit_pb2.ContactRefusalReason.Name(number).removeprefix(_PREFIX)  # type: ignore[arg-type]
