"""The policy: a version is put in force as a whole and never changes."""

from __future__ import annotations

from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_complaint.models import CasePolicy
from marque_complaint.repository import clocks as rows


async def put(*, uow: UnitOfWork, document: dict[str, Any], etag: str) -> Any:
    """Puts a policy in force. Raises EtagMismatch."""
    async with uow:
        await rows.lock_policies(uow.session)
        latest = await rows.latest_policy(uow.session)
        latest.check_etag(etag)
        made = CasePolicy(
            version=latest.version + 1, document=document, actor=uow.principal.subject, create_time=uow.now
        )
        uow.add(made)
        uow.audit("put", "case_policy", str(made.version))
        return await uow.answer(made)
