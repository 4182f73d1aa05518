"""marque.vehicle.v1.AppointmentService."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any

from marque.vehicle.v1 import appointment_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.errors import Unavailable
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_vehicle.api.scoping import customers_of, dealer_of
from marque_vehicle.clients import Calendars, Customers
from marque_vehicle.errors import AppointmentNotFound, HolidaysNotKnown, VehicleNotFound
from marque_vehicle.mapping import appointments as mapping
from marque_vehicle.repository import appointments as repository
from marque_vehicle.repository import diary, vehicles
from marque_vehicle.repository import scope as scopes
from marque_vehicle.rules import days, vins
from marque_vehicle.rules import diary as rules
from marque_vehicle.usecases import appointments as usecases

DEPARTMENT = "service"  # whose hours a visit is judged by; the dealer's where it has none of its own


class AppointmentApi:
    """marque.vehicle.v1.AppointmentService."""

    service = "marque.vehicle.v1.AppointmentService"

    def __init__(self, work: Work, customers: Customers, calendars: Calendars, policy: rules.Policy) -> None:
        self._work = work
        self._customers = customers
        self._calendars = calendars
        self._policy = policy

    async def ListAppointmentSlots(self, request: Any, call: Call) -> Any:
        reader = self._work.reader
        length = usecases.length_of(request.duration_minutes, "duration_minutes")
        first = fields.as_day(request, "from_date")
        scope = await scopes.visible_to(reader, call.principal)
        dealer, zone = await self._station(scope, request.dealer_id, "dealer_id")
        hours = await self._hours(dealer, zone)
        start, end = _span(first, request.days or 1, hours.time_zone, now())
        resources = await diary.resources(reader, dealer, start, end)
        if request.adviser_resource_id:
            wished = uuid.UUID(request.adviser_resource_id)
            resources = [one for one in resources if one.kind != rules.ADVISER or one.resource_id == wished]
        step = timedelta(minutes=request.step_minutes or rules.DEFAULT_STEP)
        spans = rules.open_spans(hours.calendar(), start, end)
        needed = {rules.ADVISER} if request.adviser_resource_id else set()
        needed |= {rules.LOAN_CAR} if request.loan_car else set()
        try:
            return mapping.slot_page(rules.slots(spans, resources, length, step, needed), hours)
        except rules.HolidaysUnknown as error:
            raise HolidaysNotKnown(country=error.country, year=error.year) from error

    async def BookAppointment(self, request: Any, call: Call) -> Any:
        reader, message = self._work.reader, request.appointment
        values = mapping.booking(message)
        length = usecases.length_of(message.duration_minutes, "appointment.duration_minutes")
        usecases.check_time(values["start_time"], now(), "appointment.start_time")
        scope = await scopes.visible_to(reader, call.principal)
        dealer, zone = await self._station(scope, message.dealer_id, "appointment.dealer_id")
        seen = await vehicles.get_vehicle(reader, scope, vins.tidy(message.vin))
        if seen is None or (scope.customers and not seen.persons):
            raise VehicleNotFound()
        values |= {
            "dealer_id": dealer,
            "vin": seen.row["vin"],
            "end_time": values["start_time"] + length,
            "wish": request.wish,
            "customer_id": await self._customer(message.customer_id, scope, call),
        }
        uow = self._work(call, mapping.rendered(call))
        hours = await self._hours(dealer, zone)
        return await usecases.book(uow=uow, hours=hours, policy=self._policy, values=values)

    async def GetAppointment(self, request: Any, call: Call) -> Any:
        return mapping.appointment_for(call)(await self._seen(request, call))

    async def ListAppointments(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        order = Order.of(request.order_by, "start_time", "appointment_id")
        after = page_key(page, moment, uuid.UUID)
        filters = {**mapping.filters(request), "vin": vins.tidy(request.vin)}
        scope = await scopes.visible_to(reader, call.principal)
        if scope.nothing:
            return appointment_service_pb2.ListAppointmentsResponse()
        customers = await customers_of(reader, request.customer_id)
        rows = await repository.list_appointments(reader, scope, filters, customers, order, page, after)
        shown, token = page.cut(rows, lambda row: (row[order.column], str(row["appointment_id"])))
        render = mapping.appointment_for(call)
        return appointment_service_pb2.ListAppointmentsResponse(
            appointments=[render(row) for row in shown], next_page_token=token
        )

    async def MoveAppointment(self, request: Any, call: Call) -> Any:
        start = fields.as_moment(request, "start_time")
        assert start is not None  # the contract requires it
        usecases.length_of(request.duration_minutes, "duration_minutes")
        usecases.check_time(start, now(), "start_time")
        row = await self._seen(request, call)
        zone = await scopes.dealer_zone(self._work.reader, row["dealer_id"])
        return await usecases.move(
            uow=self._work(call, mapping.rendered(call)),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            hours=await self._hours(row["dealer_id"], zone or ""),
            policy=self._policy,
            appointment_id=row["appointment_id"],
            start=start,
            minutes=request.duration_minutes,
            adviser_id=fields.uuid_or_none(request.adviser_resource_id),
            etag=request.etag,
        )

    async def CancelAppointment(self, request: Any, call: Call) -> Any:
        return await usecases.cancel(
            uow=self._work(call, mapping.rendered(call)),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            appointment_id=uuid.UUID(request.appointment_id),
            reason=request.reason,
            etag=request.etag,
        )

    async def CheckInAppointment(self, request: Any, call: Call) -> Any:
        return await usecases.check_in(
            uow=self._work(call, mapping.rendered(call)),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            appointment_id=uuid.UUID(request.appointment_id),
            repair_order_id=fields.uuid_or_none(request.repair_order_id),
            km=request.odometer_km,
            etag=request.etag,
        )

    async def _seen(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get_appointment(self._work.reader, scope, uuid.UUID(request.appointment_id))
        if row is None:
            raise AppointmentNotFound()
        return row

    async def _station(self, scope: scopes.Scope, named: str, field: str) -> tuple[uuid.UUID, str]:
        """A person goes to whichever station they like; staff keep their own diaries."""
        anybody = scopes.Scope(everything=True) if scope.customers else scope
        return await dealer_of(self._work.reader, anybody, named, field)

    async def _customer(self, named: str, scope: scopes.Scope, call: Call) -> uuid.UUID | None:
        if scope.customers:
            return uuid.UUID(call.principal.customer_id)
        return await self._customers.require(named, scope.asks_for) if named else None

    async def _hours(self, dealer: uuid.UUID, zone: str) -> rules.Hours:
        """The station's present hours, by the network service; while it is away, those that were kept last."""
        try:
            return await self._calendars.hours(dealer, DEPARTMENT, zone)
        except Unavailable:
            kept = await diary.hours(self._work.reader, dealer, [DEPARTMENT, ""])
            if kept is None:
                raise
            return kept


def _span(first: date | None, count: int, zone: str, present: datetime) -> rules.Span:
    """The local days asked for, without what is past, in moments; not further than a visit can be booked."""
    day = first or present.astimezone(days.zone(zone)).date()
    start, end = days.beginning(day, zone), days.beginning(day + timedelta(days=count), zone)
    ahead = present.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return max(start, ahead), min(end, present + rules.FURTHEST)
