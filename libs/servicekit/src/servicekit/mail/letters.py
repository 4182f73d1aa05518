"""A mail as it goes over the wire: its headers, its parts, and its signature. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

import dkim

# A relay that cannot carry eight bits would write the mail anew, and break its signature.
_WIRE = SMTP.clone(cte_type="7bit")
_SIGNED = [
    name.encode()
    for name in (
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Unsubscribe", "List-Unsubscribe-Post"
    )
]  # fmt: skip
ONE_CLICK = "List-Unsubscribe=One-Click"


class Unmailable(Exception):
    """No mail can be made of it: an address that no mail server takes, or a header that breaks off."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one address. `unsubscribe` is the https address at which one POST ends such mails (RFC 8058), empty for none."""

    sender: str
    address: str
    subject: str
    text: str
    message_id: str
    html: str = ""
    unsubscribe: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Signer:
    """Signs for a domain by DKIM (RFC 6376). `key` is PEM, RSA; the public half stands at `<selector>._domainkey.<domain>`."""

    def __init__(self, key: bytes, selector: str, domain: str) -> None:
        self._key = key
        self._selector = selector.encode()
        self._domain = domain.encode()

    def sign(self, message: bytes) -> bytes:
        """Returns the message with its signature. It covers where to unsubscribe, as RFC 8058 asks. A long sum in plain Python."""
        made: bytes = dkim.sign(
            message,
            self._selector,
            self._domain,
            self._key,
            include_headers=_SIGNED,
            canonicalize=(b"relaxed", b"relaxed"),
        )
        return made + message


def compose(letter: Letter) -> bytes:
    """Returns the mail, not yet signed. Raises Unmailable."""
    message = EmailMessage(policy=_WIRE)
    try:
        message["From"], message["To"], message["Subject"] = letter.sender, letter.address, letter.subject
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{letter.message_id}>"
        message["Auto-Submitted"] = "auto-generated"
        if letter.unsubscribe:
            message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
            message["List-Unsubscribe-Post"] = ONE_CLICK
        for name, value in letter.headers.items():
            message[name] = value
        message.set_content(letter.text)
        if letter.html:
            message.add_alternative(letter.html, subtype="html")
        return message.as_bytes()
    except (ValueError, IndexError) as error:  # a line break in a header, or an address that cannot be read
        raise Unmailable(type(error).__name__) from None


def domain_of(address: str) -> str:
    """Returns the domain of an address, in lower case."""
    return address.rpartition("@")[2].rstrip(">").lower()
