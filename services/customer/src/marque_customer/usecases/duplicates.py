"""Pairs that may be one customer: found when one is written, and decided by people."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_customer.errors import DuplicateNotFound
from marque_customer.models import Customer, DuplicateCandidate
from marque_customer.repository import duplicates as repository
from marque_customer.repository.customers import Parts
from marque_customer.repository.duplicates import Pair
from marque_customer.rules import reasons
from marque_customer.rules.kinds import BY_QUEUE, DISTINCT, LATER, PERSON
from marque_customer.usecases.merging import Wish, hold, join

DECIDE_MERGE, DECIDE_DISTINCT, DECIDE_LATER = 1, 2, 3
PUT_OFF = timedelta(days=7)
_AT_ONCE = 500
_NAME = "sweep:duplicates"


class Match(NamedTuple):
    """Another customer with something exactly the same: what, as codes."""

    customer_id: uuid.UUID
    codes: list[str]


class Decision(NamedTuple):
    """What a person decides of a pair."""

    candidate_id: uuid.UUID
    decision: int
    surviving: uuid.UUID | None
    across_kinds: bool
    review_time: datetime | None
    etag: str


async def met(
    uow: UnitOfWork, customer: Customer, parts: Parts, contacts: Sequence[tuple[int, str]], born: bool
) -> list[Match]:
    """Looks for others with exactly the same contact points (kind, match key), or name and birthday (`born`: it was written); puts the
    pairs into the queue and returns those that the caller may see. The customer must be flushed.
    """
    family = parts.family or [customer.customer_id]
    found: dict[uuid.UUID, set[str]] = {}
    for other, kind in await repository.same_contacts(uow.session, contacts, family):
        found.setdefault(other, set()).add(reasons.OF_CONTACT[kind])
    if born and customer.kind == PERSON and customer.birth_date > _NO_YEAR:
        mine, plates = (customer.full_name, customer.latin_name), set(parts.plates)
        for other, name, latin, theirs in await repository.same_birthday(uow.session, customer.birth_date, family):
            if reasons.same_name(mine, (name, latin)):
                codes = found.setdefault(other, set())
                codes.update(
                    (reasons.SAME_NAME, reasons.SAME_BIRTH_DATE, *([reasons.SAME_PLATE] if plates & theirs else []))
                )
    if not found:
        return []
    pairs = [pair_of(customer.customer_id, other, codes) for other, codes in found.items()]
    queued = [pair for pair in pairs if pair.score >= reasons.QUEUED_FROM]
    await repository.put_candidates(uow.session, queued, "write", uow.now)
    seen = await repository.visible_among(uow.session, uow.principal, list(found))
    return [Match(other, sorted(codes)) for other, codes in sorted(found.items()) if other in seen]


_NO_YEAR = 9999  # a birthday without its year tells too little


def pair_of(one: uuid.UUID, other: uuid.UUID, codes: set[str]) -> Pair:
    """Returns the pair of two customers who have some things exactly in common."""
    return Pair(one, other, reasons.score(codes), [{"code": code, "weight": 0.0} for code in sorted(codes)])


async def decide(*, uow: UnitOfWork, decision: Decision) -> Any:
    """Decides a pair; answers it with the cards of both. Of two at once the later one finds it decided.

    Raises DuplicateNotFound, DuplicateDecided, EtagMismatch, InvalidArgument, and what a merge raises.
    """
    async with uow:
        pair = await _found(uow, decision.candidate_id, lock=False)
        merging = decision.decision == DECIDE_MERGE
        # The customers before the pair, as a merge takes them: in another order two clerks would wait for each other.
        held = await hold(uow, [pair.left_id, pair.right_id]) if merging else {}
        pair = await _found(uow, decision.candidate_id, lock=True)
        pair.refuse_if_decided()
        pair.check_etag(decision.etag)
        if merging:
            await _merge(uow, pair, decision, held)
        elif decision.decision == DECIDE_DISTINCT:
            pair.decide(DISTINCT, uow.now, uow.principal.subject)
        else:
            later = decision.review_time or uow.now + PUT_OFF
            if later <= uow.now:
                raise InvalidArgument.of("review_time", "TIME_IN_PAST", "Give a moment to come.")
            pair.decide(LATER, uow.now, uow.principal.subject, review_time=later)
        uow.audit("decide", "duplicate_candidate", str(pair.candidate_id), ("state",))
        await uow.flush()
        cards = await repository.cards(uow.session, (pair.left_id, pair.right_id))
        return await uow.answer((pair, cards))


async def _found(uow: UnitOfWork, candidate_id: uuid.UUID, *, lock: bool) -> DuplicateCandidate:
    pair = await repository.find(uow.session, uow.principal, candidate_id, lock=lock)
    if pair is None:
        raise DuplicateNotFound(candidate_id=candidate_id)
    return pair


async def _merge(
    uow: UnitOfWork, pair: DuplicateCandidate, decision: Decision, held: Mapping[uuid.UUID, Customer]
) -> None:
    survivor = decision.surviving or pair.left_id
    if survivor not in (pair.left_id, pair.right_id):
        raise InvalidArgument.of("surviving_customer_id", "NOT_OF_PAIR", "Name one of the two customers.")
    gone = pair.right_id if survivor == pair.left_id else pair.left_id
    codes = [item["code"] for item in pair.reasons] or ["DECIDED"]
    await join(uow, Wish(survivor, gone, codes, decision.across_kinds, "", BY_QUEUE), held)


async def reopen(*, work: Work) -> bool:
    """Puts pairs back into the queue whose time has come; returns whether more may be left."""
    if not await repository.any_due(work.reader, now()):
        return False
    async with work(Call(SYSTEM, _NAME)) as uow:
        return await repository.reopen(uow.session, uow.now, _AT_ONCE) == _AT_ONCE
