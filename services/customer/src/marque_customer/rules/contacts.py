"""Contact points in their one written form, with the key by which people are compared."""

from __future__ import annotations

from typing import NamedTuple

from tradekit import email, names, phone

from marque_customer.rules.kinds import EMAIL, FAX, MESSAGING, PHONE

NO_REGION = "ZZ"


class ContactError(ValueError):
    """A text is no contact point of its kind; `field` is the wrong field, and the message never repeats the value."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Contact(NamedTuple):
    """A normalised contact point: what is shown and sent to, what is compared, and the messenger."""

    kind: int
    value: str
    match_key: str
    provider: str = ""


def normalise(kind: int, value: str, provider: str = "", region: str = "") -> Contact:
    """Returns the contact point that a text means; numbers without + are read as dialled in `region`. Raises ContactError."""
    if kind != MESSAGING and provider:
        raise ContactError("provider", "Only a messaging contact point has a messenger.")
    if kind in (PHONE, FAX):
        return _number(kind, value, region or NO_REGION)
    if kind == EMAIL:
        try:
            address = email.normalise(value)
        except email.EmailError as error:
            raise ContactError("value", str(error)) from None
        return Contact(kind, address.address, address.match_key)
    return _messaging(kind, value, provider)


def _number(kind: int, value: str, region: str) -> Contact:
    try:
        number = phone.normalise(value, region)
    except phone.PhoneError as error:
        raise ContactError("value", str(error)) from None
    # Two people behind one switchboard share the number: the extension is part of both forms (RFC 3966).
    text = f"{number.e164};ext={number.extension}" if number.extension else number.e164
    return Contact(kind, text, text)


def _messaging(kind: int, value: str, provider: str) -> Contact:
    name, text = names.tidy(provider).lower(), names.tidy(value)
    if not name:
        raise ContactError("provider", "Name the messenger, for example wechat.")
    if not text:
        raise ContactError("value", "The id in the messenger is empty.")
    return Contact(kind, text, f"{name}:{text.casefold()}", name)
