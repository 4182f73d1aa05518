"""What is done with agreements with dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marque.network.v1 import dealer_agreement_events_pb2 as events_pb
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch, FieldViolation, InvalidArgument

from marque_network.errors import (
    AgreementDraftOpen,
    AgreementNotDraft,
    AgreementNotFound,
    AgreementNotSigned,
    DealerClosed,
    DealerNotFound,
)
from marque_network.mapping.agreements import agreement_etag
from marque_network.mapping.parts import date_message
from marque_network.models import NO_END, Change, Dealer, DealerAgreement, DealerAgreementVersion
from marque_network.repository import agreements as repository
from marque_network.repository import dealers, partnership
from marque_network.repository.scoped import lock_dealers, staff_of
from marque_network.usecases.visits import day_after

AGREEMENT_DUE = "agreement-end"
NOTICE_DAYS = 90
DRAFT, SIGNED = DealerAgreementVersion.DRAFT, DealerAgreementVersion.SIGNED


async def draft_agreement(*, uow: UnitOfWork, values: Mapping[str, Any]) -> Any:
    """Drafts an agreement with a dealer for which the caller may act."""
    async with uow:
        if not await dealers.is_own_dealer(uow.session, uow.principal, values["dealer_id"]):
            raise DealerNotFound(dealer_id=values["dealer_id"])
        shared = {name: values[name] for name in ("dealer_id", "kind", "number")}
        agreement = DealerAgreement(**shared, changes=0, create_time=uow.now)
        uow.add(agreement)
        await uow.flush()
        version = DealerAgreementVersion(
            **values,
            agreement_id=agreement.agreement_id,
            revision=1,
            end_date=values["valid_to_date"] or NO_END,
        )
        uow.add(version)
        uow.audit("draft", "dealer_agreement", str(agreement.agreement_id))
        return await uow.answer(version)


async def update_agreement(
    *, uow: UnitOfWork, agreement_id: uuid.UUID, etag: str, patch: Callable[[DealerAgreementVersion], Change]
) -> Any:
    """Changes the draft of an agreement."""
    async with uow:
        agreement = await _locked(uow, agreement_id)
        draft = await _draft(uow, agreement, etag)
        change = patch(draft)
        if change.fields:
            draft.change(change)
            uow.audit("update", "dealer_agreement", str(agreement_id), change.fields)
        return await uow.answer(draft)


async def sign_agreement(
    *,
    uow: UnitOfWork,
    agreement_id: uuid.UUID,
    etag: str,
    on: date,
    staff_id: uuid.UUID | None,
    contact_id: uuid.UUID | None,
) -> Any:
    """Says that the draft was signed; the version before gives way."""
    async with uow:
        agreement = await _locked(uow, agreement_id)
        draft = await _draft(uow, agreement, etag)
        dealer = (await lock_dealers(uow.session, uow.principal, [agreement.dealer_id]))[agreement.dealer_id]
        if dealer.status == Dealer.CLOSED:
            raise DealerClosed(dealer_id=agreement.dealer_id)
        await _check_signers(uow, agreement, on, dealer.time_zone, staff_id, contact_id)
        before = await repository.version_in(uow.session, agreement_id, SIGNED)
        if before is not None:
            before.supersede()
            await uow.flush()  # only one version is signed at a time, and the database says so
        draft.sign(on, staff_id, contact_id)
        await uow.flush()
        uow.emit(
            events_pb.DealerAgreementSigned(
                **_facts(agreement, draft),
                valid_from_date=date_message(draft.valid_from_date),
                valid_to_date=date_message(draft.valid_to_date),
            )
        )
        if draft.valid_to_date is not None:
            await uow.schedule(AGREEMENT_DUE, str(agreement_id), notice_time(draft, dealer.time_zone))
        uow.audit("sign", "dealer_agreement", str(agreement_id))
        return await uow.answer(draft)


async def amend_agreement(*, uow: UnitOfWork, agreement_id: uuid.UUID, etag: str) -> Any:
    """Drafts the next version with the terms of the signed one."""
    async with uow:
        agreement = await _locked(uow, agreement_id)
        if await repository.version_in(uow.session, agreement_id, DRAFT) is not None:
            raise AgreementDraftOpen(number=agreement.number)
        draft = (await _signed(uow, agreement, etag)).amended()
        uow.add(draft)
        uow.audit("amend", "dealer_agreement", str(agreement_id))
        return await uow.answer(draft)


async def terminate_agreement(*, uow: UnitOfWork, agreement_id: uuid.UUID, etag: str, last: date, reason: str) -> Any:
    """Ends a signed agreement before its time."""
    async with uow:
        agreement = await _locked(uow, agreement_id)
        signed = await _signed(uow, agreement, etag)
        if not signed.valid_from_date <= last <= signed.end_date:
            raise InvalidArgument.of("last_date", "DATES_REVERSED", "It ends between its first and its last day.")
        signed.terminate(last, reason)
        await uow.flush()
        uow.emit(
            events_pb.DealerAgreementEnded(**_facts(agreement, signed), last_date=date_message(last), terminated=True)
        )
        uow.audit("terminate", "dealer_agreement", str(agreement_id))
        return await uow.answer(signed)


async def tell_end(uow: UnitOfWork, key: str) -> datetime | None:
    """Tells others that an agreement ends soon, and once more when it ended; nothing of one that was ended or renewed."""
    agreement = await repository.lock_any(uow.session, uuid.UUID(key))
    signed = await repository.version_in(uow.session, uuid.UUID(key), SIGNED)
    if agreement is None or signed is None or signed.valid_to_date is None:
        return None
    zone = await dealers.zone_of(uow.session, agreement.dealer_id)
    ends = day_after(signed.valid_to_date, zone)
    if uow.now < notice_time(signed, zone):
        return notice_time(signed, zone)
    if uow.now < ends:
        expiring = events_pb.DealerAgreementExpiring(**_facts(agreement, signed))
        expiring.valid_to_date.CopyFrom(date_message(signed.valid_to_date))
        uow.emit(expiring)
        return ends
    uow.emit(events_pb.DealerAgreementEnded(**_facts(agreement, signed), last_date=date_message(signed.valid_to_date)))
    return None


def notice_time(version: DealerAgreementVersion, zone: str) -> datetime:
    """Returns when it is to be told that a version ends: the beginning of a day in the dealer's zone."""
    assert version.valid_to_date is not None, "only a version with an end is told of"
    return day_after(version.valid_to_date - timedelta(days=(version.notice_days or NOTICE_DAYS) + 1), zone)


