"""The model catalogue as rows: one for each trim or option and price, so that a spreadsheet can hold it. Pure.

A row names its model (`model_code`), an item of it (`kind` is `trim` or `option`, `code`), and a price where it has `price`: `market`,
`currency_code`, `valid_from`, `valid_before`. What rows of one model or item say of it must agree; empty cells say nothing. Names stand
in a column for each language (`model_name.zh-CN`, `name.en`), specifications in one for each word (`spec.power_kw`), codes are parted by
`;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import catalogue_pb2, vehicle_pb2

from marquectl.readers import BadRow, RawRow

_MODEL = ("make", "series", "model", "model_year", "energy", "required_groups")
_ITEM = ("group_code", "trim_codes", "requires", "excludes", "offered_from", "offered_before")
_PRICE = ("market", "currency_code", "price", "valid_from", "valid_before")
_LISTS = frozenset({"required_groups", "trim_codes", "requires", "excludes"})
_DAYS = frozenset({"offered_from", "offered_before"})
_OF_OPTIONS = frozenset({"group_code", "trim_codes", "requires", "excludes"})
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ENERGY = "VEHICLE_ENERGY_"
COLUMNS = (
    "model_code", *_MODEL, "model_name.en", "model_name.zh-CN", "kind", "code", "name.en", "name.zh-CN", *_ITEM, *_PRICE,
)  # fmt: skip


class Wrong(Exception):
    """A row says what it cannot. The words name the column."""


@dataclass
class Catalogue:
    """What a file says: models in its order, prices each with its row's number, and what is wrong, in words with the row's number."""

    models: list[catalogue_pb2.CatalogueModel] = field(default_factory=list)
    prices: list[tuple[int, catalogue_pb2.CataloguePrice]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def read(rows: Iterable[RawRow | BadRow]) -> Catalogue:
    """Reads rows. A row that is wrong spoils its whole model, since half of a model would take the other half out of the catalogue."""
    found = Catalogue()
    drafts: dict[str, _Draft] = {}
    spoilt: set[str] = set()
    for row in rows:
        if isinstance(row, BadRow):
            found.refused.append(f"{row.number}: {row.message}")
            continue
        cells = {name: str(value).strip() for name, value in row.cells.items() if str(value or "").strip()}
        code = cells.get("model_code", "").upper()
        try:
            if not code:
                raise Wrong("model_code: name the model")
            price = drafts.setdefault(code, _Draft(code)).take(cells)
        except Wrong as wrong:
            found.refused.append(f"{row.number}: {wrong}")
            spoilt.add(code)
            continue
        if price is not None:
            found.prices.append((row.number, price))
    found.models = [draft.message() for code, draft in drafts.items() if code not in spoilt]
    found.prices = [one for one in found.prices if one[1].model_code not in spoilt]
    return found


class _Draft:
    """A model as the rows so far tell it."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.said: dict[str, str] = {}
        self.items: dict[tuple[str, str], dict[str, str]] = {}

    def take(self, cells: Mapping[str, str]) -> catalogue_pb2.CataloguePrice | None:
        """Takes a row; returns its price. Raises Wrong."""
        _agree(self.said, {name: cells[name] for name in cells if name in _MODEL or name.startswith("model_name.")})
        kind, code = cells.get("kind", "").lower(), cells.get("code", "").upper()
        if kind not in ("trim", "option"):
            raise Wrong("kind: say trim or option")
        if not code:
            raise Wrong("code: name the trim or option")
        told = {name: cells[name] for name in cells if name in _ITEM or name.startswith(("name.", "spec."))}
        if kind == "trim" and (stray := sorted(_OF_OPTIONS & set(told))):
            raise Wrong(f"{stray[0]}: only an option has it")
        if kind == "option" and (spec := [name for name in told if name.startswith("spec.")]):
            raise Wrong(f"{spec[0]}: only a trim has it")
        _agree(self.items.setdefault((kind, code), {}), told)
        _item(kind, code, told)
        _model(self.code, self.said)
        return _price(self.code, code, cells) if "price" in cells else None

    def message(self) -> catalogue_pb2.CatalogueModel:
        """Returns the model."""
        made = _model(self.code, self.said)
        for (kind, code), told in self.items.items():
            item = _item(kind, code, told)
            (made.trims if kind == "trim" else made.options).append(item)  # type: ignore[arg-type]
        return made


def _agree(known: dict[str, str], told: Mapping[str, str]) -> None:
    for name, value in told.items():
        if known.setdefault(name, value) != value:
            raise Wrong(f"{name}: another row says something else")


