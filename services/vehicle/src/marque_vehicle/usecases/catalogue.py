"""The model catalogue: writing it, and judging what somebody wants to order by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation

from marque_vehicle.errors import (
    CatalogueInvalid,
    CatalogueModelNotFound,
    CataloguePriceInForce,
    ConfigurationInvalid,
    CurrencyMixed,
)
from marque_vehicle.models import CatalogueModel, CataloguePrice
from marque_vehicle.repository import catalogue as repository
from marque_vehicle.rules import catalogue as rules

_SENTENCES = {
    "CATALOGUE_CODE_TWICE": "The code stands twice among trims and options.",
    "CATALOGUE_CODE_UNKNOWN": "It names something that the model does not have.",
    "OPTION_CONTRADICTORY": "The option excludes itself, or what it requires.",
    "RANGE_REVERSED": "The last day lies before the first.",
}


async def put_model(*, uow: UnitOfWork, values: dict[str, Any], etag: str) -> Any:
    """Writes a model whole; the same again changes nothing. Raises CatalogueInvalid, EtagMismatch."""
    wrong = rules.faults(values["trims"], values["options"], values["required_groups"])
    if wrong:
        failure = CatalogueInvalid(
            violations=[FieldViolation(f"catalogue_model.{path}", reason, _SENTENCES[reason]) for path, reason in wrong]
        )
        failure.reason = wrong[0][1]
        raise failure
    async with uow:
        stamps = {"version": 1, "create_time": uow.now, "update_time": uow.now}
        added = await repository.add_model(uow.session, {**values, **stamps})
        model = await repository.lock_model(uow.session, values["model_code"])
        assert model is not None  # written or found just now
        changed = list(values)
        if not added:
            model.check_etag(etag)
            changed = model.change(values)
        await uow.flush()
        if changed:
            uow.audit("put", "catalogue_model", model.model_code, tuple(changed))
        return await uow.answer(model)


async def put_price(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Writes a price. One that has begun changes only in its end, and not into the past: what was offered stays what it was.

    Raises CatalogueModelNotFound, CatalogueInvalid, CurrencyMixed, CataloguePriceInForce, CataloguePriceOverlaps.
    """
    async with uow:
        model = await repository.lock_model(uow.session, values["model_code"])
        if model is None:
            raise CatalogueModelNotFound()
        if values["item_code"] not in model.item_codes:
            raise _unknown("catalogue_price.item_code")
        currency = await repository.currency_of(uow.session, values["market"])
        if currency and currency != values["currency"]:
            wrong = FieldViolation(
                "catalogue_price.price", "CURRENCY_MIXED", f"Prices of this market are in {currency}."
            )
            raise CurrencyMixed(violations=[wrong])
        key = {name: values[name] for name in ("model_code", "item_code", "market", "valid_from")}
        price = await repository.price(uow.session, key)
        changed = list(values)
        if price is None:
            price = CataloguePrice(**values, update_time=uow.now)
            uow.add(price)
        else:
            changed = _change(price, values, uow.now.date())
            if changed:
                price.update_time = uow.now
        await uow.flush()
        if changed:
            uow.audit("put", "catalogue_price", "/".join(str(value) for value in key.values()), tuple(changed))
        return await uow.answer(price)


def _unknown(field: str) -> CatalogueInvalid:
    reason = "CATALOGUE_CODE_UNKNOWN"
    failure = CatalogueInvalid(violations=[FieldViolation(field, reason, _SENTENCES[reason])])
    failure.reason = reason
    return failure


def _change(price: CataloguePrice, values: dict[str, Any], today: date) -> list[str]:
    changed = [name for name, value in values.items() if getattr(price, name) != value]
    if changed and price.valid_from <= today:
        ends = values["valid_before"]
        past = (price.valid_before is not None and price.valid_before <= today) or (ends is not None and ends <= today)
        if set(changed) - {"valid_before"} or past:
            raise CataloguePriceInForce()
    for name in changed:
        setattr(price, name, values[name])
    return changed


async def judge(
    uow: UnitOfWork, model_code: str, trim_code: str, option_codes: Sequence[str], market: str, day: date
) -> tuple[CatalogueModel, str, int]:
    """Returns (model, currency, list price) of what may be ordered. Raises CatalogueModelNotFound, ConfigurationInvalid."""
    model = (await repository.known_models(uow.session, [model_code])).get(model_code)
    if model is None:
        raise CatalogueModelNotFound()
    problems = rules.check(model.trims, model.options, model.required_groups, trim_code, option_codes, day)
    prices = await repository.prices_held(uow.session, model_code, market, day)
    unpriced, currency, total = rules.total(prices, [trim_code, *option_codes])
    wrong = problems or unpriced
    if wrong or total is None:
        raise ConfigurationInvalid(violations=[_violation(one, trim_code) for one in wrong])
    return model, currency, total


def _violation(one: rules.Problem, trim_code: str) -> FieldViolation:
    trim = one.reason in (rules.TRIM_NOT_OFFERED, rules.PRICE_MISSING) and one.code == trim_code
    told = f"{one.code} with {one.other}" if one.other else one.code
    return FieldViolation(f"car_order.{'trim_code' if trim else 'option_codes'}", rules.WORDS[one.reason], f"{told}.")