def _facts(agreement: DealerAgreement, version: DealerAgreementVersion) -> dict[str, Any]:
    return {
        "agreement_id": str(agreement.agreement_id),
        "aggregate_version": agreement.count(),
        "dealer_id": str(agreement.dealer_id),
        "kind": agreement.kind,
        "version": version.revision,
    }


async def _locked(uow: UnitOfWork, agreement_id: uuid.UUID) -> DealerAgreement:
    agreement = await repository.lock_agreement(uow.session, uow.principal, agreement_id)
    if agreement is None:
        raise AgreementNotFound(agreement_id=agreement_id)
    return agreement


async def _draft(uow: UnitOfWork, agreement: DealerAgreement, etag: str) -> DealerAgreementVersion:
    draft = await repository.version_in(uow.session, agreement.agreement_id, DRAFT)
    if draft is None:
        raise AgreementNotDraft(number=agreement.number)
    _check_etag(draft, etag)
    return draft


async def _signed(uow: UnitOfWork, agreement: DealerAgreement, etag: str) -> DealerAgreementVersion:
    signed = await repository.version_in(uow.session, agreement.agreement_id, SIGNED)
    if signed is None:
        raise AgreementNotSigned(number=agreement.number)
    _check_etag(signed, etag)
    return signed


def _check_etag(version: DealerAgreementVersion, etag: str) -> None:
    if etag and etag.strip('"') != agreement_etag(version):
        raise EtagMismatch()


async def _check_signers(
    uow: UnitOfWork,
    agreement: DealerAgreement,
    on: date,
    zone: str,
    staff_id: uuid.UUID | None,
    contact_id: uuid.UUID | None,
) -> None:
    wrong = []
    if on > uow.now.astimezone(ZoneInfo(zone)).date():
        wrong.append(FieldViolation("signed_date", "DATE_IN_FUTURE", "It was signed today or before."))
    if staff_id is not None:
        found = await staff_of(uow.session, [staff_id])
        if found.get(staff_id, agreement.dealer_id) is not None:
            wrong.append(FieldViolation("signed_by_staff_id", "STAFF_UNKNOWN", "Name somebody of the maker's staff."))
    if contact_id is not None and not await partnership.contacts_at(uow.session, agreement.dealer_id, [contact_id]):
        wrong.append(FieldViolation("signed_by_contact_id", "CONTACT_UNKNOWN", "Name a contact of this dealer."))
    if wrong:
        raise InvalidArgument(violations=wrong)
