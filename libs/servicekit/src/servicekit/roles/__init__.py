"""The role table: what each role may do, and which kinds of data it sees. The groups of permissions stand beside, by service.

Rows are not judged here: which rows a caller sees is said by each repository's `visible_to(principal)`, by the table in docs/access.md.
"""

from __future__ import annotations

from functools import cache

from marque.options.v1 import options_pb2 as data

from servicekit.roles import campaign, complaint, customer, network, people, survey, vehicle

IDENTITY, CONTACT, PROFILE = data.DATA_CLASS_IDENTITY, data.DATA_CLASS_CONTACT, data.DATA_CLASS_PROFILE
COMMERCIAL, PERSON, NARRATIVE = data.DATA_CLASS_COMMERCIAL, data.DATA_CLASS_PERSON, data.DATA_CLASS_NARRATIVE
ALL_CLASSES = frozenset({IDENTITY, CONTACT, PROFILE, COMMERCIAL, PERSON, NARRATIVE})

_IMPORTS = """
customer.customers: import
customer.imports: upload read list cancel
vehicle.vehicles: import
vehicle.sales: import
vehicle.repair_orders: import
vehicle.imports: upload read list cancel
"""
_SERVICES = ("customer", "network", "vehicle", "complaint", "survey", "campaign")
_OPERATIONS = "".join(
    f"{service}.dead_letters: list replay\n{service}.state: read republish\n{service}.events: resend\n{service}.audit_records: verify\n"
    for service in _SERVICES
)
# Who did what to whom: for who answers for it, not for who keeps the machines running.
_AUDIT = "".join(f"{service}.audit_records: list\n" for service in _SERVICES)


def _permissions(*groups: str) -> frozenset[str]:
    found = set()
    for line in "\n".join(groups).splitlines():
        if line.strip():
            collection, _, verbs = line.partition(":")
            found.update(f"{collection.strip()}.{verb}" for verb in verbs.split())
    return frozenset(found)


_DEALER = (
    network.PRESENCE, network.ASSIGNMENT_LOOK, network.NETWORK_LOOK, network.STAFF_LOOK, vehicle.CAR_LOOK,
    vehicle.RECALL_LOOK,
)  # fmt: skip
_DESK = (customer.CUSTOMER_DESK, vehicle.CAR_DESK, customer.CALLS)
_ALL = (
    network.NETWORK_LOOK, network.STAFF_LOOK, vehicle.CAR_LOOK, *_DESK, customer.COUNTER, vehicle.SALES,
    vehicle.WORKSHOP, _IMPORTS, network.NETWORK_DESK, network.NETWORK_IMPORTS, network.PARTNER_LOOK,
    network.PARTNER_CARE, network.ASSIGNING, network.LEAVING, vehicle.STATION_DIARY, vehicle.STATION, vehicle.RECALLS,
    customer.CONTACT_RULES, customer.IDENTITY, customer.LEADS_ALL, customer.RIGHTS, customer.SHOWROOM_ALL,
    vehicle.ORDERS_ALL, complaint.CASES_ALL, customer.PEOPLE_ALL,
)  # fmt: skip

