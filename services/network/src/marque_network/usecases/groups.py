"""What is done with the groups of an identity provider: who is in one has its roles."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_network.errors import RoleNotGrantable, StaffGroupNotFound
from marque_network.models import Membered, StaffGroup
from marque_network.repository import provisioning as repository
from marque_network.repository.staff import know_staff
from marque_network.rules.offices import may_give, provisioned_role
from marque_network.usecases.provisioning import fitting
from marque_network.usecases.staff_news import staff_changed

_Ids = Collection[uuid.UUID]


async def create_group(*, uow: UnitOfWork, display_name: str, external_id: str, members: _Ids) -> object:
    """Makes a group; one that is called as a role gives it."""
    async with uow:
        role = provisioned_role(display_name)
        group = StaffGroup(display_name=display_name, external_id=external_id, roles=[role] if role else [])
        uow.add(group)
        await uow.flush()
        await _bring(uow, group, members)
        uow.audit("create", "staff_group", str(group.group_id))
        return await uow.answer(Membered(group, await repository.members(uow.session, group.group_id)))


async def update_group(
    *,
    uow: UnitOfWork,
    group_id: uuid.UUID,
    etag: str,
    names: tuple[str | None, str | None],
    add: _Ids,
    remove: _Ids,
    replace: bool,
) -> object:
    """Changes names (display name, external id; None keeps) and members."""
    async with uow:
        group = await _present(uow, group_id, etag)
        fields = group.rename(*names)
        present = {one for one, _ in await repository.members(uow.session, group_id)}
        gone = (present - set(add)) if replace else (present & set(remove) - set(add))
        come = set(add) - present
        if "display_name" in fields and (role := provisioned_role(group.display_name)):
            await _map(uow, group, sorted({*group.roles, role}), present)
        await _bring(uow, group, come)
        await _let_go(uow, group, gone)
        if fields or come or gone:
            group.touch()
            uow.audit("update", "staff_group", str(group_id), (*fields, *(("members",) if come or gone else ())))
        return await uow.answer(Membered(group, await repository.members(uow.session, group_id)))


async def delete_group(*, uow: UnitOfWork, group_id: uuid.UUID, etag: str) -> object:
    """Deletes a group; what it alone gave is gone with it."""
    async with uow:
        group = await _present(uow, group_id, etag)
        await _let_go(uow, group, {one for one, _ in await repository.members(uow.session, group_id)})
        await uow.session.delete(group)
        uow.audit("delete", "staff_group", str(group_id))
        return await uow.answer(Membered(group))


async def map_group(*, uow: UnitOfWork, group_id: uuid.UUID, etag: str, roles: Sequence[str]) -> object:
    """Says which roles a group gives, for those who are in it too."""
    async with uow:
        group = await _present(uow, group_id, etag)
        for role in roles:
            if not may_give(uow.principal, role):
                raise RoleNotGrantable(what=f"the role {role}")
        members = await repository.members(uow.session, group_id)
        await _map(uow, group, sorted(roles), {one for one, _ in members})
        uow.audit("map", "staff_group", str(group_id), ("roles",))
        return await uow.answer(Membered(group, members))


async def _present(uow: UnitOfWork, group_id: uuid.UUID, etag: str) -> StaffGroup:
    group = await repository.lock_group(uow.session, group_id)
    if group is None:
        raise StaffGroupNotFound(group_id=group_id)
    group.check_etag(etag)
    return group


async def _bring(uow: UnitOfWork, group: StaffGroup, ids: _Ids) -> None:
    people = await repository.lock_people(uow.session, ids) if ids else []
    if len(people) != len(set(ids)):
        raise InvalidArgument.of("add_staff_ids", "STAFF_UNKNOWN", "There is no such member of staff.")
    await repository.put_in(uow.session, group.group_id, ids)
    await _settle(uow, ids, gained=group.roles, lost=())


async def _let_go(uow: UnitOfWork, group: StaffGroup, ids: _Ids) -> None:
    if ids:
        await repository.take_out(uow.session, group.group_id, ids)
        await _settle(uow, ids, gained=(), lost=group.roles)


async def _map(uow: UnitOfWork, group: StaffGroup, roles: Sequence[str], members: _Ids) -> None:
    before, group.roles = set(group.roles), list(roles)
    await uow.flush()
    await _settle(uow, members, gained=sorted(set(roles) - before), lost=sorted(before - set(roles)))


async def _settle(uow: UnitOfWork, ids: _Ids, *, gained: Collection[str], lost: Collection[str]) -> None:
    """Gives and takes roles; one that another group of theirs gives stays."""
    if not ids or not (gained or lost):
        return
    kept = await repository.roles_by_groups(uow.session, ids)
    people = await repository.lock_people(uow.session, ids)
    changed = [
        one
        for one in people
        if one.take_roles(fitting(gained, one), set(lost) - fitting(kept.get(one.staff_id, ()), one))
    ]
    await uow.flush()
    await know_staff(uow.session, [one.staff_id for one in changed])
    for one in changed:
        uow.emit(staff_changed(one, ("roles",)), of=one)
        uow.audit("provision", "staff", str(one.staff_id), ("roles",))
