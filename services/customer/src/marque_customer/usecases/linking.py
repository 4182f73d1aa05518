"""What the batch linker found, brought into the service: sure pairs are merged, doubtful ones are put before a clerk."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from servicekit.db.uow import Work
from servicekit.errors import Aborted, DomainError
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_customer.repository import documents
from marque_customer.repository import linking as repository
from marque_customer.repository.duplicates import Pair, put_candidates
from marque_customer.rules import reasons
from marque_customer.usecases.duplicates import pair_of
from marque_customer.usecases.merging import Wish, merge_found

AT_ONCE = 100
_NAME = "batch:duplicates"
_TRIES = 3
_MOST_TWINS = 10_000


class Linked(NamedTuple):
    """A pair that the linker gave: how likely (0 to 1), whether it is sure enough to be merged without asking, and why."""

    left_id: uuid.UUID
    right_id: uuid.UUID
    score: float
    merge: bool
    reasons: list[dict[str, Any]]


class Applied(NamedTuple):
    """How many pairs were merged, how many of those to merge were refused, how many are new or changed in the queue."""

    merged: int = 0
    refused: int = 0
    queued: int = 0


async def merge(*, work: Work, pairs: Sequence[Linked]) -> Applied:
    """Merges pairs, each newer customer into the older one; what is refused is put before a clerk instead.

    Doing it again changes nothing: a pair that is merged is no pair any more. Those whom a person declared two are left alone.
    """
    refused: list[Linked] = []
    merged = 0
    for pair in pairs:
        # A pair a transaction: one that holds a family that is written just now must not hold up the others.
        outcome = await _merge_one(work, pair)
        if isinstance(outcome, DomainError):
            refused.append(pair)
        else:
            merged += outcome
    queued = (await queue(work=work, pairs=refused)).queued if refused else 0
    return Applied(merged, len(refused), queued)


async def _merge_one(work: Work, pair: Linked) -> int | DomainError:
    into, gone = sorted(pair[:2])  # ids are in the order of time
    async with work.read() as session:
        if len(await repository.live(session, (into, gone))) < 2:
            return 0
    wish = Wish(into, gone, [reason["code"] for reason in pair.reasons] or ["BATCH"])
    for _ in range(_TRIES):
        try:
            outcome = (await merge_found(uow=work(Call(SYSTEM, _NAME)), wishes=[wish]))[0]
        except Aborted as busy:
            refusal: DomainError = busy
            continue
        return outcome if isinstance(outcome, DomainError) else 1
    return refusal


async def queue(*, work: Work, pairs: Sequence[Linked]) -> Applied:
    """Puts pairs into the queue of duplicates; who was erased, restricted or merged since they were read is left out."""
    async with work(Call(SYSTEM, _NAME)) as uow:
        live = await repository.live(uow.session, {one for pair in pairs for one in pair[:2]})
        held = [Pair(p.left_id, p.right_id, p.score, p.reasons) for p in pairs if {p.left_id, p.right_id} <= live]
        return Applied(queued=await put_candidates(uow.session, held, "batch", uow.now))


async def queue_twins(*, work: Work) -> int:
    """Puts those before a clerk who have exactly the same number of an identity document, by its keyed hash; returns how many are new."""
    async with work(Call(SYSTEM, _NAME)) as uow:
        found = await documents.twins(uow.session, _MOST_TWINS)
        live = await repository.live(uow.session, {one for pair in found for one in pair})
        pairs = [pair_of(*pair, {reasons.SAME_IDENTITY_NUMBER}) for pair in found if set(pair) <= live]
        return await put_candidates(uow.session, pairs, "batch", uow.now)
