"""Whose lead it is: what somebody wrote of themselves, and whether somebody known with the same phone or e-mail is the same person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tradekit import names

from marque_customer.rules.contacts import Contact, ContactError, normalise
from marque_customer.rules.kinds import EMAIL, FAX, PHONE

HOME_COUNTRY = "CN"


@dataclass(frozen=True, slots=True)
class Told:
    """What a lead tells of its person: normalised contacts, and the fields (path, constant) that were not understood; `birth_date` as
    rules.birth writes it, 0 for none.
    """

    full_name: str
    given_name: str
    family_name: str
    business: bool
    contacts: tuple[Contact, ...]
    faults: tuple[tuple[str, str], ...]
    country: str
    lines: tuple[str, ...] = ()
    city: str = ""
    province: str = ""
    postal_code: str = ""
    birth_date: int = 0
    occupation: str = ""

    @property
    def details(self) -> dict[str, Any]:
        """What it says besides of the person, as columns of the profile."""
        said = {"birth_date": self.birth_date, "occupation": self.occupation}
        return {column: value for column, value in said.items() if value}

    @property
    def name(self) -> str:
        """The whole name as shown."""
        return self.full_name or names.of_parts(self.given_name, self.family_name).full

    @property
    def reachable(self) -> bool:
        """Tells whether there is a way to answer."""
        return any(contact.kind in (PHONE, EMAIL) for contact in self.contacts)


def contacts_of(
    phones: Sequence[str], emails: Sequence[str], faxes: Sequence[str], country: str, place: str = ""
) -> tuple[tuple[Contact, ...], tuple[tuple[str, str], ...]]:
    """Returns the contacts that are some, each once, and (path, constant) of those that are none."""
    found: dict[tuple[int, str], Contact] = {}
    faults: list[tuple[str, str]] = []
    for kind, label, texts in ((PHONE, "phone", phones), (EMAIL, "email", emails), (FAX, "fax", faxes)):
        for number, text in enumerate(texts, 1):
            try:
                contact = normalise(kind, text, region=country)
            except ContactError:
                faults.append((f"{place}{label}[{number}]", "VALUE_INVALID"))
            else:
                found.setdefault((kind, contact.match_key), contact)
    return tuple(found.values()), tuple(faults)


def same_person(told: str, known: str) -> bool:
    """Tells whether two names are one person's, given that they share a phone or e-mail: the same words in any order or script."""
    if not told or not known:
        return True
    one, other = _keys(told), _keys(known)
    return bool(one & other)


def _keys(text: str) -> set[str]:
    name = names.of_full(names.tidy(text))
    keys = names.search_keys(name)
    found = {"".join(keys.plain.split()), *(reading for reading in keys.pinyin)}
    if keys.words:
        found |= {"".join(sorted(keys.words)), "".join(keys.words)}
    return {key for key in found if key}


def holder(told: str, rows: Sequence[Any]) -> Any | None:
    """Returns the row of whose lead it is among the known holders of its contacts, those first who own a verified phone; or None.

    A verified phone decides, whatever the name: nobody else can have it. Else the name must agree.
    """
    for row in rows:
        if row.owned or same_person(told, row.full_name or row.organisation_name):
            return row
    return None
