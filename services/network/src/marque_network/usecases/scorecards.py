"""What is done with KPIs, scorecard models, values and scores."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from marque.network.v1 import dealer_scorecard_service_pb2 as service_pb
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch, FieldViolation, InvalidArgument
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_network.errors import DealerNotFound, ScorecardModelNotFound
from marque_network.mapping.scorecards import Comparison
from marque_network.models import Kpi, ScorecardModel
from marque_network.repository import scorecards as repository
from marque_network.repository.scoped import lock_dealers
from marque_network.rules.periods import Span
from marque_network.rules.scores import Item, Score, score


async def put_kpi(*, uow: UnitOfWork, values: Mapping[str, Any], etag: str) -> Any:
    """Writes a KPI."""
    async with uow:
        present = await repository.get_kpi(uow.session, values["kpi_code"])
        row = _put(uow, present, Kpi, values, etag)
        uow.audit("put", "kpi", values["kpi_code"])
        return await uow.answer(row)


async def put_model(*, uow: UnitOfWork, values: Mapping[str, Any], etag: str) -> Any:
    """Writes by what dealers are judged in a year."""
    async with uow:
        known = await repository.kpis(uow.session, [item["kpi_code"] for item in values["items"]])
        wrong = [
            FieldViolation(f"model.items[{index}].{field}", reason, text)
            for index, item in enumerate(values["items"])
            for field, reason, text in _item_faults(item, known)
        ]
        if wrong:
            raise InvalidArgument(violations=wrong)
        present = await repository.get_model(uow.session, values["year"])
        row = _put(uow, present, ScorecardModel, values, etag)
        uow.audit("put", "scorecard_model", str(values["year"]))
        return await uow.answer(row)


def _item_faults(item: Mapping[str, Any], known: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    kpi = known.get(item["kpi_code"])
    if kpi is None:
        return [("kpi_code", "KPI_UNKNOWN", "There is no such KPI.")]
    floor, goal = float(item.get("floor", 0.0)), float(item.get("goal", 0.0))
    if (goal < floor) != kpi.lower_is_better:
        return [("goal", "GOAL_INVALID", "The goal lies on the better side of the floor.")]
    return []


def _put(uow: UnitOfWork, present: Any, kind: type[Any], values: Mapping[str, Any], etag: str) -> Any:
    if present is None:
        if etag:
            raise EtagMismatch()
        present = kind(**values)
        uow.add(present)
        return present
    present.check_etag(etag)
    for name, value in values.items():
        if getattr(present, name) != value:
            setattr(present, name, value)
    return present


async def record_values(*, uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> Any:
    """Writes what dealers reached, all or nothing."""
    async with uow:
        dealer_ids = {row["dealer_id"] for row in rows}
        found = await lock_dealers(uow.session, uow.principal, dealer_ids)
        for dealer_id in dealer_ids - set(found):
            raise DealerNotFound(dealer_id=dealer_id)
        known = await repository.kpis(uow.session, [row["kpi_code"] for row in rows])
        wrong = [
            FieldViolation(f"values[{index}].kpi_code", "KPI_UNKNOWN", "There is no such KPI.")
            for index, row in enumerate(rows)
            if row["kpi_code"] not in known
        ]
        if wrong:
            raise InvalidArgument(violations=wrong)
        created, updated, unchanged = await write(uow, rows)
        for dealer_id in sorted({row["dealer_id"] for row in created + updated}):
            uow.audit("record", "kpi_values", str(dealer_id))
        return await uow.answer(
            service_pb.RecordKpiValuesResponse(created=len(created), updated=len(updated), unchanged=len(unchanged))
        )


Rows = list[dict[str, Any]]


def value_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the natural key of a value."""
    return row["dealer_id"], row["kpi_code"], row["year"], row["quarter"], row["month"]


async def write(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> tuple[Rows, Rows, Rows]:
    """Writes values whose dealers are locked; returns those that are new, that replaced another, that were there."""
    present = await repository.known_values(uow.session, {value_key(row) for row in rows})
    created: Rows = []
    updated: Rows = []
    unchanged: Rows = []
    for row in rows:
        known = present.get(value_key(row))
        if known is None:
            created.append(row)
        elif (known.value, known.source) == (row["value"], row["source"]):
            unchanged.append(row)
        else:
            updated.append(row)
    await repository.write_values(uow.session, created + updated, uow.now)
    return created, updated, unchanged


async def _items(session: AsyncSession, year: int) -> tuple[list[Item], float]:
    model = await repository.read_model(session, year)
    if model is None:
        raise ScorecardModelNotFound(year=year)
    kpis = await repository.kpis(session, [item["kpi_code"] for item in model.items])
    items = []
    for item in model.items:
        weight, floor, goal = (float(item.get(name, 0.0)) for name in ("weight", "floor", "goal"))
        items.append(Item(item["kpi_code"], weight, floor, goal, kpis[item["kpi_code"]].summary))
    return items, model.needed_coverage


async def _scored(session: AsyncSession, dealers: Sequence[Any], period: Span) -> list[tuple[Any, Score]]:
    items, needed = await _items(session, period.year)
    ids = [dealer.dealer_id for dealer in dealers]
    values = await repository.values_of(session, ids, [item.kpi_code for item in items], period)
    return [(dealer, score(items, period, values.get(dealer.dealer_id, {}), needed)) for dealer in dealers]


async def dealer_score(
    *, session: AsyncSession, principal: Principal, dealer_id: uuid.UUID, period: Span
) -> tuple[Any, Score]:
    """Computes the score of a dealer from the values as they are now."""
    dealer = await repository.judged_dealer(session, principal, dealer_id)
    if dealer is None:
        raise DealerNotFound(dealer_id=dealer_id)
    return (await _scored(session, [dealer], period))[0]


async def dealer_scores(
    *,
    session: AsyncSession,
    principal: Principal,
    filters: dict[str, Any],
    period: Span,
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[tuple[Any, Score]]:
    """Computes the scores of a page of dealers, and of one more."""
    dealers = await repository.judged_dealers(session, principal, filters, descending, page, after)
    return await _scored(session, dealers, period)


async def compare(*, session: AsyncSession, principal: Principal, period: Span, by: str) -> list[Comparison]:
    """Computes how the dealers of each region (`by` region_code) or group (group_code) did."""
    dealers = await repository.compared_dealers(session, principal, by)
    found: dict[str, list[Score]] = {}
    for dealer, one in await _scored(session, dealers, period):
        found.setdefault(getattr(dealer, by), []).append(one)
    return [
        Comparison(code, len(scores), [one.score for one in scores if one.score is not None])
        for code, scores in found.items()
    ]
