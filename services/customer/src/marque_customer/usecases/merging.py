"""Merging customers, and undoing it. No row of a merged customer is rewritten: its survivor is read with it, until the merge is undone.

What is edited while two are one stays with whom it is about (docs/identity.md): what is said at the survivor is the survivor's, a contact
point and what is done to it are whose it was, a withdrawal is everybody's, and what others report under an id belongs to that id.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from marque.customer.v1 import customer_events_pb2
from servicekit import aliases
from servicekit.db.uow import UnitOfWork
from servicekit.errors import Aborted, DomainError, InvalidArgument

from marque_customer.errors import (
    CustomerErased,
    CustomerMerged,
    CustomerNotFound,
    CustomerRestricted,
    MergeCycle,
    MergeNotFound,
)
from marque_customer.models import Customer, CustomerMerge
from marque_customer.repository import customers as repository
from marque_customer.repository import duplicates, families, ledger, merges, permits, values
from marque_customer.repository.notes import connection_of
from marque_customer.rules.kinds import BY_BATCH, BY_PERSON, DISTINCT, ERASED, JOINED, MERGED, RESTRICTED, UNDECIDED
from marque_customer.usecases.golden import Said
from marque_customer.usecases.leads import referring
from marque_customer.usecases.saving import save


class Wish(NamedTuple):
    """That a customer be merged into another: why, across kinds too, the survivor's state that was read, and who decided."""

    into: uuid.UUID
    gone: uuid.UUID
    reasons: Sequence[str]
    across_kinds: bool = False
    etag: str = ""
    source: int = BY_PERSON


async def merge(*, uow: UnitOfWork, wish: Wish) -> Any:
    """Merges a customer into another; one that stands merged into the same gives that merge.

    Raises CustomerNotFound, InvalidArgument, CustomerMerged, CustomerErased, CustomerRestricted, MergeCycle, EtagMismatch, Aborted.
    """
    async with uow:
        held = await hold(uow, [wish.into, wish.gone])
        return await uow.answer(await join(uow, wish, held))


async def merge_many(*, uow: UnitOfWork, wishes: Sequence[Wish]) -> Any:
    """Merges pairs one after the other; answers each with its merge, or with the error that refused it."""
    async with uow:
        held = await hold(uow, sorted({one for wish in wishes for one in (wish.into, wish.gone)}))
        outcomes: list[CustomerMerge | DomainError] = []
        for wish in wishes:
            outcomes.append(await try_to_join(uow, wish, held))
        return await uow.answer(outcomes)


async def try_to_join(uow: UnitOfWork, wish: Wish, held: Mapping[uuid.UUID, Customer]) -> CustomerMerge | DomainError:
    """Returns the merge, or why it was refused: everything that refuses is asked before anything is written."""
    try:
        return await join(uow, wish, held)
    except DomainError as refusal:
        return refusal


async def merge_found(*, uow: UnitOfWork, wishes: Sequence[Wish]) -> list[CustomerMerge | DomainError]:
    """Merges pairs that the batch found, but those of whom a person said that they are two. Answers as `merge_many`, in a unit of work
    that answers no request.
    """
    async with uow:
        held = await hold(uow, sorted({one for wish in wishes for one in (wish.into, wish.gone)}))
        outcomes: list[CustomerMerge | DomainError] = []
        for wish in wishes:
            if await duplicates.decided_apart(uow.session, wish.into, wish.gone):
                outcomes.append(InvalidArgument.of("pairs", "DECIDED_DISTINCT", "A person said that they are two."))
            else:
                outcomes.append(await try_to_join(uow, wish._replace(source=BY_BATCH), held))
        return outcomes


async def hold(uow: UnitOfWork, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Customer]:
    """Locks customers with all who are one with them."""
    held = await families.locked(uow.session, customer_ids)
    if held is None:
        raise Aborted()
    return held


async def join(uow: UnitOfWork, wish: Wish, held: Mapping[uuid.UUID, Customer]) -> CustomerMerge:
    """Merges inside an open unit of work that holds both families."""
    if wish.into == wish.gone:
        raise InvalidArgument.of("from_customer_id", "MERGE_SELF", "A customer is not merged into itself.")
    seen = await duplicates.visible_among(uow.session, uow.principal, [wish.into, wish.gone])
    for customer_id in (wish.into, wish.gone):
        if customer_id not in held or customer_id not in seen:
            raise CustomerNotFound(customer_id=customer_id)
    into, gone = held[wish.into], held[wish.gone]
    if gone.status == MERGED and gone.merged_into == into.customer_id:
        known = await merges.standing(uow.session, gone.customer_id)
        if known is not None:
            return known
    _refuse(into, gone, wish)
    if await families.roots(uow.session, [into.customer_id]) != {into.customer_id: into.customer_id}:
        raise CustomerMerged(customer_id=into.customer_id, merged_into=into.merged_into)
    return await _join(uow, wish, into, gone)