PERMISSIONS: dict[str, frozenset[str]] = {
    "owner": _permissions(
        network.NETWORK_LOOK, customer.OWN_PROFILE, "vehicle.vehicles: read list read_history",
        "vehicle.vins: check suggest", vehicle.SALES_LOOK, vehicle.WORKSHOP_LOOK, "vehicle.ownerships: list read",
        vehicle.DIARY, customer.IDENTITY_LOOK, customer.RIGHTS_OWN,
        "vehicle.lemon_watches: read\nvehicle.warranty_terms: list check", vehicle.CAR_ORDER_LOOK, complaint.CASE_OWN,
        customer.PEOPLE_OWN,
    ),
    "dealer.sales": _permissions(
        *_DEALER, *_DESK, customer.COUNTER, vehicle.SALES, vehicle.WORKSHOP_LOOK, vehicle.DIARY, customer.LEADS_WORKED,
        customer.PAPERS, customer.SHOWROOM_DESK, vehicle.CAR_ORDERS, complaint.CASE_WORK, customer.PEOPLE_DESK,
    ),
    "dealer.service": _permissions(
        *_DEALER, *_DESK, customer.COUNTER, vehicle.WORKSHOP, vehicle.STATION_DIARY, customer.TASKS, complaint.CASE_WORK,
        customer.PEOPLE_LOOK,
    ),
    "dealer.technician": _permissions(
        *_DEALER, "vehicle.repair_orders: read list update advance_stage", vehicle.DIARY_LOOK,
    ),
    "dealer.care": _permissions(
        *_DEALER, customer.CUSTOMER_DESK, customer.CALLS, customer.COUNTER, vehicle.SALES_LOOK, vehicle.WORKSHOP_LOOK,
        "vehicle.vehicles: list", vehicle.DIARY, customer.TASKS, vehicle.CAR_ORDER_LOOK, complaint.CASE_WORK,
        customer.PEOPLE_LOOK,
    ),
    "dealer.manager": _permissions(
        *_DEALER, *_DESK, customer.COUNTER, vehicle.SALES, vehicle.WORKSHOP, "network.staff: create update",
        "network.calendars: put copy", network.PARTNER_LOOK, network.ASSIGNING, network.LEAVING, vehicle.STATION_DIARY,
        vehicle.STATION, customer.LEADS_MANAGED, customer.PAPERS, customer.SHOWROOM_MANAGED, vehicle.CAR_ORDERS,
        vehicle.CHANNEL_LOOK, complaint.CASE_WORK, customer.PEOPLE_DESK,
    ),
    "dealer.system": _permissions(
        *_DEALER, *_DESK, customer.COUNTER, vehicle.SALES, vehicle.WORKSHOP, _IMPORTS, vehicle.STATION_DIARY,
        vehicle.STATION, customer.LEADS_WORKED, customer.LEAD_INTAKE, customer.PAPERS, customer.SHOWROOM_MANAGED,
        vehicle.CAR_ORDERS, vehicle.CHANNEL_LOOK, "vehicle.channel_days: import", complaint.CASE_WORK,
        complaint.CASE_IMPORTS, customer.PEOPLE_DESK, customer.PEOPLE_INTAKE,
    ),
    "oem.agent": _permissions(
        *_DEALER, *_DESK, customer.IDENTITY, vehicle.SALES_LOOK, vehicle.WORKSHOP_LOOK, vehicle.DIARY,
        customer.CONTACT_RULES_LOOK, customer.LEADS_WORKED, "customer.leads: assign", customer.RIGHTS_DESK,
        customer.SHOWROOM_DESK, vehicle.CAR_ORDER_LOOK, complaint.CASE_WORK, customer.PEOPLE_DESK, customer.RECALLING,
    ),
    "oem.technical": _permissions(
        network.NETWORK_LOOK, vehicle.CAR_LOOK, "vehicle.vehicles: list", vehicle.WORKSHOP_LOOK, vehicle.RECALL_LOOK,
        complaint.CASE_TECHNICAL,
    ),
    "oem.keyaccount": _permissions(
        *_DEALER, *_DESK, customer.IDENTITY, vehicle.SALES_LOOK, vehicle.WORKSHOP_LOOK, customer.LEADS_MANAGED,
        customer.SHOWROOM_MANAGED, vehicle.CAR_ORDERS, complaint.CASE_WORK, customer.PEOPLE_DESK, customer.RECALLING,
        customer.FLEET_DEALS,
    ),
    "oem.marketing": _permissions(
        network.NETWORK_LOOK, "customer.customers: list", "vehicle.vehicles: list read", customer.CONTACT_RULES_LOOK,
    ),
    "oem.quality": _permissions(
        network.NETWORK_LOOK, vehicle.CAR_LOOK, "vehicle.vehicles: list", vehicle.WORKSHOP_LOOK, vehicle.RECALLS,
        complaint.CASE_LOOK, "complaint.notes: list",
    ),
    "oem.region": _permissions(
        *_DEALER, "customer.customers: read list search", "customer.relations: list", "customer.interactions: list",
        "vehicle.vehicles: list", vehicle.SALES_LOOK, vehicle.WORKSHOP_LOOK, network.PARTNER_LOOK, network.PARTNER_CARE,
        vehicle.DIARY_LOOK, customer.LEAD_LOOK, customer.LEAD_CARE, "customer.tasks: read list", customer.SHOWROOM_LOOK,
        vehicle.CAR_ORDER_LOOK, vehicle.CHANNEL_LOOK, complaint.CASE_LOOK,
        "complaint.cases: escalate assign\ncomplaint.notes: list\ncomplaint.messages: list", customer.PEOPLE_LOOK,
        customer.RECALLING_LOOK,
    ),
    "oem.manager": _permissions(*_ALL),
    "oem.research": _permissions("customer.customers: list", "vehicle.vehicles: list read"),
    "oem.admin": _permissions(*_ALL, _OPERATIONS, _AUDIT, network.GROUP_MAPPING),
    "ops": _permissions(
        _OPERATIONS, "customer.imports: read list", "vehicle.imports: read list", "network.imports: read list",
        "complaint.imports: read list", "campaign.imports: read list",
    ),
    "plant": _permissions(
        "vehicle.vehicles: register read list update import", "vehicle.vins: check",
        "vehicle.imports: upload read list cancel", vehicle.PLANT,
    ),
    "partner": _permissions("network.dealers: read list", "vehicle.vins: check", "customer.leads: receive"),
    "provisioner": _permissions(network.PROVISIONING),
    "service": _permissions(*_ALL, _OPERATIONS, network.PROVISIONING),
}  # fmt: skip

