"""Ties between customers, households and organisations between rows and messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marque.customer.v1 import customer_tie_pb2, customer_tie_service_pb2
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_customer.mapping.leads import missing
from marque_customer.mapping.times import stamp
from marque_customer.rules import ties as rules


def tie_values(message: customer_tie_pb2.CustomerTie) -> dict[str, Any]:
    """Returns the columns of a new tie. Raises InvalidArgument."""
    for name in ("kind", "customer_id", "other_customer_id"):
        if not getattr(message, name):
            raise missing(f"tie.{name}")
    if message.role not in rules.ROLES[message.kind]:
        raise InvalidArgument.of("tie.role", "TIE_ROLE_WRONG", "This role does not go with this kind of tie.")
    return {
        "kind": message.kind,
        "customer_id": uuid.UUID(message.customer_id),
        "other_customer_id": uuid.UUID(message.other_customer_id),
        "role": message.role,
        "title": message.title.strip(),
        "is_primary": message.primary,
        "source": message.source.strip(),
    }


def tie_for(call: Call) -> Callable[[Any], customer_tie_pb2.CustomerTie]:
    """Returns the rendering of a tie, given with who stands for each end, for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(found: tuple[Any, Mapping[uuid.UUID, uuid.UUID]]) -> customer_tie_pb2.CustomerTie:
        shown: customer_tie_pb2.CustomerTie = show(call, _tie(*found), "customer_tie", str(found[0].tie_id), visible)
        return shown

    return render


def _tie(row: Any, roots: Mapping[uuid.UUID, uuid.UUID]) -> customer_tie_pb2.CustomerTie:
    return customer_tie_pb2.CustomerTie(
        tie_id=str(row.tie_id),
        kind=row.kind,
        customer_id=str(roots[row.customer_id]),
        other_customer_id=str(roots[row.other_customer_id]),
        role=row.role,
        title=row.title,
        primary=row.is_primary,
        source=row.source,
        create_time=stamp(row.create_time),
        end_time=stamp(row.end_time) if row.end_time else None,
        etag=etag_of(row.version),
    )


def tie_page(
    call: Call, rows: Sequence[Any], roots: Mapping[uuid.UUID, uuid.UUID], token: str
) -> customer_tie_service_pb2.ListCustomerTiesResponse:
    """Returns a page of ties."""
    render = tie_for(call)
    ties = [render((row, roots)) for row in rows]
    return customer_tie_service_pb2.ListCustomerTiesResponse(ties=ties, next_page_token=token)


def household_message(
    call: Call, members: Sequence[uuid.UUID], roles: Mapping[uuid.UUID, list[int]], cars: Sequence[Any], whole: int
) -> customer_tie_service_pb2.GetHouseholdResponse:
    """Returns a household: the members in sight, of `whole`, and their cars (`customer_id, vin`, by the member)."""
    message = customer_tie_service_pb2.GetHouseholdResponse(incomplete=len(members) < whole)
    for member in members:
        own = {vin for customer_id, vin in cars if customer_id == member}
        message.members.add(customer_id=str(member), roles=roles.get(member, ()), cars=len(own))
    message.cars = len({vin for _, vin in cars})
    visible = visible_classes(call.principal.roles)
    shown: customer_tie_service_pb2.GetHouseholdResponse = show(call, message, "customer", str(members[0]), visible)
    return shown


def organisation_values(message: customer_tie_pb2.OrganisationProfile) -> dict[str, Any]:
    """Returns the columns of what an organisation is."""
    return {
        "employees": message.employees if message.HasField("employees") else None,
        "fleet_size": message.fleet_size if message.HasField("fleet_size") else None,
        "registration_number": message.registration_number.strip(),
        "source": message.source.strip(),
    }


def organisation_for(call: Call) -> Callable[[Any], customer_tie_pb2.OrganisationProfile]:
    """Returns the rendering of an organisation for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(found: Any) -> customer_tie_pb2.OrganisationProfile:
        customer, row, (cars, vins), contacts, roots = found
        message = customer_tie_pb2.OrganisationProfile(
            customer_id=str(customer.customer_id),
            industry=customer.industry,
            fleet_count=cars,
            fleet_vins=vins[:100],
            fleet_truncated=len(vins) > 100,
            contacts=[_tie(one, roots) for one in contacts],
        )
        if row is not None:
            message.registration_number, message.source = row.registration_number, row.source
            for name in ("employees", "fleet_size"):
                if getattr(row, name) is not None:
                    setattr(message, name, getattr(row, name))
            message.update_time.CopyFrom(stamp(row.update_time))
            if row.customer_id == customer.customer_id:
                message.etag = etag_of(row.version)
        shown: customer_tie_pb2.OrganisationProfile = show(call, message, "customer", message.customer_id, visible)
        return shown

    return render