def _refuse(into: Customer, gone: Customer, wish: Wish) -> None:
    into.check_etag(wish.etag)
    if into.status == MERGED and into.merged_into == gone.customer_id:
        raise MergeCycle(customer_id=into.customer_id, from_customer_id=gone.customer_id)
    for customer in (into, gone):
        customer.refuse_if_gone()
        if customer.status == RESTRICTED:
            raise CustomerRestricted(customer_id=customer.customer_id)
    if into.kind != gone.kind and not wish.across_kinds:
        raise InvalidArgument.of(
            "across_kinds", "MERGE_KINDS", "One is a person, the other an organisation. Say so to merge them."
        )


async def _join(uow: UnitOfWork, wish: Wish, into: Customer, gone: Customer) -> CustomerMerge:
    moment = await _moment(uow, [into, gone])
    for customer in (into, gone):
        (await _said(uow, customer)).complete(customer)
    merge = CustomerMerge(
        customer_id=into.customer_id,
        merged_customer_id=gone.customer_id,
        merge_time=moment,
        source=wish.source,
        reasons=list(wish.reasons),
        actor=uow.principal.subject,
        status_before=gone.status,
        status_time_before=gone.status_time,
    )
    uow.add(merge)
    gone.merge_into(into, moment)
    await save(uow, gone, await repository.parts_of(uow.session, gone.customer_id))
    changed = await recompose(uow, into)
    await aliases.begin(uow.session, gone.customer_id, into.customer_id, moment, into.version)
    await permits.withdraw(await connection_of(uow.session), into.customer_id)  # the stricter word of the two holds now
    await values.mark(await connection_of(uow.session), [into.customer_id])  # two lives are judged as one
    await _take_from_queue(uow, merge)
    _tell(uow, customer_events_pb2.CustomersMerged(), merge, moment, into)
    _tell_updated(uow, gone, ["status"])
    if changed:
        _tell_updated(uow, into, changed)
    uow.audit("merge", "customer", str(into.customer_id), ("merged_into_customer_id",))
    uow.audit("merge", "customer", str(gone.customer_id), ("merged_into_customer_id",))
    return merge


async def unmerge(*, uow: UnitOfWork, merge_id: uuid.UUID, reason: str) -> Any:
    """Undoes a merge; one that is undone is answered as it is. Raises MergeNotFound, CustomerErased, Aborted."""
    async with uow:
        merge = await merges.find(uow.session, uow.principal, merge_id)
        if merge is None:
            raise MergeNotFound(merge_id=merge_id)
        held = await hold(uow, [merge.customer_id, merge.merged_customer_id])
        merge = await merges.find(uow.session, uow.principal, merge_id)
        if merge is None:
            raise MergeNotFound(merge_id=merge_id)
        if merge.unmerge_time is None:
            await _part(uow, merge, held, reason)
        return await uow.answer(merge)


async def _part(uow: UnitOfWork, merge: CustomerMerge, held: Mapping[uuid.UUID, Customer], reason: str) -> None:
    into, gone = held[merge.customer_id], held[merge.merged_customer_id]
    for customer in (into, gone):
        if customer.status == ERASED:
            raise CustomerErased(customer_id=customer.customer_id)
    moment = await _moment(uow, list(held.values()))
    merge.undo(moment, reason, uow.principal.subject)
    gone.stand_alone(merge.status_before, merge.status_time_before)
    await recompose(uow, gone)
    changed: list[str] = []
    above: Customer | None = into
    while above is not None:  # the survivor may stand for another one since
        changed = await recompose(uow, above)
        if above is not into:
            _tell_updated(uow, above, changed or ["contact_points"])
        elif changed:
            _tell_updated(uow, above, changed)
        above = held[above.merged_into] if above.status == MERGED and above.merged_into is not None else None
    await permits.withdraw(
        await connection_of(uow.session), into.customer_id
    )  # what was permitted may be for the other's address
    await aliases.end(uow.session, gone.customer_id, into.customer_id, moment, into.version)
    await values.mark(await connection_of(uow.session), [into.customer_id, gone.customer_id])
    await _put_back_into_queue(uow, merge)
    await referring.parted(uow, list(held))
    _tell(uow, customer_events_pb2.CustomersUnmerged(), merge, moment, into)
    _tell_updated(uow, gone, ["status"])
    uow.audit("unmerge", "customer", str(into.customer_id), ("merged_into_customer_id",))
    uow.audit("unmerge", "customer", str(gone.customer_id), ("merged_into_customer_id",))


