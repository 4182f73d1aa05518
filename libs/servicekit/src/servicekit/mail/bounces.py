"""Mails that tell what became of ours: delivery status notifications (RFC 3464) as multipart/report (RFC 6522). Pure.

A bounce comes from anybody who can write a mail: whoever acts on one looks at the mail that it returns, by an id that only we can make.
"""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage

LARGEST = 1 << 20
_STATUS = re.compile(r"^([245])\.(\d{1,3})\.(\d{1,3})")
_IDS = re.compile(r"<([^<>\s]{1,200})>")
# Statuses (RFC 3463) of the address itself: it never was, is not any more, or is switched off. Others, such as a full mailbox or
# a refusal of what was said, may pass.
_GONE = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)})


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a server says of one mail: the message id that it had, the action (`failed`, `delivered`), and the status such as `5.1.1`."""

    message_id: str
    action: str
    status: str

    @property
    def failed(self) -> bool:
        """Tells whether the mail did not arrive, for good."""
        return self.action == "failed"

    @property
    def address_gone(self) -> bool:
        """Tells whether no mail to the address can arrive any more."""
        return self.failed and is_gone(self.status)


def is_gone(status: str) -> bool:
    """Tells whether an enhanced status is that of an address to which nothing can be sent any more."""
    found = _STATUS.match(status)
    return found is not None and found[1] == "5" and (int(found[2]), int(found[3])) in _GONE


def read(content: bytes) -> Bounce | None:
    """Returns what a mail tells of another; None for a mail that is no report, or not of a mail with a message id."""
    message = email.message_from_bytes(content[:LARGEST], policy=email.policy.default)
    if message.get_content_type() != "multipart/report":
        return None
    action = status = message_id = ""
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status" and not action:
            action, status = _fields(part)  # type: ignore[arg-type]
        elif kind in ("message/rfc822", "text/rfc822-headers") and not message_id:
            message_id = _message_id(part)  # type: ignore[arg-type]
    return Bounce(message_id, action, status) if action and message_id else None


def _fields(part: EmailMessage) -> tuple[str, str]:
    """The action and status of the first recipient: our mails have one."""
    for group in part.get_payload():
        if hasattr(group, "get") and (action := str(group.get("Action", "")).strip().lower()):
            found = _STATUS.match(str(group.get("Status", "")).strip())
            return action[:32], found[0] if found else ""
    return "", ""


def _message_id(part: EmailMessage) -> str:
    """The id of the mail that is returned, whole or its headers alone."""
    inner = part.get_payload()
    if isinstance(inner, list):
        text = str(inner[0].get("Message-ID", "")) if inner else ""
    else:
        headers = email.message_from_string(part.get_content(), policy=email.policy.default)
        text = str(headers.get("Message-ID", ""))
    found = _IDS.search(text)
    return found[1] if found else ""
