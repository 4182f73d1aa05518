"""E-mail addresses: the form to send to and the key to match by, which are not the same.

`email-validator` decides, without asking the DNS. Plain ASCII addresses take a shorter way; a property test holds
both ways equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import email_validator
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

# Hyphen pairs are left to the library: they may be Punycode. Lengths: local part 64, label 63, address 254 (RFC 5321,
# RFC 1035).
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?!-)){0,61}(?<!-)"
_TOP = r"[A-Za-z](?:[A-Za-z0-9]{0,61}[A-Za-z])?"
_PLAIN = re.compile(rf"([A-Za-z0-9_+\-]+(?:\.[A-Za-z0-9_+\-]+)*)@((?:{_LABEL}\.)+{_TOP})")
_RESERVED = tuple(f".{name}" for name in email_validator.SPECIAL_USE_DOMAIN_NAMES)
_ROLE_NAMES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)
_MAX_LENGTH = 254
_MAX_LOCAL = 64
# Full-width forms as typed with a Chinese keyboard: U+FF01..FF5E lie 0xFEE0 above ASCII; U+3002 is the full stop.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3002: ord("."), 0x3000: ord(" ")}
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_PLUS_TAGS = _GMAIL | {
    "outlook.com",
    "hotmail.com",
    "live.com",
    "icloud.com",
    "me.com",
    "fastmail.com",
    "proton.me",
    "protonmail.com",
}


class EmailReason(StrEnum):
    """Why a text is not an e-mail address."""

    EMPTY = "EMPTY"
    LENGTH = "LENGTH"
    AT_SIGN = "AT_SIGN"
    RESERVED_DOMAIN = "RESERVED_DOMAIN"
    SYNTAX = "SYNTAX"


class EmailError(ValueError):
    """A text is not an e-mail address; the message never repeats it."""

    def __init__(self, reason: EmailReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Email:
    """An address. Send to `address` (local part as given, domain in lower case); compare people by `match_key` only."""

    address: str
    local: str
    domain: str

    @property
    def match_key(self) -> str:
        """Case-folded; without dots at Gmail and without a +tag at providers known to ignore it. Never send to this."""
        local, domain = self.local.casefold(), self.domain
        if domain in _PLUS_TAGS:
            local = local.split("+", 1)[0] or local
        if domain in _GMAIL:
            local, domain = local.replace(".", ""), "gmail.com"
        return f"{local}@{domain}"


def normalise(text: str) -> Email:
    """Returns the address a text means; full-width characters are folded, spaces around it dropped; raises
    `EmailError`.
    """
    plain = (text if text.isascii() else text.translate(_FULL_WIDTH)).strip()
    return _plain_spelling(plain) or by_library(plain)


def _plain_spelling(text: str) -> Email | None:
    if len(text) > _MAX_LENGTH or not (match := _PLAIN.fullmatch(text)):
        return None
    local, domain = match[1], match[2].lower()
    if len(local) > _MAX_LOCAL or _is_reserved(domain):
        return None
    if local.lower() in _ROLE_NAMES:
        local = local.lower()
    return Email(f"{local}@{domain}", local, domain)


def _is_reserved(domain: str) -> bool:
    return f".{domain}".endswith(_RESERVED)


def by_library(text: str) -> Email:
    """Reads an address by `email-validator` alone: the reference that the shortcut is tested against; raises
    `EmailError`.
    """
    if not text:
        raise EmailError(EmailReason.EMPTY, "The e-mail address is empty.")
    if len(text) > _MAX_LENGTH:
        raise EmailError(EmailReason.LENGTH, f"The e-mail address is longer than {_MAX_LENGTH} characters.")
    if "@" not in text:
        raise EmailError(EmailReason.AT_SIGN, "The e-mail address has no @ sign.")
    try:
        found = email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError:
        # The library's message quotes characters of the address, so it is neither repeated nor chained.
        domain = text.rpartition("@")[2].lower()
        if _is_reserved(domain):
            raise EmailError(EmailReason.RESERVED_DOMAIN, "The domain of the e-mail address is reserved.") from None
        raise EmailError(EmailReason.SYNTAX, "The e-mail address breaks the rules for addresses (RFC 5321).") from None
    if len(found.local_part) > _MAX_LOCAL:
        raise EmailError(EmailReason.LENGTH, f"The part before the @ sign is longer than {_MAX_LOCAL} characters.")
    return Email(found.normalized, found.local_part, found.domain)
