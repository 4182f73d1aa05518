"""What a station's appointments take."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_vehicle.errors import ServiceResourceNotFound
from marque_vehicle.models import ServiceResource
from marque_vehicle.repository import diary
from marque_vehicle.repository.scope import Scope


async def create_resource(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Creates a bay, an adviser or a loan car."""
    async with uow:
        made = ServiceResource(**values)
        made.check_kind()
        uow.add(made)
        await uow.flush()
        uow.audit("create", "service_resource", str(made.resource_id))
        return await uow.answer(made)


async def update_resource(
    *, uow: UnitOfWork, scope: Scope, resource_id: uuid.UUID, values: dict[str, Any], etag: str
) -> Any:
    """Changes one; what it is booked for stays."""
    async with uow:
        made = await diary.lock_resource(uow.session, scope, resource_id)
        if made is None:
            raise ServiceResourceNotFound()
        made.check_etag(etag)
        changed = made.change(values)
        await uow.flush()
        uow.audit("update", "service_resource", str(resource_id), tuple(changed))
        return await uow.answer(made)
