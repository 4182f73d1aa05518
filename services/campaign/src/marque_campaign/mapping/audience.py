"""What the owners of people and cars tell, as columns of the read model; what is not known becomes None."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from marque.customer.v1 import consent_pb2, customer_facts_pb2, customer_pb2, holding_pb2, lifecycle_pb2
from marque.type.v1 import channel_pb2
from marque.vehicle.v1 import vehicle_facts_pb2, vehicle_pb2
from tradekit import money

_MOST = 2**31 - 1


def person(told: customer_facts_pb2.CustomerFacts) -> dict[str, Any]:
    """Returns the columns of somebody."""
    return {
        "customer_id": uuid.UUID(told.customer_id),
        "kind": _word(customer_pb2.CustomerKind, told.kind, "CUSTOMER_KIND_"),
        "language": told.language or None,
        "market": told.country_code or None,
        "region": told.province or None,
        "city": told.city or None,
        "birth_month": told.birth_month or None,
        "birth_day": told.birth_day or None,
        "time_zone": told.time_zone or None,
        "stage": _word(lifecycle_pb2.LifecycleStage, told.stage, "LIFECYCLE_STAGE_"),
        "tier": told.tier or None,
        "consents": sorted(_consent(one) for one in told.consents),
        "interests": list(told.interests),
        "restricted": told.restricted,
        "spend": min(told.spend_minor // 10 ** money.digits(told.currency_code), _MOST) if told.currency_code else None,
    }


def holding(told: customer_facts_pb2.CustomerFacts, one: customer_facts_pb2.CustomerFactHolding) -> dict[str, Any]:
    """Returns the columns of a holding."""
    return {
        "holding_id": uuid.UUID(one.holding_id),
        "person_id": uuid.UUID(told.customer_id),
        "kind": _word(holding_pb2.HoldingKind, one.kind, "HOLDING_KIND_") or "",
        "vin": one.vin or None,
        "end_date": _day(one, "end_date"),
        "renewal_date": _day(one, "renewal_date"),
    }


def car(told: vehicle_facts_pb2.VehicleFacts) -> dict[str, Any]:
    """Returns the columns of a car, but for whose it is."""
    return {
        "vin": told.vin,
        "make": told.make or None,
        "model": told.model or None,
        "model_year": told.model_year or None,
        "energy": _word(vehicle_pb2.VehicleEnergy, told.energy, "VEHICLE_ENERGY_"),
        "use": _word(vehicle_pb2.VehicleUse, told.use, "VEHICLE_USE_"),
        "odometer_km": told.odometer_km or None,
        "sold_date": _day(told, "sold_date"),
        "warranty_end_date": _day(told, "warranty_end_date"),
        "next_service_date": _day(told, "next_maintenance_date"),
        "open_recalls": told.open_recalls,
    }


def _consent(one: customer_facts_pb2.CustomerFactConsent) -> str:
    purpose = _word(consent_pb2.ConsentPurpose, one.purpose, "CONSENT_PURPOSE_")
    return f"{purpose}:{_word(channel_pb2.Channel, one.channel, 'CHANNEL_')}"


def _word(kind: Any, number: int, prefix: str) -> str | None:
    return str(kind.Name(number)).removeprefix(prefix) if number else None


def _day(message: Any, name: str) -> date | None:
    told = getattr(message, name)
    return date(told.year, told.month, told.day) if message.HasField(name) and told.day else None
