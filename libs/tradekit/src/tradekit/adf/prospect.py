"""What stands in a prospect, field by field. Which elements may stand where is the ADF 1.0 document type, and what senders add to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tradekit.adf.markup import Element
from tradekit.adf.problems import AdfProblem, Problems

MOST_VEHICLES = 10
_COMMENT, _LINE, _SHORT = 4000, 200, 100
_INTERESTS = ("buy", "lease", "sell", "trade-in", "test-drive")


def _texts(*names: str) -> dict[str, object]:
    return {name: {} for name in names}


_CONTACT: dict[str, object] = {
    "name": {}, "email": {}, "phone": {},
    "address": _texts("street", "apartment", "city", "regioncode", "postalcode", "country"),
}  # fmt: skip
_ID: dict[str, object] = {"id": {}}
_TEXTS = (
    *("year", "make", "model", "vin", "stock", "trim", "doors", "bodystyle", "transmission", "odometer", "condition"),
    *("imagetag", "price", "pricecomments", "comments"),
)
# Element → what may stand in it; an empty one holds text.
_KNOWN: dict[str, object] = {
    **_ID,
    "requestdate": {},
    "leadtype": {},
    "vehicle": {
        **_ID,
        **_texts(*_TEXTS),
        "colorcombination": _texts("interiorcolor", "exteriorcolor", "preference"),
        "option": _texts("optionname", "manufacturercode", "stock", "weighting", "price"),
        "finance": _texts("method", "amount", "balance"),
    },
    "customer": {
        **_ID,
        "contact": _CONTACT,
        "timeframe": _texts("description", "earliestdate", "latestdate"),
        "comments": {},
    },
    "vendor": {**_ID, "vendorname": {}, "url": {}, "contact": _CONTACT},
    "provider": {
        **_ID, "name": {}, "service": {}, "url": {}, "email": {}, "phone": {}, "contact": _CONTACT,
    },
}  # fmt: skip
_DATE = re.compile(
    r"(\d{4})[-/]?(\d\d)[-/]?(\d\d)(?:[T ]+(\d\d):?(\d\d)(?::?(\d\d))?(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)?)?"
)


@dataclass(frozen=True, slots=True)
class AdfVehicle:
    """A car that is wanted, or given: `interest` is one of ADF's words, `condition` `new`, `used` or empty; `year` 0 where unknown."""

    interest: str
    condition: str
    year: int
    make: str
    model: str
    trim: str
    vin: str
    stock: str
    colour: str
    finance_method: str
    comments: str


@dataclass(frozen=True, slots=True)
class AdfContact:
    """The person: names and numbers as written; normalising them is the hearer's, who knows the country."""

    full_name: str = ""
    given_name: str = ""
    family_name: str = ""
    business: bool = False
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    faxes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class AdfTimeframe:
    """When the car is wanted."""

    description: str
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class AdfVendor:
    """The dealer whom the sender means: ids as (source, id), and its name as the sender writes it."""

    ids: tuple[tuple[str, str], ...] = ()
    name: str = ""