def _model(code: str, told: Mapping[str, str]) -> catalogue_pb2.CatalogueModel:
    made = catalogue_pb2.CatalogueModel(model_code=code)
    for name, value in told.items():
        if name == "model_year":
            if not re.fullmatch(r"[0-9]{1,4}", value):
                raise Wrong("model_year: give a year")
            made.model_year = int(value)
        elif name == "energy":
            word = _ENERGY + value.upper().replace("-", "_").replace(" ", "_")
            if word not in vehicle_pb2.VehicleEnergy.keys():  # noqa: SIM118 - a wrapper of an enum, no dict
                raise Wrong("energy: no such word")
            made.energy = vehicle_pb2.VehicleEnergy.Value(word)
        elif name.startswith("model_name."):
            made.names[name.removeprefix("model_name.")] = value
        else:
            _set(made, name, value)
    return made


def _item(kind: str, code: str, told: Mapping[str, str]) -> Message:
    trim, option = catalogue_pb2.CatalogueTrim, catalogue_pb2.CatalogueOption
    made: Any = trim(trim_code=code) if kind == "trim" else option(option_code=code)
    for name, value in told.items():
        if name.startswith("name."):
            made.names[name.removeprefix("name.")] = value
        elif name.startswith("spec."):
            made.specification[name.removeprefix("spec.")] = value
        else:
            _set(made, name, value)
    return made  # type: ignore[no-any-return]


def _set(made: Any, name: str, value: str) -> None:
    if name in _LISTS:
        getattr(made, name).extend(part.strip().upper() for part in value.replace("；", ";").split(";") if part.strip())
    elif name in _DAYS:
        getattr(made, name).CopyFrom(_day(name, value))
    else:
        setattr(made, name, value)


def _day(name: str, text: str) -> Any:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        found = date.fromisoformat(text)
    except ValueError:
        raise Wrong(f"{name}: give a day as YYYY-MM-DD") from None
    return catalogue_pb2.CataloguePrice(
        valid_from={"year": found.year, "month": found.month, "day": found.day}
    ).valid_from


def _price(model: str, code: str, cells: Mapping[str, str]) -> catalogue_pb2.CataloguePrice:
    for name in ("market", "currency_code", "valid_from"):
        if name not in cells:
            raise Wrong(f"{name}: a price has one")
    if not _AMOUNT.fullmatch(cells["price"]):
        raise Wrong("price: give a decimal number with a point, without grouping, not below zero")
    amount = Decimal(cells["price"])
    made = catalogue_pb2.CataloguePrice(model_code=model, item_code=code, market=cells["market"].upper())
    made.price.currency_code = cells["currency_code"].upper()
    made.price.units, made.price.nanos = int(amount), int(amount % 1 * 10**9)
    made.valid_from.CopyFrom(_day("valid_from", cells["valid_from"]))
    if "valid_before" in cells:
        made.valid_before.CopyFrom(_day("valid_before", cells["valid_before"]))
    return made


def written(
    model: catalogue_pb2.CatalogueModel, prices: Iterable[catalogue_pb2.CataloguePrice]
) -> Iterator[dict[str, str]]:
    """Yields the rows of a model, which `read` takes for the same model and prices."""
    head = {"model_code": model.model_code, **{name: _text(model, name) for name in _MODEL}}
    head |= {f"model_name.{language}": name for language, name in sorted(model.names.items())}
    by_item: dict[str, list[catalogue_pb2.CataloguePrice]] = {}
    for price in prices:
        by_item.setdefault(price.item_code, []).append(price)
    items: list[tuple[str, Any]] = [("trim", one) for one in model.trims] + [("option", one) for one in model.options]
    for kind, item in items:
        code = item.trim_code if kind == "trim" else item.option_code
        row = {**head, "kind": kind, "code": code}
        row |= {f"name.{language}": name for language, name in sorted(item.names.items())}
        row |= {name: _text(item, name) for name in _ITEM if name in item.DESCRIPTOR.fields_by_name}
        if kind == "trim":
            row |= {f"spec.{word}": value for word, value in sorted(item.specification.items())}
        if code not in by_item:
            yield row
        for price in by_item.get(code, ()):
            yield {**row, **_priced(price)}


def _priced(price: catalogue_pb2.CataloguePrice) -> dict[str, str]:
    fraction = f"{price.price.nanos:09d}".rstrip("0")
    return {
        "market": price.market,
        "currency_code": price.price.currency_code,
        "price": f"{price.price.units}.{fraction}" if fraction else str(price.price.units),
        "valid_from": _text(price, "valid_from"),
        "valid_before": _text(price, "valid_before"),
    }


def _text(message: Any, name: str) -> str:
    value = getattr(message, name)
    if name in _LISTS:
        return ";".join(value)
    if name == "energy":
        return vehicle_pb2.VehicleEnergy.Name(value).removeprefix(_ENERGY).lower() if value else ""
    if name == "model_year":
        return str(value) if value else ""
    if name in _DAYS or name.startswith("valid_"):
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d}" if message.HasField(name) else ""
    return str(value)