_UPKEEP_STATION = (vehicle.UPKEEP_LOOK, vehicle.UPKEEP_DESK, vehicle.PARTS, vehicle.CLAIMS, vehicle.ROADSIDE_HELP)
_UPKEEP_ALL = (
    *_UPKEEP_STATION,
    vehicle.UPKEEP_MAKER,
    vehicle.CLAIMS_DECIDED,
    vehicle.ROADSIDE,
    "vehicle.parts_orders: promise",
)
_UPKEEP: dict[str, tuple[str, ...]] = {
    "owner": (vehicle.UPKEEP_LOOK, "vehicle.odometer: record\nvehicle.roadside_cases: open read list cancel"),
    "dealer.sales": (vehicle.UPKEEP_LOOK, vehicle.UPKEEP_DESK),
    "dealer.service": (
        vehicle.UPKEEP_LOOK,
        vehicle.UPKEEP_DESK,
        vehicle.PARTS,
        "vehicle.warranty_claims: submit read list send_parts",
        vehicle.ROADSIDE_HELP,
    ),
    "dealer.technician": (vehicle.UPKEEP_LOOK, "vehicle.parts_orders: read list"),
    "dealer.care": (vehicle.UPKEEP_LOOK, vehicle.UPKEEP_DESK),
    "dealer.manager": _UPKEEP_STATION,
    "dealer.system": _UPKEEP_STATION,
    "oem.agent": (vehicle.UPKEEP_LOOK, vehicle.UPKEEP_DESK, vehicle.PARTS_LOOK, vehicle.ROADSIDE),
    "oem.keyaccount": (vehicle.UPKEEP_LOOK, vehicle.UPKEEP_DESK),
    "oem.technical": (vehicle.UPKEEP_LOOK, "vehicle.exposure: list", vehicle.PARTS_LOOK),
    "oem.quality": (
        vehicle.UPKEEP_LOOK,
        vehicle.UPKEEP_MAKER,
        "vehicle.warranty_claims: read list receive_parts",
        vehicle.PARTS_LOOK,
    ),
    "oem.region": (
        vehicle.UPKEEP_LOOK,
        "vehicle.maintenance: list list_returns",
        vehicle.PARTS_LOOK,
        vehicle.CLAIMS_DECIDED,
    ),
    "oem.manager": _UPKEEP_ALL,
    "oem.admin": _UPKEEP_ALL,
    "service": _UPKEEP_ALL,
}
PERMISSIONS |= {role: PERMISSIONS[role] | _permissions(*held) for role, held in _UPKEEP.items()}
PERMISSIONS |= {role: PERMISSIONS[role] | _permissions(*held) for role, held in survey.HELD.items()}
PERMISSIONS |= {role: PERMISSIONS[role] | _permissions(*held) for role, held in campaign.HELD.items()}