class Reading:
    """Reads a prospect's element and notes what it does not understand."""

    def __init__(self, root: Element, problems: Problems) -> None:
        self._root = root
        self._problems = problems
        _unknown(root, _KNOWN, "", problems)

    def finish(self) -> tuple[AdfProblem, ...]:
        """Returns the problems."""
        return self._problems.all

    def ids(self) -> tuple[tuple[str, str], ...]:
        """The sender's ids."""
        return self._ids(self._root, "id")

    def request_time(self) -> datetime | None:
        """When the person asked."""
        return self._moment(self._root.first("requestdate"), "requestdate")

    def lead_type(self) -> str:
        """What some senders add: `sales`, `service`, `parts`."""
        return self._text(self._root, "leadtype", _SHORT, "").lower()

    def vehicles(self) -> tuple[AdfVehicle, ...]:
        """The cars."""
        found = self._root.all("vehicle")
        if not found:
            self._problems.add("vehicle", "MISSING", "No car is named.")
        if len(found) > MOST_VEHICLES:
            self._problems.add("vehicle", "VALUE_TOO_LONG", f"More than {MOST_VEHICLES} cars are named.")
        return tuple(self._vehicle(one, f"vehicle[{n}]") for n, one in enumerate(found[:MOST_VEHICLES], 1))

    def contact(self) -> AdfContact:
        """The person."""
        customer = self._root.first("customer")
        contact = customer.first("contact") if customer else None
        if contact is None:
            self._problems.add("customer/contact", "MISSING", "No person is named.")
            return AdfContact()
        return self._contact(contact, "customer/contact")

    def comments(self) -> str:
        """What the person said, and what was said of the first car."""
        customer = self._root.first("customer")
        found = [self._text(customer, "comments", _COMMENT, "customer/")] if customer else []
        return "\n".join(text for text in found if text)

    def timeframe(self) -> AdfTimeframe | None:
        """When the car is wanted; None where nothing is said."""
        customer = self._root.first("customer")
        found = customer.first("timeframe") if customer else None
        if found is None:
            return None
        place = "customer/timeframe/"
        description = self._text(found, "description", _LINE, place) or found.text[:_LINE]
        earliest, latest = (self._moment(found.first(name), place + name) for name in ("earliestdate", "latestdate"))
        return AdfTimeframe(description, earliest, latest)

    def vendor(self) -> AdfVendor:
        """The dealer."""
        found = self._root.first("vendor")
        if found is None:
            return AdfVendor()
        name = self._text(found, "vendorname", _LINE, "vendor/")
        contact = found.first("contact")
        if not name and contact is not None:
            name = self._contact(contact, "vendor/contact").full_name
        return AdfVendor(self._ids(found, "vendor/id"), name)

    def provider(self) -> str:
        """Who sent it, by name."""
        found = self._root.first("provider")
        return self._text(found, "name", _SHORT, "provider/") if found else ""

    def _vehicle(self, found: Element, place: str) -> AdfVehicle:
        interest = found.attributes.get("interest", "buy").lower().replace("_", "-").replace(" ", "-")
        if interest not in _INTERESTS:
            self._problems.add(f"{place}/interest", "VALUE_INVALID", "The interest is not one of ADF's words.")
            interest = "buy"
        status = found.attributes.get("status", "").lower()
        if status not in ("new", "used", ""):
            self._problems.add(f"{place}/status", "VALUE_INVALID", "A car is new or used.")
            status = ""
        colours = found.first("colorcombination")
        finance = found.first("finance")

        def text(name: str, most: int = _SHORT) -> str:
            return self._text(found, name, most, f"{place}/")

        return AdfVehicle(
            interest=interest,
            condition=status,
            year=self._year(text("year"), f"{place}/year"),
            make=text("make", 50),
            model=text("model"),
            trim=text("trim"),
            vin=text("vin", 40).upper().replace(" ", ""),
            stock=text("stock", 50),
            colour=self._text(colours, "exteriorcolor", 50, f"{place}/colorcombination/") if colours else "",
            finance_method=self._text(finance, "method", 50, f"{place}/finance/").lower() if finance else "",
            comments=text("comments", _COMMENT),
        )

    def _contact(self, found: Element, place: str) -> AdfContact:
        names = self._names(found, place)
        phones = [(one.attributes.get("type", "").lower(), one.text[:64]) for one in found.all("phone") if one.text]
        address = found.first("address")
        inside = f"{place}/address/"

        def get(name: str, most: int = _SHORT) -> str:
            return self._text(address, name, most, inside) if address else ""

        streets = address.all("street") if address else []
        return AdfContact(
            full_name=names.get("full", ""),
            given_name=" ".join(names[part] for part in ("first", "middle") if names.get(part)),
            family_name=names.get("last", "") or names.get("surname", ""),
            business=any(one.attributes.get("type", "").lower() == "business" for one in found.all("name")),
            emails=tuple(dict.fromkeys(one.text[:254] for one in found.all("email") if one.text))[:5],
            phones=tuple(dict.fromkeys(text for kind, text in phones if kind not in ("fax", "pager")))[:5],
            faxes=tuple(dict.fromkeys(text for kind, text in phones if kind == "fax"))[:2],
            lines=tuple(filter(None, (*(one.text[:_LINE] for one in streets[:5]), get("apartment")))),
            city=get("city"),
            region=get("regioncode"),
            postal_code=get("postalcode", 16),
            country=get("country").upper(),
        )

    def _names(self, found: Element, place: str) -> dict[str, str]:
        names: dict[str, str] = {}
        for number, one in enumerate(found.all("name"), 1):
            part = one.attributes.get("part", "full").lower()
            if part not in ("full", "first", "middle", "last", "surname"):
                self._problems.add(f"{place}/name[{number}]/part", "VALUE_INVALID", "The part of a name is unknown.")
                part = "full"
            if one.text:
                names.setdefault(part, self._cut(one.text, _SHORT, f"{place}/name[{number}]"))
        return names

    def _ids(self, found: Element, place: str) -> tuple[tuple[str, str], ...]:
        pairs = (
            (one.attributes.get("source", "")[:_SHORT], self._cut(one.text, _SHORT, place)) for one in found.all("id")
        )
        return tuple(dict.fromkeys(pair for pair in pairs if pair[1]))[:10]

    def _text(self, found: Element, name: str, most: int, place: str) -> str:
        one = found.first(name)
        return self._cut(one.text, most, place + name) if one is not None else ""

    def _cut(self, text: str, most: int, place: str) -> str:
        if len(text) > most:
            self._problems.add(place, "VALUE_TOO_LONG", f"The text was cut after {most} characters.")
        return text[:most]

    def _year(self, text: str, place: str) -> int:
        if not text:
            return 0
        if text.isascii() and text.isdigit() and len(text) == 4 and 1900 <= int(text) <= 2100:
            return int(text)
        self._problems.add(place, "VALUE_INVALID", "A year has four digits.")
        return 0

    def _moment(self, found: Element | None, place: str) -> datetime | None:
        if found is None or not found.text:
            return None
        moment = _moment(found.text)
        if moment is None:
            self._problems.add(place, "VALUE_INVALID", "The date is not one of ISO 8601.")
        return moment


def _moment(text: str) -> datetime | None:
    """Reads a date of ISO 8601, a time without a zone as UTC; what follows it is passed over."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    zone = (match[7] or "Z").replace("Z", "+00:00")
    if ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    try:
        found = datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unknown(found: Element, known: object, path: str, problems: Problems) -> None:
    assert isinstance(known, dict)
    for child, place in _placed(found, path):
        if child.name not in known:
            problems.add(place, "UNKNOWN_ELEMENT", "The element is not one of ADF 1.0 and was passed over.")
        else:
            _unknown(child, known[child.name], f"{place}/", problems)


def _placed(found: Element, path: str) -> Iterator[tuple[Element, str]]:
    counts: dict[str, int] = {}
    for child in found.children:
        counts[child.name] = number = counts.get(child.name, 0) + 1
        yield child, f"{path}{child.name}" + (f"[{number}]" if number > 1 else "")
