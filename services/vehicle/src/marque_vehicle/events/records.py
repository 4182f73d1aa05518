"""The events of the vehicle service, made from rows: ids and facts, never names, prices or free text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from marque.vehicle.v1 import ownership_events_pb2, repair_order_events_pb2, sale_events_pb2, vehicle_events_pb2

from marque_vehicle.events.parts import day, moment, text
from marque_vehicle.models import Ownership, RepairOrder, Sale, Vehicle
from marque_vehicle.rules import lines


def vehicle_registered(row: Any) -> vehicle_events_pb2.VehicleRegistered:
    """Tells of a new car."""
    return vehicle_events_pb2.VehicleRegistered(
        vin=row.vin, make=row.make, model=row.model, model_year=row.model_year, market=row.market, status=row.status
    )


def vehicle_updated(vin: str, status: int, changed: Sequence[str]) -> vehicle_events_pb2.VehicleUpdated:
    """Tells which fields of a car changed."""
    return vehicle_events_pb2.VehicleUpdated(vin=vin, changed_fields=sorted(changed), status=status)  # type: ignore[arg-type]


def vehicle_snapshot(row: Vehicle) -> vehicle_events_pb2.VehicleSnapshot:
    """Says a car again."""
    return vehicle_events_pb2.VehicleSnapshot(
        vin=row.vin,
        aggregate_version=row.version,
        make=row.make,
        model=row.model,
        model_year=row.model_year,
        market=row.market,
        use=row.use,  # type: ignore[arg-type]
        energy=row.energy,  # type: ignore[arg-type]
        status=row.status,  # type: ignore[arg-type]
        odometer_km=row.odometer_km,
    )


def _sale(row: Any) -> dict[str, Any]:
    return {
        "sale_id": str(row.sale_id),
        "vin": row.vin,
        "dealer_id": str(row.dealer_id),
        "customer_id": text(row.buyer_customer_id),
    }


def model_of(car: Any) -> str:
    """Returns make and model of a car; empty for none."""
    return f"{car.make} {car.model}".strip() if car is not None else ""


def sale_recorded(row: Any, car: Any = None) -> sale_events_pb2.SaleRecorded:
    """Tells of a sale; `car`, where it is at hand, says of which model."""
    return sale_events_pb2.SaleRecorded(
        **_sale(row),
        adviser_staff_id=text(row.adviser_staff_id),
        invoice_date=day(row.invoice_date),
        delivery_date=day(row.delivery_date),
        use=row.use,
        model=model_of(car),
    )


def sale_reversed(row: Any) -> sale_events_pb2.SaleReversed:
    """Tells that a sale was taken back."""
    return sale_events_pb2.SaleReversed(**_sale(row), reason=row.reversal_reason)


def sale_snapshot(row: Sale) -> sale_events_pb2.SaleSnapshot:
    """Says a sale again."""
    return sale_events_pb2.SaleSnapshot(
        **_sale(row),
        aggregate_version=row.version,
        adviser_staff_id=text(row.adviser_staff_id),
        invoice_date=day(row.invoice_date),
        delivery_date=day(row.delivery_date),
        use=row.use,  # type: ignore[arg-type]
        state=row.state,  # type: ignore[arg-type]
    )


def _ownership(row: Ownership) -> dict[str, Any]:
    return {
        "ownership_id": str(row.ownership_id),
        "aggregate_version": row.version,
        "vin": row.vin,
        "customer_id": text(row.customer_id),
        "role": row.role,
    }


def ownership_started(row: Ownership) -> ownership_events_pb2.OwnershipStarted:
    """Tells that an ownership began, or which span holds after a correction."""
    return ownership_events_pb2.OwnershipStarted(
        **_ownership(row),
        valid_start_time=moment(row.valid_from),
        sale_id=text(row.sale_id),
        valid_end_time=moment(row.valid_until),
    )


def ownership_ended(row: Ownership, ended: datetime, *, voided: bool) -> ownership_events_pb2.OwnershipEnded:
    """Tells that an ownership ended at a moment, or never was."""
    facts = _ownership(row)
    if voided:  # no row follows that could carry the next version
        facts["aggregate_version"] += 1
    return ownership_events_pb2.OwnershipEnded(
        **facts,
        valid_end_time=moment(ended),
        voided=voided,
        end_reason=0 if voided else row.end_reason,  # type: ignore[arg-type]
    )


def ownership_snapshot(row: Ownership) -> ownership_events_pb2.OwnershipSnapshot:
    """Says an ownership again."""
    voided = row.known_until is not None
    facts = _ownership(row)
    facts["aggregate_version"] += int(voided)
    return ownership_events_pb2.OwnershipSnapshot(
        **facts,
        valid_start_time=moment(row.valid_from),
        valid_end_time=moment(row.valid_from if voided else row.valid_until),  # as `ownership_ended` told it
        sale_id=text(row.sale_id),
        voided=voided,
    )


def _order(row: Any) -> dict[str, Any]:
    return {
        "repair_order_id": str(row.repair_order_id),
        "vin": row.vin,
        "dealer_id": str(row.dealer_id),
        "customer_id": text(row.customer_id),
    }


def repair_order_opened(row: Any) -> repair_order_events_pb2.RepairOrderOpened:
    """Tells that a car was checked in."""
    return repair_order_events_pb2.RepairOrderOpened(
        **_order(row),
        adviser_staff_id=text(row.adviser_staff_id),
        open_time=moment(row.open_time),
        odometer_km=row.odometer_in_km,
    )


def stage_changed(row: Any, reach_time: datetime) -> repair_order_events_pb2.RepairOrderStageChanged:
    """Tells that a stage was reached, or another collection promised."""
    return repair_order_events_pb2.RepairOrderStageChanged(
        **_order(row), stage=row.stage, reach_time=moment(reach_time), promised_time=moment(row.promised_time)
    )


def repair_order_closed(row: Any, car: Any = None) -> repair_order_events_pb2.RepairOrderClosed:
    """Tells that an order was closed; `car`, where it is at hand, says of which model."""
    return repair_order_events_pb2.RepairOrderClosed(
        **_order(row),
        adviser_staff_id=text(row.adviser_staff_id),
        open_time=moment(row.open_time),
        close_time=moment(row.close_time),
        odometer_km=row.odometer_out_km,
        pay_types=lines.pay_types(row.lines),  # type: ignore[arg-type]
        comeback=row.comeback,
        model=model_of(car),
    )


def repair_order_snapshot(row: RepairOrder) -> repair_order_events_pb2.RepairOrderSnapshot:
    """Says an order again."""
    return repair_order_events_pb2.RepairOrderSnapshot(
        **_order(row),
        aggregate_version=row.version,
        adviser_staff_id=text(row.adviser_staff_id),
        state=row.state,  # type: ignore[arg-type]
        stage=row.stage,  # type: ignore[arg-type]
        open_time=moment(row.open_time),
        close_time=moment(row.close_time),
        odometer_km=max(row.odometer_in_km, row.odometer_out_km),
        pay_types=lines.pay_types(row.lines),  # type: ignore[arg-type]
    )
