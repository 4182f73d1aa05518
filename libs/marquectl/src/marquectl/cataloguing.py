"""The model catalogue as a file, both ways: models with trims, options and rules, and prices by market and day."""

from __future__ import annotations

import csv
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from marque.vehicle.v1 import catalogue_pb2

from marquectl import catalogue_rows
from marquectl.contract import method
from marquectl.door import Door, DoorError
from marquectl.errors import UsageError
from marquectl.exporting import replaced
from marquectl.readers import SourceFile

KIND = "catalogue"
_SERVICE = "vehicle.v1.CatalogueService"
_REFUSED = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "ALREADY_EXISTS", "ABORTED", "NOT_FOUND")
CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"


@dataclass
class Told:
    """What became of a file: how many models and prices came out how, and what was refused, in words."""

    models: Counter[str] = field(default_factory=Counter)
    prices: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


async def import_file(door: Door, path: Path, *, dry_run: bool = False) -> Told:
    """Writes what a file says and is not so yet; a model is written whole, as its rows tell it. A dry run writes nothing and tells what it
    would, without the judgement of the service.

    Raises UsageError for a file that cannot be read, DoorError where the service is away or refuses the caller.
    """
    said = catalogue_rows.read(SourceFile.survey(path).rows())
    told = Told(refused=[f"{path.name}:{one}" for one in said.refused])
    for model in said.models:
        known = await _known(door, model.model_code)
        outcome = await _model(door, model, known, told, dry_run)
        mine = [(row, price) for row, price in said.prices if price.model_code == model.model_code]
        if outcome and mine:
            before = {_key(one): one async for one in _prices(door, model.model_code)} if known else {}
            for row, price in mine:
                await _price(door, price, before.get(_key(price)), told, f"{path.name}:{row}", dry_run)
    return told


async def export_file(door: Door, out: Path) -> int:
    """Writes every model that is offered today, whole and with all its prices, and returns the number of rows; of an empty catalogue the
    columns alone, as a form to be filled. Raises UsageError, DoorError.
    """
    if out.suffix.lower() != ".csv":
        raise UsageError(f"{out.name}: the catalogue is exported as .csv")
    rows: list[dict[str, str]] = []
    listing = f"{_SERVICE}/ListCatalogueModels"
    async for one in door.pages(listing, "models", method(listing).input(page_size=100)):
        model = await _known(door, one.model_code)
        if model is not None:
            rows += catalogue_rows.written(model, [price async for price in _prices(door, one.model_code)])
    columns = list(dict.fromkeys([*catalogue_rows.COLUMNS, *sorted({name for row in rows for name in row})]))
    with replaced(out) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


async def _known(door: Door, code: str) -> catalogue_pb2.CatalogueModel | None:
    name = f"{_SERVICE}/GetCatalogueModel"
    try:
        found: catalogue_pb2.CatalogueModel = await door.call(name, method(name).input(model_code=code, whole=True))
    except DoorError as error:
        if error.code == "NOT_FOUND":
            return None
        if error.code == "INVALID_ARGUMENT":  # no code of a model: writing it tells why
            return None
        raise
    return found


def _prices(door: Door, code: str) -> Any:
    listing = f"{_SERVICE}/ListCataloguePrices"
    return door.pages(listing, "prices", method(listing).input(model_code=code, page_size=1000))


def _key(price: catalogue_pb2.CataloguePrice) -> tuple[Any, ...]:
    day = price.valid_from
    return price.item_code, price.market, day.year, day.month, day.day


async def _model(
    door: Door, model: catalogue_pb2.CatalogueModel, known: catalogue_pb2.CatalogueModel | None, told: Told, dry_run: bool
) -> bool:  # fmt: skip
    """Writes a model where it differs, against the version that was read; tells whether it stands now."""
    if known is not None and _same(model, known, ("update_time", "etag")):
        told.models[UNCHANGED] += 1
        return True
    asked = catalogue_pb2.CatalogueModel()
    asked.CopyFrom(model)
    asked.etag = known.etag if known is not None else ""
    done = dry_run or await _written(
        door, "PutCatalogueModel", model.model_code, told.refused.append, catalogue_model=asked
    )
    if done:
        told.models[CREATED if known is None else UPDATED] += 1
    return done


async def _price(
    door: Door, price: catalogue_pb2.CataloguePrice, known: catalogue_pb2.CataloguePrice | None, told: Told, label: str, dry_run: bool
) -> None:  # fmt: skip
    if known is not None and _same(price, known, ("update_time",)):
        told.prices[UNCHANGED] += 1
    elif dry_run or await _written(door, "PutCataloguePrice", label, told.refused.append, catalogue_price=price):
        told.prices[CREATED if known is None else UPDATED] += 1


def _same(one: Message, other: Message, but: Iterable[str]) -> bool:
    plain = type(other)()
    plain.CopyFrom(other)
    for name in but:
        plain.ClearField(name)
    return one == plain


async def _written(door: Door, name: str, label: str, refuse: Callable[[str], None], **fields: Message) -> bool:
    """Writes under a key of this very call: the same file may be told again after another, and must then be heard."""
    request = method(f"{_SERVICE}/{name}").input(request_id=str(uuid.uuid4()), **fields)
    try:
        await door.call(f"{_SERVICE}/{name}", request)
    except DoorError as error:
        if error.code not in _REFUSED:
            raise
        refuse(f"{label}: {error.message}")
        return False
    return True
