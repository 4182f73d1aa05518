"""What of this service's trade is counted (docs/operations.md)."""

from __future__ import annotations

from marque.type.v1 import channel_pb2
from servicekit.telemetry.figures import Figure

from marque_campaign.rules import ledger

SENT = "sent"
_CHANNEL = "CHANNEL_"
_OUTCOMES = {ledger.FAILED: "failed", ledger.UNKNOWN: "unknown", ledger.SUPPRESSED: "suppressed"}
MESSAGES = Figure(
    "campaign_messages",
    "Messages of campaigns that a provider took, that it did not, of which nobody knows, and that were not begun",
    {
        "channel": tuple(
            one.name.removeprefix(_CHANNEL) for one in channel_pb2.Channel.DESCRIPTOR.values if one.number
        ),
        "outcome": (SENT, *_OUTCOMES.values()),
    },
)
HALTS = Figure("campaign_halts", "Campaigns that paused themselves because too much failed")
ALL = (MESSAGES, HALTS)


def outcome_of(state: int) -> str:
    """Returns what became of a line as it is counted."""
    return SENT if state in ledger.TAKEN else _OUTCOMES[state]


def channel_of(channel: int) -> str:
    """Returns a channel as it is counted."""
    return channel_pb2.Channel.Name(channel).removeprefix(_CHANNEL)  # type: ignore[arg-type]
