"""Drives at events, as the campaign service tells who came: kept once for each registration, and put right where that was wrong."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from servicekit.db.uow import UnitOfWork

from marque_customer.models import Lead, TestDrive
from marque_customer.repository import families, leads, notes
from marque_customer.repository import test_drives as repository
from marque_customer.repository.notes import connection_of
from marque_customer.rules.kinds import ERASED
from marque_customer.usecases.saving import standing
from marque_customer.usecases.showroom import test_drives

_CAME, _MISSED = "test_drive.done", "test_drive.missed"


@dataclass(frozen=True, slots=True)
class Attendance:
    """What is told of somebody with a place at an event: whether they came, and with which car they drove (empty: nobody said).

    `version` is that of the registration, `dealer_id` None for an event of the maker. `corrected`: the opposite was told before.
    """

    registration_id: uuid.UUID
    version: int
    marketing_event_id: uuid.UUID
    customer_id: uuid.UUID
    dealer_id: uuid.UUID | None
    start: datetime
    end: datetime
    vin: str
    came: bool
    corrected: bool


async def attended(*, uow: UnitOfWork, told: Attendance) -> None:
    """Keeps a drive of who came, or says of a drive that nobody came after all. What is older than known changes nothing.

    Of who is erased nothing is written, nor of who was never a customer here. It begins no relation: whoever registers people may name
    anybody, and would see them by it.
    """
    async with uow:
        found = await standing(uow, [told.customer_id])
        if not any(one.customer_id == told.customer_id and one.status != ERASED for one in found):
            return
        drive = await repository.of_registration(uow.session, told.registration_id)
        if drive is None and not (told.came or told.corrected):
            return  # nobody ever said that they came
        known = drive is not None
        drive = drive or _made(uow, told)
        if not drive.attend(told.came, told.vin, told.version):
            return
        if told.came and drive.lead_id is None and (lead := await _lead(uow, told)) is not None:
            drive.lead_id = lead.lead_id
            await test_drives.bring_to_stage(uow, lead, "TEST_DRIVE_DONE")
        if known or told.came:
            await _say(uow, drive)


def _made(uow: UnitOfWork, told: Attendance) -> TestDrive:
    """A drive of which nothing is said yet. It is kept also where the correction comes before what it corrects."""
    drive = TestDrive(
        customer_id=told.customer_id,
        dealer_id=told.dealer_id,
        vin="",
        state=TestDrive.BOOKED,
        start_time=told.start,
        end_time=told.end,
        calendar_version=0,
        moves=0,
        outcome=0,
        note="",
        marketing_event_id=told.marketing_event_id,
        event_registration_id=told.registration_id,
        told_version=0,
    )
    uow.add(drive)
    return drive


async def _lead(uow: UnitOfWork, told: Attendance) -> Lead | None:
    """The person's open lead at the dealer, under whatever id: the latest of several. Who wants to sell a car drives for no such lead."""
    if told.dealer_id is None:
        return None
    family = await families.whole(uow.session, [told.customer_id])
    there = [one for one in await leads.open_of(uow.session, family) if one.dealer_id == told.dealer_id]
    wishes = [one for one in there if not one.wish_key.startswith("sell")]
    return max(wishes, key=lambda one: (one.create_time, one.lead_id), default=None)


async def _say(uow: UnitOfWork, drive: TestDrive) -> None:
    """Says how it is now, in place of what the person's time line said before."""
    await uow.flush()
    await notes.take_off(await connection_of(uow.session), (test_drives.THING, str(drive.test_drive_id)))
    event = {"marketing_event_id": str(drive.marketing_event_id)}
    await test_drives.note_drive(uow, drive, _CAME if drive.state == TestDrive.DONE else _MISSED, event)
    await test_drives.say_state(uow, drive, "attend")
