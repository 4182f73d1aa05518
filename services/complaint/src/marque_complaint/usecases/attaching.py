"""Files with cases: the object is put before its row and removed after it, so that no row ever names what is not there."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.objects import ObjectStore

from marque_complaint.errors import AttachmentNotFound, AttachmentsFull, CaseNotFound
from marque_complaint.models import CaseAttachment
from marque_complaint.repository import attachments as repository
from marque_complaint.repository.scope import Scope
from marque_complaint.rules import kinds
from marque_complaint.usecases import common, relating

MOST = 50
REMOVAL = "case-attachment-removal"
_ORPHAN = timedelta(days=1)
_LOOK_EVERY = timedelta(hours=6)


async def attach(*, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, key: uuid.UUID, facts: dict[str, Any]) -> Any:
    """Notes a file whose content was put under a key. Raises CaseNotFound, AttachmentsFull."""
    async with uow:
        case = await relating.where_it_goes_on(uow, await common.found(uow, scope, case_id))
        if await repository.count(uow.session, case.case_id) >= MOST:
            raise AttachmentsFull(most=MOST)
        by_customer = bool(scope.customers)
        made = CaseAttachment(
            attachment_id=key,
            case_id=case.case_id,
            author=kinds.BY_CUSTOMER if by_customer else kinds.BY_STAFF,
            staff_id=common.staff_of(uow),
            create_time=uow.now,
            **{**facts, "internal": facts["internal"] and not by_customer},
        )
        uow.add(made)
        common.write_down(uow, case, "ATTACHED")
        await uow.flush()
        uow.audit("attach", "case_attachment", str(key))
        return await uow.answer(made)


async def remove(*, uow: UnitOfWork, scope: Scope, attachment_id: uuid.UUID) -> Any:
    """Takes a file away; its content goes when that is committed. Raises AttachmentNotFound."""
    async with uow:
        row = await repository.lock(uow.session, attachment_id)
        if row is None:
            raise AttachmentNotFound()
        try:
            case = await common.found(uow, scope, row.case_id)
        except CaseNotFound:
            raise AttachmentNotFound() from None
        await uow.session.delete(row)
        common.write_down(uow, case, "DETACHED")
        await uow.schedule(REMOVAL, str(attachment_id), uow.now)
        uow.audit("remove", "case_attachment", str(attachment_id))
        return await uow.answer(row)


class Removing:
    """Removes contents whose rows are gone: due work, so that a content that must go does go, whoever is killed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def __call__(self, uow: UnitOfWork, key: str) -> datetime | None:
        """Removes one; doing it again changes nothing."""
        await self._store.remove(uuid.UUID(key))
        return None


class Orphans:
    """The sweep that removes contents which no row ever named: of uploads that were cut off between the two."""

    def __init__(self, work: Work, store: ObjectStore) -> None:
        self._work = work
        self._store = store
        self._looked = datetime.min.replace(tzinfo=UTC)

    async def __call__(self) -> bool:
        """Looks every six hours at what is older than a day."""
        if now() - self._looked < _LOOK_EVERY:
            return False
        self._looked = now()
        keys = await self._store.keys_before(now() - _ORPHAN)
        for start in range(0, len(keys), 1000):
            for key in await repository.unknown(self._work.reader, keys[start : start + 1000]):
                await self._store.remove(key)
        return False
