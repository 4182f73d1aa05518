"""Plans of marketing, what was spent outside campaigns, and what became of both."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from servicekit.db.engine import Reader
from servicekit.db.uow import UnitOfWork

from marque_campaign.errors import MarketingPlanNotFound
from marque_campaign.models import MarketingPlan
from marque_campaign.repository import lists as rows
from marque_campaign.repository import plan as repository
from marque_campaign.repository.scope import Scope
from marque_campaign.rules import budget, kinds, plan


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Writes a plan; that it makes sense was seen before."""
    async with uow:
        made = MarketingPlan(**values)
        uow.add(made)
        await uow.flush()
        uow.audit("create", "marketing_plan", str(made.marketing_plan_id))
        return await uow.answer(made)


async def update(
    *, uow: UnitOfWork, scope: Scope, plan_id: uuid.UUID, values: dict[str, Any], version: int, etag: str
) -> Any:
    """Changes a plan. `version` is the one with which the values make sense. Raises MarketingPlanNotFound, EtagMismatch."""
    async with uow:
        found: MarketingPlan | None = await rows.lock(uow.session, rows.MARKETING_PLANS, scope, plan_id)
        if found is None:
            raise MarketingPlanNotFound()
        found.check_etag(etag)
        found.check_etag(f"v{version}")
        changed = [name for name, value in values.items() if getattr(found, name) != value]
        for name in changed:
            setattr(found, name, values[name])
        uow.audit("update", "marketing_plan", str(plan_id), tuple(changed))
        return await uow.answer(found)


async def record(*, uow: UnitOfWork, dealer: uuid.UUID | None, spends: Sequence[dict[str, Any]]) -> Any:
    """Writes down what was spent; answers how many rows were new or otherwise before, and how many there are."""
    async with uow:
        owner = dealer or repository.NOBODY
        told = [{**one, "owner": owner, "update_time": uow.now} for one in spends]
        written = await repository.put_spends(uow.session, sorted(told, key=lambda one: str(one["source_key"])))
        if written:
            uow.audit("record", "outside_spends", str(owner))
        return await uow.answer((written, len(told)))


async def hear_leads(uow: UnitOfWork, told: Sequence[dict[str, Any]]) -> None:
    """Keeps what was told of leads (`lead_id`, `dealer_id`, `heard_version`, and `source` and `create_time`, or None where that was not
    told), in whatever order; again it changes nothing.
    """
    if told:
        async with uow:
            await repository.hear_leads(uow.session, plan.leads_of(told))


async def figures(
    reader: Reader, row: Any, lines: Sequence[dict[str, Any]], zone: str
) -> tuple[dict[plan.Key, plan.Figures], plan.Figures, int]:
    """Returns what became of a plan by month, channel and source, the sum, and how many campaigns have another currency."""
    dealer, currency, days = row["dealer_id"], row["currency"], plan.span(row["first_month"], row["last_month"])
    campaigns = await repository.campaigns(reader, dealer, days, zone)
    spent = await repository.outside(reader, dealer, days, currency)
    came = await repository.leads(reader, dealer, days, zone)
    foreign = sum(bool(one["currency"]) and one["currency"] != currency for one in campaigns)

    def parts() -> Iterator[tuple[plan.Key, plan.Figures]]:
        for line in lines:
            yield (line["month"], line["channel"], line["source"]), plan.Figures(planned=line["minor"])
        for one in campaigns:
            yield (one["month"], one["channel"], plan.CAMPAIGN), _of_campaign(one, currency)
        for one in spent:
            yield (one["month"], one["channel"], one["source"]), plan.Figures(spent=one["minor"])
        for one in came:
            yield (one["month"], 0, plan.source_of_leads(one["source"])), plan.Figures(leads=one["count"])

    return *plan.added_up(parts()), foreign


def _of_campaign(row: Any, currency: str) -> plan.Figures:
    told = {int(kind): count for kind, count in orjson.loads(row["responses"]).items()}
    counts = [told.get(kind, 0) for kind in (kinds.REGISTRATION, kinds.TEST_DRIVE, kinds.PURCHASE)]
    if row["currency"] != currency:
        return plan.Figures(0, 0, 0, *counts)
    cost = budget.cost_of(row["paid"], row["thousand_cost_minor"])
    left = 0 if row["state"] in (*kinds.OVER, kinds.DRAFT) else max(0, row["budget_minor"] - cost)
    revenue = told.get(row["goal"] or kinds.PURCHASE, 0) * row["response_value_minor"]
    return plan.Figures(0, left, cost, *counts, revenue, cost if row["response_value_minor"] else 0)
