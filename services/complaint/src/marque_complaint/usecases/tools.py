"""Writing macros and saved views."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_complaint.errors import CaseViewNotFound, CaseViewsFull
from marque_complaint.models import CaseMacro, CaseView
from marque_complaint.repository import tools as repository

MOST_VIEWS = 200


async def put_macro(*, uow: UnitOfWork, code: str, values: dict[str, Any], etag: str) -> Any:
    """Writes a macro. Raises EtagMismatch."""
    async with uow:
        made = await repository.lock_macro(uow.session, code)
        if made is None:
            made = CaseMacro(macro_code=code, **values)
            uow.add(made)
        else:
            made.check_etag(etag)
            _take(made, values)
        await uow.flush()
        uow.audit("put", "case_macro", code, ("actions",))
        return await uow.answer(made)


async def put_view(
    *, uow: UnitOfWork, owner_key: str, view_id: uuid.UUID | None, values: dict[str, Any], etag: str
) -> Any:
    """Writes a view, a new one or the owner's anew. Raises CaseViewNotFound, CaseViewsFull, EtagMismatch."""
    async with uow:
        if view_id is None:
            if await repository.count_views(uow.session, owner_key) >= MOST_VIEWS:
                raise CaseViewsFull(most=MOST_VIEWS)
            made = CaseView(owner_key=owner_key, **values)
            uow.add(made)
        else:
            made = await _own(uow, owner_key, view_id, etag)
            _take(made, values)
        await uow.flush()
        uow.audit("put", "case_view", str(made.view_id), ("filter",))
        return await uow.answer(made)


async def remove_view(*, uow: UnitOfWork, owner_key: str, view_id: uuid.UUID, etag: str) -> Any:
    """Takes a view away. Raises CaseViewNotFound, EtagMismatch."""
    async with uow:
        view = await _own(uow, owner_key, view_id, etag)
        await uow.session.delete(view)
        uow.audit("remove", "case_view", str(view_id))
        return await uow.answer(view)


async def _own(uow: UnitOfWork, owner_key: str, view_id: uuid.UUID, etag: str) -> CaseView:
    found = await repository.lock_view(uow.session, owner_key, view_id)
    if found is None:
        raise CaseViewNotFound()
    found.check_etag(etag)
    return found


def _take(row: CaseMacro | CaseView, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
