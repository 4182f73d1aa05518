"""What is done with targets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marque.network.v1 import target_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.ids import new_uuid

from marque_network.errors import DealerNotFound, TargetNotFound, TargetNotProposed, TargetOwnProposal
from marque_network.mapping.parts import period_message
from marque_network.mapping.targets import plain
from marque_network.models import Target
from marque_network.repository import targets as repository
from marque_network.repository.scoped import lock_dealers, staff_of

_KEY = ("dealer_id", "staff_id", "measure", "year", "quarter", "month")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a proposal comes to: the version that stands for it then, and the open one that gives way."""

    target: Target
    is_new: bool
    superseded: Target | None = None


def target_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns what all versions of a target share."""
    return tuple(row[name] for name in _KEY)


async def propose_targets(*, uow: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Proposes targets, all or nothing; equal figures change nothing."""
    async with uow:
        dealer_ids = {row["dealer_id"] for row in rows}
        # The locks let proposals for one dealer come one after the other.
        found = await lock_dealers(uow.session, uow.principal, dealer_ids)
        for dealer_id in sorted(dealer_ids - set(found)):
            raise DealerNotFound(dealer_id=dealer_id)
        await _check_advisers(uow, rows)
        present = await repository.versions(uow.session, {target_key(row) for row in rows})
        plans = [propose(uow, present[target_key(row)], row) for row in rows]
        await write(uow, plans)
        return await uow.answer([plan.target for plan in plans])


async def write(uow: UnitOfWork, plans: Sequence[Plan]) -> None:
    """Writes what is planned: what gives way first, because the database allows one open proposal for each target."""
    for plan in plans:
        if plan.superseded is not None:
            plan.superseded.supersede()
    await uow.flush()
    for plan in plans:
        if plan.is_new:
            uow.add(plan.target)
    await uow.flush()
    for plan in plans:
        if plan.is_new:
            uow.audit("propose", "target", str(plan.target.target_id))


def propose(uow: UnitOfWork, versions: Sequence[Target], row: Mapping[str, Any]) -> Plan:
    """Returns what a proposal does beside the versions that are there (oldest first)."""
    last = versions[-1] if versions else None
    if last is not None and last.state != Target.SUPERSEDED and last.says(row["value"], row["currency_code"]):
        return Plan(last, is_new=False)
    made = Target(
        **row,
        target_id=new_uuid(),
        revision=last.revision + 1 if last else 1,
        state=Target.PROPOSED,
        proposed_by=uow.principal.subject,
        proposed_by_dealer=uow.principal.is_dealer,
        agreed_by="",
    )
    is_open = last is not None and last.state == Target.PROPOSED
    return Plan(made, is_new=True, superseded=last if is_open else None)


async def agree_targets(*, uow: UnitOfWork, wanted: Mapping[uuid.UUID, str]) -> Any:
    """Agrees to proposals, all or nothing. `wanted` is target → etag."""
    async with uow:
        dealers = await repository.dealers_of(uow.session, uow.principal, set(wanted))
        await lock_dealers(uow.session, uow.principal, set(dealers.values()))
        targets = await repository.get_targets(uow.session, set(dealers))
        for target_id in wanted:
            if target_id not in targets:
                raise TargetNotFound(target_id=target_id)
        versions = await repository.versions(uow.session, {target.key for target in targets.values()})
        for target_id, etag in wanted.items():
            target = targets[target_id]
            target.check_etag(etag)
            _check_side(uow, target)
            await _agree(uow, target, versions[target.key])
        return await uow.answer([targets[target_id] for target_id in wanted])


def _check_side(uow: UnitOfWork, target: Target) -> None:
    """What one side proposed for a dealer as a whole, the other agrees to."""
    if target.state != Target.PROPOSED:
        raise TargetNotProposed(target_id=target.target_id)
    if target.staff_id is None and target.proposed_by_dealer == uow.principal.is_dealer:
        raise TargetOwnProposal(target_id=target.target_id)


async def _agree(uow: UnitOfWork, target: Target, versions: Sequence[Target]) -> None:
    before = next((one for one in versions if one.state == Target.AGREED), None)
    if before is not None:
        before.supersede()
        await uow.flush()  # the database allows one that holds
    target.agree(uow.principal.subject, uow.now)
    await uow.flush()
    uow.emit(
        target_events_pb2.TargetAgreed(
            target_id=str(target.target_id),
            dealer_id=str(target.dealer_id),
            staff_id=str(target.staff_id or ""),
            measure=target.measure,
            period=period_message(target),
            value=plain(target.value),
            currency_code=target.currency_code,
            version=target.revision,
            superseded_target_id=str(before.target_id) if before is not None else "",
        ),
        of=target,
    )
    uow.audit("agree", "target", str(target.target_id))


async def _check_advisers(uow: UnitOfWork, rows: Sequence[Mapping[str, Any]]) -> None:
    wanted = {row["staff_id"] for row in rows if row["staff_id"] is not None}
    known = await staff_of(uow.session, wanted) if wanted else {}
    wrong = [
        FieldViolation(f"targets[{index}].staff_id", "STAFF_UNKNOWN", "The dealer has no such member of staff.")
        for index, row in enumerate(rows)
        if row["staff_id"] is not None and known.get(row["staff_id"]) != row["dealer_id"]
    ]
    if wrong:
        raise InvalidArgument(violations=wrong)
