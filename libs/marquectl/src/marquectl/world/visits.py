"""Visits to the workshop: routine services, the real complaint of the car, and recalls."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from marque.vehicle.v1.repair_order_import_rows_pb2 import RepairOrderImportLine, RepairOrderImportRow

from marquectl.world import nhtsa
from marquectl.world.cars import WORLD_DAY, MadeCar
from marquectl.world.network import STATIONS, Station
from marquectl.world.tables import rows

_MOST_SERVICES = 3
_SERVICE_EVERY = 183  # days
_WARRANTY_DAYS, _WARRANTY_KM = 3 * 365, 60_000
_AWAY = 0.15  # share of visits to another station of the country


def visits_of(seed: int, car: MadeCar) -> Iterator[RepairOrderImportRow]:
    """The repair orders of a car in the order of time; `row` is left for the caller to number."""
    dice = random.Random(f"{seed}:visits:{car.vehicle.vin}")
    pace = _pace(car)
    plans: list[tuple[date, str]] = []
    for service in range(1, dice.choice((1, 2, 2, _MOST_SERVICES)) + 1):
        plans.append((car.delivered + timedelta(days=_SERVICE_EVERY * service + dice.randrange(-20, 20)), "service"))
    if dice.random() < 0.5:
        plans.append((car.complaint.received + timedelta(days=dice.randrange(1, 14)), "fault"))
    if (campaigns := _campaigns(car)) and dice.random() < 0.3:
        campaign = dice.choice(campaigns)
        plans.append((date(2000 + int(campaign[:2]), 1, 1) + timedelta(days=dice.randrange(60, 500)), campaign))
    if dice.random() < 0.01:
        plans.append((WORLD_DAY - timedelta(days=dice.randrange(0, 3)), "open"))
    days = sorted((day, what) for day, what in plans if car.delivered < day <= WORLD_DAY)
    collected = ""
    for number, (day, what) in enumerate(days, 1):
        km = max(1, int((day - car.delivered).days * pace))
        order = _order(dice, car, f"RO-{car.vehicle.row:06d}-{number}", day, what, km)
        if order.open_time >= collected:  # a car stands in one workshop at a time
            collected = order.close_time or "9"
            yield order


def _pace(car: MadeCar) -> float:
    """Kilometres a day, from the real mileage at the real complaint where it was told."""
    days = (car.complaint.received - car.delivered).days
    told = car.complaint.miles * 1.609344 / days if car.complaint.miles else 40.0
    return min(max(told, 8.0), 90.0)


def _campaigns(car: MadeCar) -> list[str]:
    known = nhtsa.recalls().get((car.complaint.make, car.complaint.model, car.complaint.year), ())
    return [number for number in known if "V" in number and number[:2].isdigit()]


def _order(dice: random.Random, car: MadeCar, number: str, day: date, what: str, km: int) -> RepairOrderImportRow:
    station = _away(dice, car.home) if dice.random() < _AWAY else car.home
    opened = datetime.combine(day, time(dice.randrange(8, 16), dice.choice((0, 10, 20, 30, 40, 50))))
    hours = dice.choice((1, 2, 2, 3)) if what == "service" else dice.choice((3, 5, 24, 48, 96))
    row = RepairOrderImportRow(
        dealer_code=station.code,
        number=number,
        vin=car.vehicle.vin,
        customer_source_key=car.owner_on(day),
        open_time=opened.isoformat(),
        promised_time=(opened + timedelta(hours=hours)).isoformat(),
        adviser_employee_number=dice.choice(("A01", "A02")),
        odometer_in_km=km,
        odometer_out_km=km + dice.randrange(0, 4),
        currency_code="CNY" if station.country == "CN" else "USD",
        source_key=number,
    )
    closed = opened + timedelta(hours=hours, minutes=dice.randrange(0, 50))
    if what != "open" and closed.date() <= WORLD_DAY:
        row.close_time = closed.isoformat()
    else:
        row.odometer_out_km = 0
    row.lines.extend(_lines(dice, car, station, what, day, km))
    row.fault_description = row.lines[0].complaint
    return row


def _away(dice: random.Random, home: Station) -> Station:
    return dice.choice([one for one in STATIONS if one.country == home.country and one is not home])


def _lines(
    dice: random.Random, car: MadeCar, station: Station, what: str, day: date, km: int
) -> Iterator[RepairOrderImportLine]:
    chinese, factor = station.country == "CN", 4 if station.country == "CN" else 1
    covered = (day - car.delivered).days <= _WARRANTY_DAYS and km <= _WARRANTY_KM
    if what in ("fault", "open"):
        root = car.complaint.component.partition(":")[0]
        # The last row has no component and stands for all others.
        fault = next(row for row in rows("faults.csv") if root.startswith(row["component"]))
        complaint, cause, correction = (
            fault[f"{text}_{'zh' if chinese else 'en'}"] for text in ("complaint", "cause", "correction")
        )
        operation, part = fault["operation"], fault["part"]
        yield RepairOrderImportLine(
            complaint=complaint,
            cause=cause if what == "fault" else "",
            correction=correction if what == "fault" else "",
            component_code=car.complaint.component,
            technician_employee_number=dice.choice(("T01", "T02")),
            pay_type="warranty" if covered else "customer",
            operation_codes=operation,
            labour_minutes=dice.randrange(3, 20) * 10,
            labour_amount=f"{dice.randrange(80, 600) * factor}.00",
            part_numbers=part,
            parts_amount=f"{dice.randrange(40, 900) * factor}.00" if part else "",
            causal_part_number=part if what == "fault" else "",
        )
    elif what != "service":
        yield RepairOrderImportLine(
            complaint=f"召回 {what}" if chinese else f"Recall {what}",
            complaint_code=what,
            correction="按召回方案处理" if chinese else "Remedy of the campaign done",
            technician_employee_number=dice.choice(("T01", "T02")),
            pay_type="recall",
            operation_codes=f"RC-{what}",
            labour_minutes=60,
        )
    if what == "service" or dice.random() < 0.2:
        yield _routine(dice, chinese, factor)


def _routine(dice: random.Random, chinese: bool, factor: int) -> RepairOrderImportLine:
    return RepairOrderImportLine(
        complaint="定期保养" if chinese else "Scheduled maintenance",
        cause="按里程到期" if chinese else "Due by mileage",
        correction="更换机油和机油滤清器，检查制动" if chinese else "Oil and filter changed, brakes inspected",
        technician_employee_number=dice.choice(("T01", "T02")),
        pay_type="customer",
        operation_codes="OP-MAINT-05",
        labour_minutes=dice.choice((40, 60, 80)),
        labour_amount=f"{dice.randrange(30, 90) * factor}.00",
        part_numbers="OIL-5W30*5.5;FLT-OIL-01",
        parts_amount=f"{dice.randrange(45, 110) * factor}.00",
    )
