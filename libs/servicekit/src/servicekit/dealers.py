"""What every service knows of dealers: heard by event, so that scope and import never ask another service.

Which dealers are in a caller's scope stands here once: those of the token, those of its dealer group, those of its region.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db.tables import known_dealers
from servicekit.db.uow import UnitOfWork
from servicekit.ids import is_uuid
from servicekit.messaging.consumer import Handler
from servicekit.messaging.envelope import Event
from servicekit.rpc.principal import Principal

SNAPSHOT = "marque.network.v1.DealerSnapshot"
REBUILDS = {known_dealers.name: SNAPSHOT}
"""What a subscription with these handlers rebuilds from (`Subscription.rebuilds`)."""


async def on_dealer_changed(uow: UnitOfWork, event: Event) -> None:
    """Keeps the newest state of a dealer; what is older than known changes nothing."""
    data = event.data
    values = {
        "code": data.code,  # type: ignore[attr-defined]
        "region_code": data.region_code,  # type: ignore[attr-defined]
        "group_code": data.group_code,  # type: ignore[attr-defined]
        "time_zone": data.time_zone,  # type: ignore[attr-defined]
        "status": data.status,  # type: ignore[attr-defined]
        "version": event.version,
    }
    row = insert(known_dealers).values(dealer_id=uuid.UUID(event.key), **values)
    await uow.session.execute(
        row.on_conflict_do_update(
            index_elements=["dealer_id"], set_=values, where=known_dealers.c.version < event.version
        )
    )


def handlers() -> dict[str, Handler]:
    """Returns the handlers by which a service knows dealers; each service's subscription to network takes them in."""
    return {"marque.network.v1.DealerChanged": on_dealer_changed, SNAPSHOT: on_dealer_changed}


def in_scope(principal: Principal, column: sa.ColumnElement[uuid.UUID]) -> sa.ColumnElement[bool]:
    """Returns the condition that a dealer column lies in the caller's scope; false for a caller without dealers, group or region.

    Callers who see all rows are not judged here: each `visible_to` asks `principal.sees_all_rows` first.
    """
    found: list[sa.ColumnElement[bool]] = []
    if principal.dealers:
        known = [uuid.UUID(dealer) for dealer in sorted(principal.dealers) if is_uuid(dealer)]
        found.append(column.in_(known))  # what is no id is no dealer of ours, and gives nothing
    if principal.is_dealer and principal.dealer_group:
        group = sa.select(known_dealers.c.dealer_id).where(known_dealers.c.group_code == principal.dealer_group)
        found.append(column.in_(group))
    if principal.region and "oem.region" in principal.roles:
        region = sa.select(known_dealers.c.dealer_id).where(known_dealers.c.region_code == principal.region)
        found.append(column.in_(region))
    return sa.or_(*found) if found else sa.false()


async def by_code(session: AsyncSession, codes: Iterable[str]) -> dict[str, uuid.UUID]:
    """Returns the ids of the known dealers among some codes."""
    query = sa.select(known_dealers.c.code, known_dealers.c.dealer_id).where(
        known_dealers.c.code.in_(sorted(set(codes)))
    )
    return {row.code: row.dealer_id for row in await session.execute(query)}
