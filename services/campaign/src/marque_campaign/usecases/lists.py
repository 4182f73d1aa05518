"""Lists of people: made, renamed, deleted, and who comes and goes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign.errors import AudienceListFull, AudienceListInUse, AudienceListNotFound
from marque_campaign.models import AudienceList
from marque_campaign.repository import audience, members
from marque_campaign.repository import lists as rows
from marque_campaign.repository.scope import Scope
from marque_campaign.rules.listing import MOST_MEMBERS, Origin

EMPTYING = "audience-list-emptying"
AT_ONCE = 20_000


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Makes an empty list."""
    async with uow:
        made = AudienceList(**values)
        uow.add(made)
        await uow.flush()
        uow.audit("create", "audience_list", str(made.audience_list_id))
        return await uow.answer(made)


async def update(*, uow: UnitOfWork, scope: Scope, list_id: uuid.UUID, values: dict[str, Any], etag: str) -> Any:
    """Changes a list itself. Raises AudienceListNotFound, EtagMismatch."""
    async with uow:
        found = await _found(uow, scope, list_id, etag)
        changed = [name for name, value in values.items() if getattr(found, name) != value]
        for name in changed:
            setattr(found, name, values[name])
        uow.audit("update", "audience_list", str(list_id), tuple(changed))
        return await uow.answer(found)


async def delete(*, uow: UnitOfWork, scope: Scope, list_id: uuid.UUID, etag: str) -> Any:
    """Deletes a list that nothing needs any more; the people go afterwards (`empty`). Raises AudienceListNotFound, AudienceListInUse,
    EtagMismatch.
    """
    async with uow:
        found = await _found(uow, scope, list_id, etag)
        if await members.used(uow.session, list_id):
            raise AudienceListInUse()
        found.delete_time = uow.now
        await uow.schedule(EMPTYING, str(list_id), uow.now)
        uow.audit("delete", "audience_list", str(list_id))
        return await uow.answer(found)


async def empty(uow: UnitOfWork, key: str) -> datetime | None:
    """Takes the people off a deleted list, some thousands in a transaction; then its row goes. None when nobody is left."""
    list_id = uuid.UUID(key)
    gone = await members.empty(uow.session, list_id, AT_ONCE)
    if gone == AT_ONCE:
        return uow.now
    await members.drop(uow.session, list_id)
    return None


async def change_members(
    *,
    uow: UnitOfWork,
    scope: Scope,
    list_id: uuid.UUID,
    added: Sequence[uuid.UUID],
    removed: Sequence[uuid.UUID],
    etag: str,
) -> Any:
    """Puts people on a list and takes others off: those also who stand there under an id of before they were merged. Who was erased does
    not come back. Raises AudienceListNotFound, AudienceListFull, EtagMismatch.
    """
    async with uow:
        await members.hold(uow.session)
        found = await _found(uow, scope, list_id, etag)
        erased = await audience.erased(uow.session, added)
        leaving = set(removed)
        if removed:
            people = await audience.survivors(uow.session, removed)
            leaving |= {one for ids in (await members.known(uow.session, list_id, people)).values() for one in ids}
        await write(uow, found, set(added) - erased - leaving, leaving, Origin(uow.principal.subject))
        if found.member_count > MOST_MEMBERS:
            raise AudienceListFull(most=MOST_MEMBERS)
        uow.audit("change_members", "audience_list", str(list_id), ("members",))
        return await uow.answer(found)


async def write(
    uow: UnitOfWork, found: AudienceList, coming: set[uuid.UUID], leaving: set[uuid.UUID], origin: Origin
) -> None:
    """Writes who comes on a locked list and which ids leave it, and how many there are then."""
    came = await members.add(uow.session, found.audience_list_id, sorted(coming), uow.now, origin)
    left = await members.remove(uow.session, found.audience_list_id, sorted(leaving))
    if came or left:
        found.member_count += came - left
        found.touch()


async def _found(uow: UnitOfWork, scope: Scope, list_id: uuid.UUID, etag: str) -> AudienceList:
    found: AudienceList | None = await rows.lock(uow.session, rows.AUDIENCE_LISTS, scope, list_id)
    if found is None:
        raise AudienceListNotFound()
    found.check_etag(etag)
    return found
