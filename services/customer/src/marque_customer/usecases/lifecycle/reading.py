"""Where a customer stands, and what to do next, as a caller may know it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from servicekit.db.base import now
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.errors import CustomerNotFound
from marque_customer.repository import families, lost_reasons, signals
from marque_customer.repository import values as repository
from marque_customer.rules.lifecycle import AT_RISK, LOST, WON_BACK
from marque_customer.rules.tiers import PROMISE_DAYS, RENEWAL_DAYS, next_actions


async def seen(session: AsyncSession, principal: Principal, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns a customer in sight, or its survivor, and those merged into it. Raises CustomerNotFound."""
    family = await families.seen(session, principal, customer_id)
    if not family:
        raise CustomerNotFound(customer_id=customer_id)
    return family


async def value(
    session: AsyncSession, principal: Principal, customer_id: uuid.UUID
) -> tuple[Any, Any, Sequence[dict[str, Any]], Sequence[Any]]:
    """Returns (`customer_id, stage, tier`), what was found (or none), what to do next, and why they stay away. Raises CustomerNotFound."""
    family = await seen(session, principal, customer_id)
    standing = await signals.standing(session, family[0])
    row = await repository.read(session, family[0])
    told = await lost_reasons.of(session, principal, family)
    if principal.is_owner:
        return standing, row, [], told  # what others plan to do is theirs
    moment = now()
    known: dict[str, float] = await signals.of(
        session,
        principal,
        family,
        promises=moment + timedelta(days=PROMISE_DAYS),
        renewals=(moment + timedelta(days=RENEWAL_DAYS)).date(),
    )
    known |= {
        "at_risk": standing.stage == AT_RISK,
        "lost": standing.stage == LOST,
        "won_back": standing.stage == WON_BACK,
    }
    if row is not None:
        known |= {"cars": row.cars, "visits": row.visits}
        if row.last_activity_time is not None:
            known["days_since_activity"] = float((moment - row.last_activity_time).days)
    rules = await signals.rules_in_force(session, moment)
    return standing, row, next_actions(rules.rules.get("next_actions", []), known), told
