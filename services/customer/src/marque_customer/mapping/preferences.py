"""The preference page between rows and messages."""

from __future__ import annotations

from typing import Any

from marque.customer.v1 import consent_pb2, preference_pb2, preference_service_pb2

from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import stamp
from marque_customer.rules import consents
from marque_customer.rules import preferences as rules


def controller(request: Any) -> tuple[int, str]:
    """Returns whom a page is for; the maker where nothing is said. Raises InvalidArgument."""
    kind = request.controller_kind or consents.OEM
    faults = Faults()
    if problem := consents.controller_problem(kind, request.controller_id):
        faults.add("controller_id", "CONTROLLER_INVALID", problem)
    faults.check()
    return kind, request.controller_id


def changes(request: preference_service_pb2.SetPreferencesRequest) -> list[tuple[int, int, bool]]:
    """Returns the switches as (purpose, channel, allowed). Raises InvalidArgument."""
    faults = Faults()
    seen = set()
    for index, one in enumerate(request.changes):
        where = f"changes[{index}].channel"
        if consents.needs_channel(one.purpose) and not one.channel:
            faults.add(where, "CHANNEL_MISSING", "This purpose needs the channel that it is about.")
        if one.channel and not consents.needs_channel(one.purpose):
            faults.add(where, "CHANNEL_NOT_USED", "This purpose is not about a channel; leave it out.")
        if (one.purpose, one.channel) in seen:
            faults.add(where, "SWITCH_TWICE", "Set each purpose and channel once.")
        seen.add((one.purpose, one.channel))
    if any(one.allowed for one in request.changes) and not request.text_version.strip():
        faults.add("text_version", "CONSENT_TEXT_MISSING", "Say which text the customer was shown.")
    faults.check()
    return [(one.purpose, one.channel, one.allowed) for one in request.changes]


def said(request: preference_service_pb2.SetPreferencesRequest) -> dict[str, Any]:
    """Returns what every entry of a request has in common."""
    return {"text_version": request.text_version, "source": request.source, "evidence_type": "", "evidence_id": ""}


def page(accepted: str, found: Any) -> preference_pb2.Preferences:
    """Renders a page in the reader's language."""
    language = rules.language_of(accepted)
    kind, controller_id = found.controller
    rendered = preference_pb2.Preferences(
        customer_id=str(found.customer_id),
        controller=consent_pb2.ConsentController(kind=kind, controller_id=controller_id),
        language=language,
        etag=found.etag,
    )
    for purpose, words in rules.PURPOSES.items():
        label, description = words[language]
        part = rendered.purposes.add(purpose=purpose, label=label, description=description)
        part.channels.extend(_channel(found, purpose, channel, language) for channel in rules.switches(purpose))
    return rendered


def _channel(found: Any, purpose: int, channel: int, language: str) -> preference_pb2.ChannelPreference:
    allowed, reason = found.answer(purpose, channel)
    entry = found.entries.get((purpose, channel))
    return preference_pb2.ChannelPreference(
        channel=channel,  # type: ignore[arg-type]
        label=rules.CHANNELS[channel][language] if channel else rules.WHOLE[language],
        allowed=allowed,
        reason=reason,
        known_time=stamp(entry.known_time) if entry is not None else None,
        text_version=entry.text_version if entry is not None and entry.action == consents.GRANTED else "",
        reachable=not channel or channel in found.reach,
    )
