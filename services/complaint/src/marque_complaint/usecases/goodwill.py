"""Goodwill: asked for, approved at once within a limit, else decided by somebody else. The case is held locked, so limits hold together."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import DomainError
from servicekit.staff import subject_key

from marque_complaint.errors import (
    CaseNotFound,
    GoodwillDecided,
    GoodwillLimit,
    GoodwillNotFound,
    GoodwillOwn,
    GoodwillWaits,
)
from marque_complaint.models import Goodwill, GoodwillPolicy
from marque_complaint.repository import goodwill as repository
from marque_complaint.repository.scope import Scope
from marque_complaint.rules import goodwill as rules
from marque_complaint.usecases import common

_REFUSALS: dict[str, type[DomainError]] = {
    rules.DECIDED: GoodwillDecided, rules.OWN: GoodwillOwn, rules.LIMIT: GoodwillLimit,
}  # fmt: skip
_ENTRIES = {rules.WAITING: "GOODWILL_ASKED", rules.APPROVED: "GOODWILL_APPROVED", rules.DECLINED: "GOODWILL_DECLINED"}


async def ask(
    *, uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, currency: str, minor: int, remedy: str, reason: str
) -> Any:
    """Asks for goodwill. Raises CaseNotFound, CaseStateNotAllowed, GoodwillWaits."""
    async with uow:
        case = await common.found(uow, scope, case_id)
        case.do("update")
        if await repository.waits(uow.session, case_id):
            raise GoodwillWaits()
        policy = await repository.latest_policy(uow.session)
        limit = rules.limit_of(policy.limits, uow.principal.roles, currency)
        state = rules.asked(await repository.given(uow.session, case_id, currency), minor, limit)
        made = Goodwill(
            case_id=case_id, dealer_id=case.dealer_id, currency=currency, amount_minor=minor, remedy=remedy, reason=reason, state=state,
            ask_key=subject_key(uow.principal.subject), ask_staff_id=common.staff_of(uow), decide_reason="",
            policy_version=policy.version, decide_time=uow.now if state == rules.APPROVED else None,
        )  # fmt: skip
        uow.add(made)
        common.write_down(uow, case, _ENTRIES[state], reason)
        await uow.flush()
        uow.audit("ask", "goodwill", str(made.goodwill_id), ("amount", "state"))
        return await uow.answer(made)


async def decide(
    *,
    uow: UnitOfWork,
    scope: Scope,
    case_id: uuid.UUID | None,
    goodwill_id: uuid.UUID,
    approved: bool,
    reason: str,
    etag: str,
) -> Any:
    """Decides. `case_id`: of what is decided about, None where there is none. Raises what `_REFUSALS` names, CaseStateNotAllowed."""
    async with uow:
        if case_id is None:
            raise GoodwillNotFound()
        try:
            case = await common.found(uow, scope, case_id)
        except CaseNotFound:
            raise GoodwillNotFound() from None
        row = await repository.get(uow.session, goodwill_id)
        row.check_etag(etag)
        case.do("update")
        policy = await repository.latest_policy(uow.session)
        refused = rules.refusal(
            row.state,
            own=row.ask_key == subject_key(uow.principal.subject),
            approved=approved,
            given=await repository.given(uow.session, case_id, row.currency),
            amount=row.amount_minor,
            limit=rules.limit_of(policy.limits, uow.principal.roles, row.currency),
        )
        if refused:
            raise _REFUSALS[refused]()
        row.state = rules.APPROVED if approved else rules.DECLINED
        row.decide_staff_id, row.decide_reason, row.decide_time = common.staff_of(uow), reason, uow.now
        row.policy_version = policy.version
        common.write_down(uow, case, _ENTRIES[row.state], reason)
        await uow.flush()
        uow.audit("decide", "goodwill", str(goodwill_id), ("state",))
        return await uow.answer(row)


async def put_policy(*, uow: UnitOfWork, limits: list[dict[str, Any]], etag: str) -> Any:
    """Puts limits in force. Raises EtagMismatch."""
    async with uow:
        await repository.lock_policies(uow.session)
        latest = await repository.latest_policy(uow.session)
        latest.check_etag(etag)
        made = GoodwillPolicy(
            version=latest.version + 1, limits=limits, actor=uow.principal.subject, create_time=uow.now
        )
        uow.add(made)
        uow.audit("put", "goodwill_policy", str(made.version))
        return await uow.answer(made)
