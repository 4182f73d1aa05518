"""Leads of many people at once: what `people` and `creating` do for one, in a few statements for all.

Only for people who have nothing to do with each other and no open lead: what a lead is met with then does not depend on the others, so
that their order does not matter. Whoever shares a phone, an e-mail or a known person with another one is left to be taken in order.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_customer.models import Customer, Lead, LeadChange, Relation
from marque_customer.repository import customers as customer_rows
from marque_customer.repository import families, lead_import, lead_work
from marque_customer.repository import leads as lead_rows
from marque_customer.repository.customers import Parts
from marque_customer.rules import lead_people as rules
from marque_customer.rules.kinds import LISTED, PHONE
from marque_customer.rules.lead_people import Told
from marque_customer.rules.leads import NEW, wish_key
from marque_customer.usecases import customers, saving
from marque_customer.usecases.leads import common, creating, people

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody who asks for a car: what they tell of themselves, the wish, and the dealer who is named."""

    told: Told
    wish: creating.Wish
    dealer_id: uuid.UUID | None

    @property
    def keys(self) -> set[Key]:
        """What the person may be known by."""
        return {(contact.kind, contact.match_key) for contact in self.told.contacts}


@dataclass(slots=True)
class _Case:
    """One of those who are taken at once, under way."""

    asked: Asked
    customer: Customer
    parts: Parts
    new: bool
    lead: Lead
    changes: list[LeadChange] = field(default_factory=list)
    relation: Relation | None = None


async def begin(uow: UnitOfWork, asked: Mapping[int, Asked], source: str) -> dict[int, Lead]:
    """Returns the new leads of those who could be taken at once, by their number; the others are left. Contacts must be locked."""
    known = await _alone(uow, asked)
    if not known:
        return {}
    standing = await _standing(uow, known)
    parts = await customer_rows.parts_of_all(uow.session, list(standing))
    cases: dict[int, _Case] = {}
    for number, root in known.items():
        one = asked[number]
        customer = standing.get(root) if root is not None else None
        if customer is not None:
            cases[number] = _case(uow, one, customer, parts[customer.customer_id], new=False)
        else:
            values, points = people.described(one.told, source)
            cases[number] = _case(uow, one, *customers.draft(uow, values=values, contacts=points), new=True)
    await _write(uow, list(cases.values()), source)
    return {number: case.lead for number, case in cases.items()}


async def _alone(uow: UnitOfWork, asked: Mapping[int, Asked]) -> dict[int, uuid.UUID | None]:
    """Returns those who can be taken at once, each with the person who is known for it, None for somebody new."""
    holders = await lead_import.holders(uow.session, {key for one in asked.values() for key in one.keys})
    roots = await families.roots(uow.session, {row.customer_id for rows in holders.values() for row in rows})
    met = {number: [row for key in one.keys for row in holders.get(key, ())] for number, one in asked.items()}
    people_met = {number: {roots[row.customer_id] for row in rows} for number, rows in met.items()}
    shared = _shared(one.keys for one in asked.values()) | _shared(people_met.values())
    found: dict[int, uuid.UUID | None] = {}
    for number, one in asked.items():
        if not (shared & one.keys or shared & people_met[number]):
            rows = sorted(met[number], key=lambda row: (not row.owned, row.kind, row.customer_id))
            holder = rules.holder(one.told.name, rows[: lead_import.MOST_HOLDERS])
            found[number] = None if holder is None else roots[holder.customer_id]
    busy = await _with_open_leads(uow, [root for root in found.values() if root is not None])
    fresh = {key for number, root in found.items() if root is None for kind, key in asked[number].keys if kind == PHONE}
    taken = {(PHONE, key) for key in await lead_import.taken(uow.session, fresh)}
    return {
        number: root
        for number, root in found.items()
        if root not in busy and not (root is None and taken & asked[number].keys)
    }


def _shared(sets: Iterable[Iterable[Hashable]]) -> set[Hashable]:
    return {one for one, count in Counter(one for some in sets for one in set(some)).items() if count > 1}