# Traces belong to no service with a contract: the gateway asks for these by name (marque_gateway/ops.py, edge.py).
READ_TRACES, RECORD_TRACES = "ops.traces.read", "ops.traces.record"
PERMISSIONS["ops"] |= {READ_TRACES, RECORD_TRACES}
PERMISSIONS |= {role: PERMISSIONS[role] | _permissions(*held) for role, held in complaint.LEARNING.items()}
PERMISSIONS |= {role: PERMISSIONS[role] | _permissions(*held) for role, held in people.HELD.items()}
PERMISSIONS |= {role: PERMISSIONS[role] | _permissions(*held) for role, held in complaint.CASEWORK.items()}
PERMISSIONS |= {role: PERMISSIONS[role] | _permissions(*held) for role, held in complaint.TEAMWORK.items()}

CLASSES: dict[str, frozenset[int]] = {
    "owner": frozenset({IDENTITY, CONTACT, PROFILE, COMMERCIAL, PERSON}),
    "dealer.sales": ALL_CLASSES,
    "dealer.service": ALL_CLASSES - {PROFILE},
    "dealer.technician": frozenset({NARRATIVE}),
    "dealer.care": ALL_CLASSES - {PROFILE},
    "dealer.manager": ALL_CLASSES,
    "dealer.system": ALL_CLASSES,
    "oem.agent": ALL_CLASSES,
    "oem.technical": frozenset({NARRATIVE}),
    "oem.keyaccount": ALL_CLASSES,
    "oem.marketing": frozenset({PROFILE}),
    "oem.quality": frozenset({NARRATIVE}),
    "oem.region": ALL_CLASSES,
    "oem.manager": ALL_CLASSES,
    "oem.research": frozenset({PROFILE}),
    "oem.admin": ALL_CLASSES,
    "ops": frozenset(),
    "plant": frozenset(),
    "partner": frozenset(),
    "provisioner": frozenset({IDENTITY, CONTACT}),
    "service": ALL_CLASSES,
}

# Callers of whom no row is hidden where their permissions reach at all; what they see of a row is said by CLASSES.
UNSCOPED = frozenset(
    {
        "oem.agent",
        "oem.manager",
        "oem.admin",
        "oem.keyaccount",
        "oem.quality",
        "oem.technical",
        "oem.marketing",
        "oem.research",
        "plant",
        "provisioner",
        "service",
    }
)


# Roles of systems, customers and partners: nobody holds them by working somewhere, so no record of staff speaks of them.
NOT_OF_STAFF = frozenset({"owner", "dealer.system", "plant", "partner", "service", "provisioner"})


@cache
def permissions(held: frozenset[str]) -> frozenset[str]:
    """Returns all permissions of a set of roles; an unknown role gives none."""
    return frozenset().union(*(PERMISSIONS.get(role, frozenset()) for role in held))


@cache
def visible_classes(held: frozenset[str]) -> frozenset[int]:
    """Returns the kinds of data (`DataClass` numbers) that a set of roles sees on rows in its scope."""
    return frozenset().union(*(CLASSES.get(role, frozenset()) for role in held))
