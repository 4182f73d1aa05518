"""The servicers of demo fleets and test drives."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.errors.showroom import TestDriveNotFound
from marque_customer.mapping import test_drives as mapping
from marque_customer.mapping.interactions import own_dealer
from marque_customer.mapping.leads import missing, optional_id, some_id
from marque_customer.mapping.times import moment
from marque_customer.repository import families
from marque_customer.repository import test_drives as repository
from marque_customer.rules.test_drives import LENGTH
from marque_customer.usecases.showroom import demo_cars
from marque_customer.usecases.showroom import test_drives as usecases


class DemoCarApi:
    """marque.customer.v1.DemoCarService."""

    service = "marque.customer.v1.DemoCarService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateDemoCar(self, request: Any, call: Call) -> Any:
        dealer_id = own_dealer(request.demo_car.dealer_id, call.principal, "demo_car.dealer_id")
        values = mapping.new_car(request.demo_car)
        return await demo_cars.create(uow=self._work(call, mapping.car_message), dealer_id=dealer_id, values=values)

    async def UpdateDemoCar(self, request: Any, call: Call) -> Any:
        values = mapping.changed_car(request)
        return await demo_cars.update(
            uow=self._work(call, mapping.car_message),
            demo_car_id=some_id(request.demo_car.demo_car_id, "demo_car.demo_car_id"),
            etag=request.demo_car.etag,
            values=values,
        )

    async def ListDemoCars(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, dealer_id = page_key(page, str, uuid.UUID), optional_id(request.dealer_id)
        async with self._work.read() as session:
            rows = await repository.car_page(session, call.principal, dealer_id, request.active_only, page, after)
        return mapping.car_page(*page.cut(rows, lambda row: (row.vin, str(row.demo_car_id))))


class TestDriveApi:
    """marque.customer.v1.TestDriveService."""

    service = "marque.customer.v1.TestDriveService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ListTestDriveSlots(self, request: Any, call: Call) -> Any:
        dealer_id = own_dealer(request.dealer_id, call.principal, "dealer_id")
        if dealer_id is None:
            raise missing("dealer_id")
        first = mapping.first_day(request.from_date, request.HasField("from_date"))
        async with self._work.read() as session:
            found = await usecases.slots(
                session=session,
                dealer_id=dealer_id,
                demo_car_id=optional_id(request.demo_car_id),
                days=(first, request.days or 1),
                length=timedelta(minutes=request.duration_minutes) or LENGTH,
                now=now(),
            )
        return mapping.slot_answer(found)

    async def BookTestDrive(self, request: Any, call: Call) -> Any:
        return await usecases.book(
            uow=self._work(call, mapping.drive_for(call)),
            lead_id=uuid.UUID(request.lead_id),
            demo_car_id=uuid.UUID(request.demo_car_id),
            start=moment(request.start_time, "start_time"),
            length=timedelta(minutes=request.duration_minutes) or LENGTH,
            adviser=optional_id(request.adviser_staff_id),
        )

    async def GetTestDrive(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, uuid.UUID(request.test_drive_id))
        if row is None:
            raise TestDriveNotFound(test_drive_id=request.test_drive_id)
        return mapping.drive_for(call)(row)

    async def ListTestDrives(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by == "start_time desc"
        names = ("dealer_id", "lead_id", "demo_car_id", "marketing_event_id")
        equal: dict[str, Any] = {name: uuid.UUID(text) for name in names if (text := getattr(request, name))}
        if request.state:
            equal["state"] = request.state
        bounds = ("start_time_from", "start_time_to")
        begin, end = (moment(getattr(request, name), name) if request.HasField(name) else None for name in bounds)
        async with self._work.read() as session:
            family = await families.whole(session, [uuid.UUID(request.customer_id)]) if request.customer_id else None
            rows = await repository.page(session, call.principal, equal, family, (begin, end), descending, page, after)
        return mapping.drive_page(call, *page.cut(rows, lambda row: (row.start_time, str(row.test_drive_id))))

    async def ConfirmTestDrive(self, request: Any, call: Call) -> Any:
        return await usecases.confirm(**self._one(request, call))

    async def MoveTestDrive(self, request: Any, call: Call) -> Any:
        return await usecases.move(
            **self._one(request, call),
            start=moment(request.start_time, "start_time"),
            length=timedelta(minutes=request.duration_minutes) or None,
            demo_car_id=optional_id(request.demo_car_id),
        )

    async def CheckTestDriveLicence(self, request: Any, call: Call) -> Any:
        return await usecases.check_licence(**self._one(request, call))

    async def CompleteTestDrive(self, request: Any, call: Call) -> Any:
        said = {"outcome": request.outcome, "note": request.note.strip()}
        return await usecases.complete(**self._one(request, call), **said)

    async def MissTestDrive(self, request: Any, call: Call) -> Any:
        return await usecases.miss(**self._one(request, call))

    async def CancelTestDrive(self, request: Any, call: Call) -> Any:
        return await usecases.cancel(**self._one(request, call), reason=request.reason)

    def _one(self, request: Any, call: Call) -> dict[str, Any]:
        uow = self._work(call, mapping.drive_for(call))
        return {"uow": uow, "test_drive_id": uuid.UUID(request.test_drive_id), "etag": request.etag}