async def recompose(uow: UnitOfWork, customer: Customer) -> list[str]:
    """Makes a customer show what it and those merged into it have; returns the fields that differ. Its family must be locked."""
    await uow.flush()
    family = await families.family(uow.session, customer.customer_id)
    said = await Said.of(uow, family)
    await families.show_to_dealers(uow.session, customer, family)
    changed = customer.change(said.golden())
    await save(uow, customer, await repository.parts_of(uow.session, customer.customer_id))
    return sorted({_FIELD_OF.get(column, column) for column in changed})


async def hold_tied(uow: UnitOfWork, customer_ids: Sequence[uuid.UUID]) -> bool:
    """Locks customers with all who are one with them, where any is merged; tells whether that is so."""
    if set(await families.whole(uow.session, customer_ids)) == set(customer_ids):
        return False
    await hold(uow, customer_ids)
    return True


async def recompose_tied(uow: UnitOfWork, customer_ids: Sequence[uuid.UUID]) -> None:
    """Makes customers that were written past the unit of work, and the survivors of those that are merged, show what is theirs."""
    for customer in await families.upwards(uow.session, customer_ids):
        changed = await recompose(uow, customer)
        _tell_updated(uow, customer, changed or ["source_references"])


_FIELD_OF = dict.fromkeys(("family_name", "given_name", "full_name", "latin_name"), "name")


async def _said(uow: UnitOfWork, customer: Customer) -> Said:
    return await Said.of(uow, await families.family(uow.session, customer.customer_id))


async def _moment(uow: UnitOfWork, customers: Sequence[Customer]) -> datetime:
    """Takes the ledgers of all who are touched, so that no question about consent is answered meanwhile, and returns the clock."""
    touched = await families.members(uow.session, [customer.customer_id for customer in customers])
    return await ledger.lock_family(uow.session, {*touched, *(one for f in touched.values() for one in f)}, alone=True)


async def _take_from_queue(uow: UnitOfWork, merge: CustomerMerge) -> None:
    """The pair of the two is decided by this; what else the merged one may be is asked of the survivor."""
    pair = await duplicates.of_pair(uow.session, merge.customer_id, merge.merged_customer_id)
    if pair is not None:
        if pair.state in UNDECIDED:
            pair.decide(JOINED, uow.now, uow.principal.subject)
        pair.state, pair.merge_id = JOINED, merge.merge_id
    await uow.flush()
    moved = await duplicates.suspend(uow.session, merge.merged_customer_id, merge.merge_id, uow.now)
    await duplicates.put_candidates(uow.session, moved, "batch", uow.now, carried_by=merge.merge_id)


async def _put_back_into_queue(uow: UnitOfWork, merge: CustomerMerge) -> None:
    """Who undoes a merge says that they are two."""
    pair = await duplicates.of_pair(uow.session, merge.customer_id, merge.merged_customer_id)
    if pair is not None:
        pair.state, pair.decide_time, pair.decider = DISTINCT, uow.now, uow.principal.subject
    await uow.flush()
    await duplicates.resume(uow.session, merge.merge_id, uow.now)


def _tell(uow: UnitOfWork, event: Any, merge: CustomerMerge, moment: datetime, into: Customer) -> None:
    event.customer_id, event.merged_customer_id = str(merge.customer_id), str(merge.merged_customer_id)
    event.merge_id = str(merge.merge_id)
    event.occur_time.FromDatetime(moment)
    uow.emit(event, of=into)


def _tell_updated(uow: UnitOfWork, customer: Customer, fields: Sequence[str]) -> None:
    event = customer_events_pb2.CustomerUpdated(customer_id=str(customer.customer_id), changed_fields=fields)
    event.status = customer.status  # type: ignore[assignment]
    uow.emit(event, of=customer)