async def _with_open_leads(uow: UnitOfWork, roots: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of some people who have an open lead, themselves or by one merged into them; they are locked, and so are the leads."""
    await customer_rows.locked(uow.session, sorted(set(roots)))
    below = await families.members(uow.session, roots)
    root_of = {member: root for root, members in below.items() for member in (root, *members)}
    leads = await lead_rows.open_of(uow.session, list(root_of)) if root_of else []
    return {root_of[lead.customer_id] for lead in leads}


async def _standing(uow: UnitOfWork, known: Mapping[int, uuid.UUID | None]) -> dict[uuid.UUID, Customer]:
    """The rows of those who are known and still live, which are locked already."""
    roots = sorted({root for root in known.values() if root is not None})
    rows = await customer_rows.locked(uow.session, roots) if roots else []
    return {row.customer_id: row for row in rows if row.status in LISTED}


def _case(uow: UnitOfWork, asked: Asked, customer: Customer, parts: Parts, *, new: bool) -> _Case:
    lead = creating.draft(customer.customer_id, asked.wish, wish_key(asked.wish.interest), None, uow.now)
    return _Case(asked, customer, parts, new, lead)


async def _write(uow: UnitOfWork, cases: Sequence[_Case], source: str) -> None:
    """Writes parents before children; what repeats a customer's dealers is made of the dealer that is about to know it."""
    await _relations(uow, cases)
    fresh = [case for case in cases if case.new]
    for case in fresh:
        saving.compose(uow, case.customer, case.parts)
    uow.add(*(case.customer for case in fresh))
    await uow.flush()
    for case in fresh:
        values, points = people.described(case.asked.told, source)
        uow.add(*case.parts.points)
        customers.keep_said(uow, case.customer, case.parts, values, points)
        customers.say_created(uow, case.customer, case.parts)
    latest = await lead_work.latest_rules(uow.session)
    due = await _place(uow, cases, latest)
    uow.add(*(case.lead for case in cases), *(case.relation for case in cases if case.relation is not None))
    await uow.flush()
    uow.add(*(change for case in cases for change in case.changes))
    await uow.schedule_all(common.CLOCK, due)
    await _show(uow, cases)
    await _say(uow, cases)


async def _relations(uow: UnitOfWork, cases: Sequence[_Case]) -> None:
    """Begins the relations with the dealers who are named, where there is none of the kind."""
    pairs = [(case.customer.customer_id, case.asked.dealer_id) for case in cases if case.asked.dealer_id is not None]
    known = await lead_import.related(uow.session, pairs, common.RELATION_LEAD)
    for case in cases:
        dealer_id = case.asked.dealer_id
        if dealer_id is None or (case.customer.customer_id, dealer_id) in known:
            continue
        case.parts.dealers.add(dealer_id)
        case.relation = Relation(
            customer_id=case.customer.customer_id,
            dealer_id=dealer_id,
            kind=common.RELATION_LEAD,
            start_time=uow.now,
            origin_type="customer.lead",
            origin_id=str(case.lead.lead_id),
        )


async def _place(uow: UnitOfWork, cases: Sequence[_Case], latest: Any) -> dict[str, Any]:
    """Grades the leads and gives them to the dealers who are named; returns when each clock is due, by lead."""
    hours = {}
    for named in sorted({case.asked.dealer_id for case in cases if case.asked.dealer_id is not None}):
        hours[named] = await common.hours_of(uow, named)
    due = {}
    for case in cases:
        lead, dealer_id = case.lead, case.asked.dealer_id
        common.take_grade(lead, case.customer, case.parts, latest)
        case.changes.append(common.entry(uow, lead, "CREATED", dealer_id=dealer_id))
        if dealer_id is None:
            lead.seek_dealer(uow.now)
            continue
        before = lead.stage
        lead.place_at(dealer_id, None, [{"code": "DEALER_NAMED"}], uow.now)
        case.changes.append(common.entry(uow, lead, "ASSIGNED", before=before))
        calendar, lead.held_reason = hours[dealer_id]
        if calendar is not None:
            due[str(lead.lead_id)] = common.start_clock(lead, calendar, latest.rules, uow.now)
        # As in `creating`: the dealer is given, the adviser is still to be found.
        lead.route_round, lead.route_time = 1, uow.now
    return due


async def _show(uow: UnitOfWork, cases: Sequence[_Case]) -> None:
    """Lets the dealers see the people, and find them."""
    begun = [case for case in cases if case.relation is not None]
    rows = [
        {
            "customer_id": case.customer.customer_id,
            "dealer_id": case.asked.dealer_id,
            "update_time": case.customer.update_time,
            "create_time": case.customer.create_time,
            "kind": case.customer.kind,
            "status": case.customer.status,
        }
        for case in begun
    ]
    await lead_import.show_to_dealers(uow.session, rows)
    await saving.refresh_search_of(uow, [(case.customer, case.parts) for case in begun if not case.new])


async def _say(uow: UnitOfWork, cases: Sequence[_Case]) -> None:
    for case in cases:
        creating.say_created(uow, case.lead, case.asked.dealer_id)
        if case.relation is not None:
            saving.say_started(uow, case.relation)
    given = [case.lead for case in cases if case.lead.dealer_id is not None]
    await lead_import.placed(uow.session, given)
    for lead in given:
        common.say_assigned(uow, lead)
        common.say_stage(uow, lead, NEW)
