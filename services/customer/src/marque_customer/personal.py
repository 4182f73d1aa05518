"""A person's rights over what this service holds: everything shown, and everything forgotten but the ledger that proves consent."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import sqlalchemy as sa
from google.protobuf.json_format import MessageToDict
from marque.customer.v1 import customer_events_pb2, customer_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.personal import Erasure, PersonalRecord, Retained
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import (
    ConsentEntry,
    ContactPoint,
    Customer,
    DealerCustomer,
    FleetDeal,
    FleetDealPart,
    Interaction,
    KnownCar,
    Lead,
    LeadChange,
    LeadIntake,
    LeadPromise,
    LeadRecall,
    PhoneCall,
    Quote,
    QuoteVersion,
    Referral,
    Relation,
    SourceRecord,
    SourceReference,
    Task,
    TestDrive,
)
from marque_customer.repository import contact_rules, duplicates, families, permits, referrals
from marque_customer.repository import customers as repository
from marque_customer.repository.notes import connection_of
from marque_customer.rules.kinds import ERASED
from marque_customer.usecases.merging import recompose
from marque_customer.usecases.saving import save

_ALL = "*"
_CUSTOMER = "customer.customer"
# Kind of record → table, its key, and the columns that are ours alone and no answer to a person.
_PARTS: dict[str, tuple[Any, str]] = {
    "customer.contact_point": (ContactPoint, "contact_point_id"),
    "customer.source_reference": (SourceReference, "source_key"),
    "customer.relation": (Relation, "relation_id"),
    "customer.interaction": (Interaction, "interaction_id"),
    "customer.known_car": (KnownCar, "ownership_id"),
    "customer.source_record": (SourceRecord, "source"),
    "customer.call": (PhoneCall, "call_id"),
    "customer.task": (Task, "task_id"),
    # The showroom's; they name leads, so they go before those.
    "customer.test_drive": (TestDrive, "test_drive_id"),
    "customer.lead_recall": (LeadRecall, "lead_id"),
    "customer.referral": (Referral, "referral_id"),
    "customer.fleet_deal_part": (FleetDealPart, "fleet_deal_part_id"),
    "customer.fleet_deal": (FleetDeal, "fleet_deal_id"),
    "customer.quote_version": (QuoteVersion, "number"),
    "customer.quote": (Quote, "quote_id"),
    "customer.lead_intake": (LeadIntake, "intake_id"),
    "customer.lead_promise": (LeadPromise, "promise_id"),
    "customer.lead_change": (LeadChange, "sequence"),
    "customer.lead": (Lead, "lead_id"),
}
_LEDGER = "customer.consent_entry"
_PAIR = "customer.duplicate_candidate"
_REFERRAL = "customer.referral"
_PERMIT = "customer.contact_permit"
_OURS = frozenset(
    {"content_hash", "match_key", "version", "plate_stale_time", "holding"}
    | {"wish_key", "group_id", "route_time", "route_round", "passed_dealers", "traceparent", "change_count", "loss_by"}
    | {"deal_create_time", "car_key", "ask_by", "decide_by", "ask_task_id"}
)


class CustomerPersonalData:
    """What the kit's PersonalDataApi works on."""

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields the profile and every part of it."""
        cards = sa.select(Customer.customer_id, Customer.card).where(Customer.customer_id.in_(customer_ids))
        for row in await session.execute(cards):
            message = customer_pb2.Customer.FromString(row.card)
            profile = MessageToDict(message, preserving_proto_field_name=True)
            yield PersonalRecord(_CUSTOMER, str(row.customer_id), profile)
        for kind, (model, key) in {**_PARTS, _LEDGER: (ConsentEntry, "consent_entry_id")}.items():
            table = model.__table__
            query = sa.select(table).where(table.c.customer_id.in_(customer_ids)).order_by(table.c[key])
            for row in await session.execute(query):
                found = {name: value for name, value in row._mapping.items() if name not in _OURS}
                yield PersonalRecord(kind, str(found[key]), found)
        for row in await referrals.by_referrers(session, customer_ids):
            yield PersonalRecord(_REFERRAL, str(row.referral_id), dict(row._mapping))
        connection = await connection_of(session)
        for kind, key, rows in (
            (_PERMIT, "contact_permit_id", await permits.of_persons(connection, customer_ids)),
            ("customer.contact_hold", "reference_id", await contact_rules.holds_of(connection, customer_ids)),
        ):
            for row in rows:
                yield PersonalRecord(kind, str(row[key]), dict(row))

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Deletes the parts and empties the profile. The ledger stays as proof, without the person's own sign-in names."""
        done = Erasure()
        await self._erase_permits(uow, customer_ids, done)
        for customer in await repository.locked(uow.session, customer_ids):
            await self._erase_one(uow, customer, held_kinds, done)
        if not held_kinds & {_ALL, _PAIR}:
            _count(done, _PAIR, await duplicates.forget(uow.session, customer_ids))
        await _forget_above(uow, customer_ids)
        kept = await uow.session.scalar(sa.select(sa.func.count()).where(ConsentEntry.customer_id.in_(customer_ids)))
        if kept:
            done.retained.append(Retained(_LEDGER, kept, "CONSENT_PROOF"))
            await uow.session.execute(
                sa.update(ConsentEntry)
                .where(ConsentEntry.customer_id.in_(customer_ids), ConsentEntry.actor != "erased")
                .values(actor="erased")
            )
        return done

    async def _erase_permits(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], done: Erasure) -> None:
        """Voids and deletes permits; one under which a hand-over may be under way stays until it is old: ids only, no address."""
        await repository.locked(uow.session, customer_ids)
        connection = await connection_of(uow.session)
        for customer_id in customer_ids:
            await permits.withdraw(connection, customer_id)
        gone, left = await permits.forget(connection, customer_ids)
        _count(done, _PERMIT, gone)
        if left:
            done.retained.append(Retained(_PERMIT, left, "HAND_OVER_UNDER_WAY"))
        holds = await contact_rules.forget_holds(uow.session, customer_ids)
        _count(done, "customer.contact_hold", holds)

    async def _erase_one(self, uow: UnitOfWork, customer: Customer, held: frozenset[str], done: Erasure) -> None:
        mine = {"customer_id": customer.customer_id}
        for kind, (model, _) in _PARTS.items():
            where = model.customer_id == mine["customer_id"]
            if _ALL in held or kind in held:
                count = await uow.session.scalar(sa.select(sa.func.count()).select_from(model).where(where))
                if count:
                    done.retained.append(Retained(kind, count, "LEGAL_HOLD"))
                continue
            result = await uow.session.execute(sa.delete(model).where(where))
            _count(done, kind, result.rowcount)  # type: ignore[attr-defined]
        if not held & {_ALL, _REFERRAL}:
            _count(done, _REFERRAL, await referrals.forget_referrers(uow.session, customer.customer_id))
        if _ALL in held or _CUSTOMER in held:
            done.retained.append(Retained(_CUSTOMER, 1, "LEGAL_HOLD"))
            return
        if customer.status == ERASED:
            return
        if not (_ALL in held or "customer.relation" in held):
            await uow.session.execute(
                sa.delete(DealerCustomer).where(DealerCustomer.customer_id == customer.customer_id)
            )
        customer.forget(uow.now)
        await save(uow, customer, await repository.parts_of(uow.session, customer.customer_id))
        event = customer_events_pb2.CustomerUpdated(customer_id=str(customer.customer_id), changed_fields=["status"])
        event.status = customer.status  # type: ignore[assignment]
        uow.emit(event, of=customer)
        _count(done, _CUSTOMER, 1)


async def _forget_above(uow: UnitOfWork, customer_ids: Sequence[uuid.UUID]) -> None:
    """Lets survivors, who showed what an erased customer had, show only what is their own."""
    await uow.flush()
    above = [
        one for one in await families.upwards(uow.session, customer_ids) if one.customer_id not in set(customer_ids)
    ]
    for customer in above:
        await recompose(uow, customer)


def _count(done: Erasure, kind: str, rows: int) -> None:
    if rows:
        done.erased[kind] = done.erased.get(kind, 0) + rows
