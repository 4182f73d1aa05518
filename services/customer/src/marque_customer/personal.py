"""A person's rights over what this service holds: everything shown, and everything forgotten but the ledger that proves consent."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import sqlalchemy as sa
from google.protobuf.json_format import MessageToDict
from marque.customer.v1 import customer_events_pb2, customer_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.personal import LEGAL_HOLD, Erasure, PersonalRecord, Retained
from servicekit.sealing.sealer import Sealer
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import (
    ConsentEntry,
    ContactPoint,
    Customer,
    CustomerValue,
    DealerCustomer,
    DuplicateCandidate,
    FleetDeal,
    FleetDealPart,
    Holding,
    IdentityDocument,
    Interaction,
    KnownCar,
    KnownSale,
    KnownVisit,
    Lead,
    LeadChange,
    LeadIntake,
    LeadPromise,
    LeadRecall,
    LifecycleChange,
    LostReason,
    OrganisationProfile,
    PhoneCall,
    ProcessingRestriction,
    ProfileMark,
    Quote,
    QuoteVersion,
    Referral,
    Relation,
    SourceRecord,
    SourceReference,
    SpendEntry,
    Task,
    TestDrive,
    UnreachablePlace,
)
from marque_customer.repository import (
    contact_rules,
    duplicates,
    erasures,
    exports,
    families,
    gone_leads,
    permits,
    referrals,
    residue,
    test_drives,
    ties,
)
from marque_customer.repository import customers as repository
from marque_customer.repository.notes import connection_of
from marque_customer.rules.erasing import CASE_OPEN, REACHING
from marque_customer.rules.kinds import ERASED
from marque_customer.usecases.merging import recompose
from marque_customer.usecases.rights.documents import opened
from marque_customer.usecases.saving import save

_ALL = "*"
_CUSTOMER = "customer.customer"
# Kind of record → table, its key, and the columns that are ours alone and no answer to a person.
_PARTS: dict[str, tuple[Any, str]] = {
    "customer.contact_point": (ContactPoint, "contact_point_id"),
    "customer.unreachable_place": (UnreachablePlace, "place_id"),
    "customer.identity_document": (IdentityDocument, "identity_document_id"),
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
    "customer.value": (CustomerValue, "customer_id"),
    "customer.lifecycle_change": (LifecycleChange, "change_id"),
    "customer.known_sale": (KnownSale, "sale_id"),
    "customer.known_visit": (KnownVisit, "repair_order_id"),
    "customer.spend_entry": (SpendEntry, "reference_id"),
    "customer.lost_reason": (LostReason, "invitation_id"),
    "customer.holding": (Holding, "holding_id"),
    "customer.organisation_profile": (OrganisationProfile, "customer_id"),
}
# What other services said goes with the profile and not before: of who is still known here a snapshot would bring it back.
_HEARD = frozenset({"customer.known_car", "customer.known_sale", "customer.known_visit"})
_LEDGER = "customer.consent_entry"
_PAIR = "customer.duplicate_candidate"
_TIE = "customer.tie"
_REFERRAL = "customer.referral"
_PERMIT = "customer.contact_permit"
_HOLD, _RESTRICTION, _EXPORT = "customer.contact_hold", "customer.processing_restriction", "customer.data_export"
# Of the other one of a pair nothing is told but why the two may be one.
_OF_PAIR = ("candidate_id", "score", "reasons", "state", "create_time", "decide_time")
_OURS = frozenset(
    {"content_hash", "match_key", "version", "plate_stale_time", "holding", "number_sealed", "number_hash"}
    | {"next_time", "ask_time", "owner_id"}
    | {"wish_key", "group_id", "route_time", "route_round", "passed_dealers", "traceparent", "change_count", "loss_by"}
    | {"deal_create_time", "car_key", "ask_by", "decide_by", "ask_task_id", "told_version"}
)


class CustomerPersonalData:
    """What the kit's PersonalDataApi works on."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields the profile and every part of it."""
        cards = sa.select(Customer.customer_id, Customer.card).where(Customer.customer_id.in_(customer_ids))
        for row in await session.execute(cards):
            message = customer_pb2.Customer.FromString(row.card)
            profile = MessageToDict(message, preserving_proto_field_name=True)
            yield PersonalRecord(_CUSTOMER, str(row.customer_id), profile)
        kept = {
            _LEDGER: (ConsentEntry, "consent_entry_id"),
            _RESTRICTION: (ProcessingRestriction, "restriction_id"),
            # Goes by itself within seconds of the erasure: the counts must follow (usecases.completeness.counting).
            "customer.profile_mark": (ProfileMark, "customer_id"),
        }
        for kind, (model, key) in {**_PARTS, **kept}.items():
            table = model.__table__
            query = sa.select(table).where(table.c.customer_id.in_(customer_ids)).order_by(table.c[key])
            for row in await session.execute(query):
                found = {name: value for name, value in row._mapping.items() if name not in _OURS}
                if model is IdentityDocument:
                    found |= self._number(row)
                yield PersonalRecord(kind, str(found[key]), found)
        for row in await ties.of(session, customer_ids):  # what ties them is told, not to whom
            said = {name: getattr(row, name) for name in ("kind", "role", "title", "source", "create_time", "end_time")}
            yield PersonalRecord(_TIE, str(row.tie_id), said)
        for row in await referrals.by_referrers(session, customer_ids):
            yield PersonalRecord(_REFERRAL, str(row.referral_id), dict(row._mapping))
        connection = await connection_of(session)
        for kind, key, rows in (
            (_PERMIT, "contact_permit_id", await permits.of_persons(connection, customer_ids)),
            (_HOLD, "reference_id", await contact_rules.holds_of(connection, customer_ids)),
        ):
            for row in rows:
                yield PersonalRecord(kind, str(row[key]), dict(row))
        either = sa.or_(DuplicateCandidate.left_id.in_(customer_ids), DuplicateCandidate.right_id.in_(customer_ids))
        pairs = sa.select(*(getattr(DuplicateCandidate, name) for name in _OF_PAIR)).where(either)
        for kind, key, others in (
            (_PAIR, "candidate_id", await session.execute(pairs.order_by(DuplicateCandidate.candidate_id))),
            ("customer.merge", "merge_id", await residue.merges(session, customer_ids)),
        ):
            for row in others:
                yield PersonalRecord(kind, str(row._mapping[key]), dict(row._mapping))

    def _number(self, row: Any) -> dict[str, Any]:
        """The number of a document in clear; where its key is gone the record says so, and the rest is shown."""
        number = opened(self._sealer, row)
        return {"number": number} if number is not None else {"number_unreadable": True}

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Deletes the parts and empties the profile. The ledger stays as proof, without the person's own sign-in names."""
        done = Erasure()
        await self._erase_permits(uow, customer_ids, done)
        held = await self._with_cases(uow, customer_ids, held_kinds, done)
        for kind, rows in (await residue.forget_unnamed(uow.session, customer_ids)).items():
            _count(done, kind, rows)
        done.named.extend(await residue.leads(uow.session, customer_ids))
        persons = await repository.locked(uow.session, customer_ids)
        if not held.keys() & {_ALL, "customer.lead"}:
            await test_drives.part_from_leads(uow.session, customer_ids)
        # The parts of all before the profile of any: a survivor's card and search text are made of what its whole family has.
        for customer in persons:
            await self._erase_parts(uow, customer, held, done)
        for customer in persons:
            await self._erase_profile(uow, customer, held, done)
        if not held_kinds & {_ALL, _TIE}:
            _count(done, _TIE, await ties.forget(uow.session, customer_ids))
        elif kept := len(await ties.of(uow.session, customer_ids)):
            done.retained.append(Retained(_TIE, kept, "LEGAL_HOLD"))
        if not held_kinds & {_ALL, _PAIR}:
            _count(done, _PAIR, await duplicates.forget(uow.session, customer_ids))
        _count(done, _EXPORT, await exports.forget(uow.session, customer_ids, uow.now))
        if restricted := await erasures.restrictions(uow.session, customer_ids):
            done.retained.append(Retained(_RESTRICTION, restricted, "RIGHTS_PROOF"))
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

    async def _with_cases(
        self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held: frozenset[str], done: Erasure
    ) -> dict[str, str]:
        """Forgets closed cases. Returns the kinds that are kept, and why: who has an open case must still be written to."""
        _count(done, _HOLD, await contact_rules.forget_holds(uow.session, customer_ids))
        left = len(await contact_rules.holds_of(await connection_of(uow.session), customer_ids))
        if left:
            done.retained.append(Retained(_HOLD, left, CASE_OPEN))
        return dict.fromkeys(REACHING if left else (), CASE_OPEN) | dict.fromkeys(held, LEGAL_HOLD)

    async def _erase_parts(self, uow: UnitOfWork, customer: Customer, held: dict[str, str], done: Erasure) -> None:
        for kind, (model, _) in _PARTS.items():
            where = model.customer_id == customer.customer_id
            keeps = _CUSTOMER if kind in _HEARD else kind
            if _ALL in held or kind in held or keeps in held:
                count = await uow.session.scalar(sa.select(sa.func.count()).select_from(model).where(where))
                if count:
                    done.retained.append(Retained(kind, count, held.get(kind) or held.get(keeps) or LEGAL_HOLD))
                continue
            if model is Lead:
                await gone_leads.remember(uow.session, where, uow.now)
            result = await uow.session.execute(sa.delete(model).where(where))
            _count(done, kind, result.rowcount)  # type: ignore[attr-defined]

    async def _erase_profile(self, uow: UnitOfWork, customer: Customer, held: dict[str, str], done: Erasure) -> None:
        if not held.keys() & {_ALL, _REFERRAL}:
            _count(done, _REFERRAL, await referrals.forget_referrers(uow.session, customer.customer_id))
        if _ALL in held or _CUSTOMER in held:
            done.retained.append(Retained(_CUSTOMER, 1, held.get(_CUSTOMER, LEGAL_HOLD)))
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
