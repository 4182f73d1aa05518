"""Between the model catalogue and its messages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from google.protobuf.message import Message
from marque.vehicle.v1 import catalogue_pb2, catalogue_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.db.query import json_of
from servicekit.errors import InvalidArgument

from marque_vehicle.mapping import sums
from marque_vehicle.models import CatalogueModel, CataloguePrice
from marque_vehicle.rules import catalogue as rules

_PLAIN = ("model_code", "make", "series", "model", "model_year", "energy")
_M = TypeVar("_M", bound=Message)
Prices = Mapping[tuple[str, str], tuple[str, int]]


def model_values(message: catalogue_pb2.CatalogueModel) -> dict[str, Any]:
    """Returns the columns of a model. Raises InvalidArgument."""
    values = {name: getattr(message, name) for name in _PLAIN}
    for name in ("make", "model", "series"):
        values[name] = values[name].strip()
        if not values[name] and name != "series":
            raise InvalidArgument.of(f"catalogue_model.{name}", "REQUIRED", "This field must not be empty.")
    return {
        **values,
        "names": dict(message.names),
        "trims": [
            {
                "trim_code": one.trim_code,
                "names": dict(one.names),
                "specification": dict(one.specification),
                **_span(one, f"trims[{index}]"),
            }
            for index, one in enumerate(message.trims)
        ],
        "options": [
            {
                "option_code": one.option_code,
                "names": dict(one.names),
                "group_code": one.group_code,
                "trim_codes": list(one.trim_codes),
                "requires": list(one.requires),
                "excludes": list(one.excludes),
                **_span(one, f"options[{index}]"),
            }
            for index, one in enumerate(message.options)
        ],
        "required_groups": list(message.required_groups),
    }


def _span(message: Any, path: str) -> dict[str, Any]:
    found = {}
    for name in ("offered_from", "offered_before"):
        day = fields.as_day(message, name, f"catalogue_model.{path}.{name}")
        found[name] = day.isoformat() if day else None
    return found


def price_values(message: catalogue_pb2.CataloguePrice) -> dict[str, Any]:
    """Returns the columns of a price. Raises InvalidArgument."""
    first = fields.as_day(message, "valid_from", "catalogue_price.valid_from")
    before = fields.as_day(message, "valid_before", "catalogue_price.valid_before")
    if first is not None and before is not None and before <= first:
        raise InvalidArgument.of(
            "catalogue_price.valid_before", "RANGE_REVERSED", "The last day lies before the first."
        )
    currency, amount = sums.minor(message.price, "catalogue_price.price")
    key = {name: getattr(message, name) for name in ("model_code", "item_code", "market")}
    return {**key, "valid_from": first, "valid_before": before, "currency": currency, "amount": amount}


def price_message(row: fields.Row) -> catalogue_pb2.CataloguePrice:
    """Returns a price."""
    message = catalogue_pb2.CataloguePrice(**{name: row[name] for name in ("model_code", "item_code", "market")})
    fields.set_day(message, "valid_from", row["valid_from"])
    fields.set_day(message, "valid_before", row["valid_before"])
    sums.set_money(message, "price", row["currency"], row["amount"])
    fields.set_moment(message, "update_time", row["update_time"])
    return message


def rendered_price(price: CataloguePrice) -> catalogue_pb2.CataloguePrice:
    """Returns a price that was written."""
    return price_message(fields.row_of(price))


def whole(row: fields.Row) -> catalogue_pb2.CatalogueModel:
    """Returns a model as it was written, whatever the day, under the etag of the document."""
    message = _model(row, json_of(row["trims"]), json_of(row["options"]), {})
    message.etag = etag_of(row["version"])
    return message


def rendered(model: CatalogueModel) -> catalogue_pb2.CatalogueModel:
    """Returns a model that was written."""
    return whole(fields.row_of(model))


def offered(row: fields.Row, day: date, prices: Prices, *, options: bool = True) -> catalogue_pb2.CatalogueModel | None:
    """Returns what a model is offered with on a day; None where no trim is."""
    trims = [one for one in json_of(row["trims"]) if rules.is_offered(one, day)]
    found = [one for one in json_of(row["options"]) if rules.is_offered(one, day)] if options else []
    return marked(_model(row, trims, found, prices)) if trims else None


def _model(
    row: fields.Row, trims: Iterable[Any], options: Iterable[Any], prices: Prices
) -> catalogue_pb2.CatalogueModel:
    code = row["model_code"]
    message = catalogue_pb2.CatalogueModel(
        **{name: row[name] for name in _PLAIN},
        names=json_of(row["names"]),
        required_groups=list(row["required_groups"]),
    )
    for one in trims:
        _set_item(message.trims.add(), one, prices.get((code, one["trim_code"])))
    for one in options:
        _set_item(message.options.add(), one, prices.get((code, one["option_code"])))
    fields.set_moment(message, "update_time", row["update_time"])
    return message


def _set_item(message: Any, item: rules.Item, price: tuple[str, int] | None) -> None:
    for name, value in item.items():
        if name in ("offered_from", "offered_before"):
            fields.set_day(message, name, date.fromisoformat(value) if value else None)
        elif isinstance(value, dict):
            getattr(message, name).update(value)
        elif isinstance(value, list):
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)
    if price is not None:
        sums.set_money(message, "price", *price)


def comparison(
    trims: Sequence[tuple[rules.Item, tuple[str, int] | None]],
) -> catalogue_service_pb2.CompareCatalogueTrimsResponse:
    """Returns trims, each with its price, side by side."""
    answer = catalogue_service_pb2.CompareCatalogueTrimsResponse()
    for trim, price in trims:
        _set_item(answer.trims.add(), {**trim, "specification": {}}, price)
    for word, values in rules.compared([trim["specification"] for trim, _ in trims]):
        answer.rows.add(word=word, values=values, differs=len(set(values)) > 1)
    return marked(answer)


def configuration(
    problems: Sequence[rules.Problem], currency: str, total: int | None
) -> catalogue_service_pb2.CheckConfigurationResponse:
    """Returns what is known of a configuration."""
    answer = catalogue_service_pb2.CheckConfigurationResponse(valid=not problems)
    for one in problems:
        answer.problems.add(reason=one.reason, code=one.code, other_code=one.other)
    sums.set_money(answer, "list_price", currency, total)
    return marked(answer)


def marked(message: _M) -> _M:
    """Returns a message with an etag of what it shows."""
    digest = hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()
    message.etag = f"c{digest[:24]}"  # type: ignore[attr-defined]
    return message
