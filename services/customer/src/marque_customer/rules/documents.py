"""The search document of a customer: names, contact points, cars, keys of other systems, and the dealers who may find it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from tradekit import email, names, phone, plate, search

from marque_customer.rules.kinds import EMAIL, FAX, PHONE


@lru_cache(maxsize=16_384)
def person_name(family: str, given: str, full: str) -> names.PersonName:
    """Returns the name in parts; a whole name without parts is split by its script."""
    if family or given:
        return names.of_parts(given, family)
    return names.of_full(full)


def composed(family: str, given: str, full: str) -> str:
    """Returns the whole name: as given, else composed in the order of its script."""
    return names.tidy(full) or names.of_parts(given, family).full


def dealer_token(dealer_id: uuid.UUID) -> str:
    """Returns the token under which a dealer's customers stand: so the index narrows to them before any row is read."""
    return f"@{dealer_id.hex}"


def key_forms(source_key: str) -> tuple[str, ...]:
    """Returns the spellings of another system's key that are found: as written, and without separators."""
    return tuple(dict.fromkeys((source_key.lower(), plate.tidy(source_key).lower())))


def plate_text(value: str) -> str:
    """Returns a plate in its one written form; empty for what is none."""
    try:
        return plate.normalise(value).value
    except plate.PlateError:
        return ""


def phone_of(value: str) -> phone.Phone:
    """Returns the number of a stored contact point."""
    return phone.normalise(value)


def email_of(value: str) -> email.Email:
    """Returns the address of a stored contact point."""
    local, _, domain = value.rpartition("@")
    return email.Email(value, local, domain)  # stored addresses were normalised when they were written


def build(
    *,
    row: Any,
    points: Iterable[Any],
    keys: Iterable[str],
    vins: Sequence[str],
    plates: Iterable[str],
    dealers: Iterable[uuid.UUID],
) -> tuple[str, list[str]]:
    """Returns `search_text` and `search_tokens` of a customer; `row` and `points` have the columns of their tables, `plates` are
    written as `plate_text` writes them.
    """
    found = names_of(row.family_name, row.given_name, row.full_name, row.latin_name, row.organisation_name)
    return compose(found, points, keys, vins=vins, plates=plates, dealers=dealers)


def names_of(family: str, given: str, full: str, latin: str, organisation: str) -> list[names.PersonName]:
    """Returns the names that a customer is found by; each text may be empty."""
    found: list[names.PersonName] = []
    if full:
        found.append(person_name(family, given, full))
    if latin:
        found.append(names.of_full(latin))
    if organisation:
        whole = names.tidy(organisation)
        found.append(names.PersonName("", "", whole, names.script_of(whole)))
    return found


def compose(
    found: Sequence[names.PersonName],
    points: Iterable[Any],
    keys: Iterable[str],
    *,
    vins: Sequence[str] = (),
    plates: Iterable[str] = (),
    dealers: Iterable[uuid.UUID] = (),
) -> tuple[str, list[str]]:
    """Returns `search_text` and `search_tokens` from names and the rest; see `build`."""
    phones, emails, messengers = [], [], []
    for point in points:
        if point.kind in (PHONE, FAX):
            phones.append(phone_of(point.value))
        elif point.kind == EMAIL:
            emails.append(email_of(point.value))
        else:
            messengers.append(point.value.lower())
    document = search.document(
        names=found, phones=phones, plates=map(plate.normalise, plates), vins=vins, emails=emails
    )
    extra = [form for key in keys for form in key_forms(key)] + messengers
    if not extra and not dealers:
        return document.text, document.tokens
    text = "\n".join((document.text, *extra)) if extra else document.text
    return text, [*document.tokens, *extra, *map(dealer_token, dealers)]
