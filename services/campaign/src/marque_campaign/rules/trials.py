"""Test messages: to whom one may go, and how many. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from marque_campaign.rules.templates import Message

MOST, WITHIN = 20, timedelta(hours=1)
MARK = "[TEST] "
"""What the subject of a test message begins with, in every language."""


def is_own(address: str, domains: Collection[str]) -> bool:
    """Tells whether an address is one of the maker's own domains: exactly, for a domain below one may be somebody else's."""
    name, _, domain = address.strip().rpartition("@")
    return bool(name and domain) and domain.lower() in {one.lower() for one in domains}


def marked(message: Message) -> Message:
    """Returns a message that is seen to be a test."""
    return replace(message, subject=MARK + message.subject)
