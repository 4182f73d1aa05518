"""Who was not seen for long is asked why: each absence once, however often is looked, and nobody for an absence that is old news.

A plan looks at the cars that were seen last between the place that it reached and its number of days ago, in the order in which
they were seen. A visit moves a car behind that place, so it comes by again after the next absence.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_survey.models import Questionnaire, SurveyPlan
from marque_survey.repository import plans
from marque_survey.repository import sightings as repository
from marque_survey.rules import kinds, planning
from marque_survey.usecases.planning import Occurrence, plan_by

AT_ONCE = 200
_EACH = timedelta(hours=1)
"""How often a plan looks, but for the first time."""


async def seen(*, uow: UnitOfWork, deeds: Sequence[dict[str, Any]]) -> None:
    """Keeps sales and visits."""
    async with uow:
        await repository.keep(uow.session, deeds)


async def taken_back(*, uow: UnitOfWork, values: dict[str, Any]) -> None:
    """Takes a sale or visit back."""
    async with uow:
        await repository.void(uow.session, values)


async def sweep(*, work: Work) -> bool:
    """Looks for cars that were not seen for long; returns whether more may be left."""
    more = False
    async with work(Call(SYSTEM, "sweep:survey-lapsed")) as uow:
        for plan, questionnaire in await plans.holding(uow.session, kinds.LAPSED):
            more |= await _look(uow, plan, questionnaire)
    return more


async def _look(uow: UnitOfWork, plan: SurveyPlan, questionnaire: Questionnaire) -> bool:
    await plans.lock(
        uow.session, plan.plan_id
    )  # of two replicas one looks at a time; an occurrence asks once whoever looks
    until = uow.now - timedelta(days=plan.delay_days)
    since = max(plan.swept_time or until - planning.OLD, until - planning.OLD)
    if plan.swept_time is not None and until - since < _EACH:
        return False
    rows, reach = await repository.lapsed(uow.session, since, until, AT_ONCE)
    happened = [_occurrence(row) for row in rows if row.customer_id is not None]
    await plan_by(uow, plan, questionnaire, happened)
    await repository.swept(uow.session, plan.plan_id, reach)
    return reach < until


def _occurrence(row: Any) -> Occurrence:
    moment: datetime = row.seen_time
    key, dealer = f"lapsed:{row.deed_id}", row.dealer_id
    return Occurrence(kinds.LAPSED, key, uuid.UUID(str(row.customer_id)), dealer, row.vin, moment=moment)
