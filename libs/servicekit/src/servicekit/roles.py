"""The role table: what each role may do, and which kinds of data it sees. One file, from which the permission suite is generated.

Rows are not judged here: which rows a caller sees is said by each repository's `visible_to(principal)`, by the table in docs/access.md.
"""

from __future__ import annotations

from functools import cache

from marque.options.v1 import options_pb2 as data

IDENTITY, CONTACT, PROFILE = data.DATA_CLASS_IDENTITY, data.DATA_CLASS_CONTACT, data.DATA_CLASS_PROFILE
COMMERCIAL, PERSON, NARRATIVE = data.DATA_CLASS_COMMERCIAL, data.DATA_CLASS_PERSON, data.DATA_CLASS_NARRATIVE
ALL_CLASSES = frozenset({IDENTITY, CONTACT, PROFILE, COMMERCIAL, PERSON, NARRATIVE})

# Groups of permissions, by what a person does with them. A line is `service.collection: verbs`.
_NETWORK_LOOK = "network.dealers: read list search"
_STAFF_LOOK = """
network.staff: read list search
network.calendars: read list compute
network.territories: read list
network.targets: read list
"""
# The dealer as a customer of the maker: what its manager and the maker's people for it see, and agree on.
_PARTNER_LOOK = """
network.dealers: list_status_changes
network.dealer_contacts: read list
network.visits: read list list_actions complete_action
network.agreements: read list
network.kpis: list
network.scorecard_models: read
network.kpi_values: list
network.scores: read list compare
network.targets: propose agree
"""
_PARTNER_CARE = """
network.admissions: read list
network.dealer_contacts: create update
network.visits: plan update complete cancel
network.kpi_values: record
network.calendars: close_days
"""
_CAR_LOOK = """
vehicle.vehicles: read search read_history
vehicle.vins: check suggest
vehicle.warranty_terms: list check
"""
_CUSTOMER_DESK = """
customer.customers: create read list search update
customer.contact_points: add remove verify
customer.relations: list
customer.consents: grant withdraw list check
customer.preferences: read set
customer.interactions: list log
"""
# One person, one customer: what sources said, merges, the queue of duplicates. The maker's, as it goes across dealers.
_IDENTITY_LOOK = """
customer.customers: read_provenance
customer.merges: list
"""
_IDENTITY = f"""{_IDENTITY_LOOK}
customer.customers: merge unmerge
customer.duplicates: list decide
"""
_COUNTER = "customer.customers: look_up"
_CALLS = "customer.calls: look_up read note wrap_up place"
# How often and when people are contacted: who plans contacts reads the rules, who answers for them sets them.
_CONTACT_RULES_LOOK = "customer.contact_rules: list"
_CONTACT_RULES = "customer.contact_rules: list put"
_OWN_PROFILE = """
customer.customers: read update
customer.contact_points: add remove verify
customer.relations: list
customer.consents: grant withdraw list check
customer.preferences: read set
customer.interactions: list
"""
_CAR_DESK = """
vehicle.vehicles: register list update
vehicle.ownerships: start transfer end list read
"""
_SALES = "vehicle.sales: record read list reverse"
_SALES_LOOK = "vehicle.sales: read list"
_WORKSHOP = "vehicle.repair_orders: open read list update advance_stage close"
_WORKSHOP_LOOK = "vehicle.repair_orders: read list"
_DIARY_LOOK = """
vehicle.appointments: list_slots read list
vehicle.service_resources: list
"""
_DIARY = "vehicle.appointments: list_slots book read list move cancel"
_STATION_DIARY = """
vehicle.appointments: list_slots book read list move cancel check_in
vehicle.service_resources: list
"""
_STATION = "vehicle.service_resources: create update list"
_RECALL_LOOK = "vehicle.recalls: read list list_vehicles read_completion\nvehicle.lemon_watches: read list"
_RECALLS = """
vehicle.recalls: read list list_vehicles read_completion create update add_vehicles import open close record_remedy list_owners
vehicle.lemon_watches: read list
vehicle.warranty_terms: put
"""
_IMPORTS = """
customer.customers: import
customer.imports: upload read list cancel
vehicle.vehicles: import
vehicle.sales: import
vehicle.repair_orders: import
vehicle.imports: upload read list cancel
"""
_NETWORK_IMPORTS = """
network.dealers: import
network.staff: import
network.targets: import
network.kpi_values: import
network.imports: upload read list cancel
"""
_NETWORK_DESK = """
network.dealers: create update activate suspend terminate
network.territories: create update end
network.admissions: put
network.agreements: draft update sign amend terminate
network.kpis: put
network.scorecard_models: put
network.calendars: put copy
network.staff: create update
"""
_PRESENCE = "network.presence: report list"
_ASSIGNING = """
network.assignments: suggest assign read list end
network.presence: report list
"""
_LEAVING = """
network.staff: leave
network.hand_overs: read
"""
_ASSIGNMENT_LOOK = "network.assignments: read list"
_PROVISIONING = "network.staff: provision"  # of an identity provider's own client
_GROUP_MAPPING = "network.staff: provision map_groups"
_OPERATIONS = "".join(
    f"{service}.dead_letters: list replay\n{service}.state: read republish\n{service}.events: resend\n{service}.audit_records: verify\n"
    for service in ("customer", "network", "vehicle", "complaint")
)
# Who did what to whom: for who answers for it, not for who keeps the machines running.
_AUDIT = "".join(f"{service}.audit_records: list\n" for service in ("customer", "network", "vehicle", "complaint"))

# Leads and tasks: what is worked with at a dealer, what its manager decides, and what the maker's people may do for any dealer.
_TASKS = "customer.tasks: create read list complete reassign cancel"
_LEAD_LOOK = """
customer.leads: read list search
customer.lead_promises: list
customer.lead_rules: read
"""
_LEAD_DESK = """
customer.leads: create update contact advance propose_loss win
customer.lead_promises: add settle
"""
_LEAD_CARE = """
customer.leads: assign decide_loss recycle
customer.lead_calibration: read
"""
_LEAD_INTAKE = "customer.leads: receive import"
_LEADS_WORKED = _LEAD_LOOK + _LEAD_DESK + _TASKS
_LEADS_MANAGED = _LEADS_WORKED + _LEAD_CARE
_LEADS_ALL = _LEADS_MANAGED + _LEAD_INTAKE + "\ncustomer.lead_rules: put"

# A person's rights: what they may ask for themselves, what the maker's people do on their word, and what is answered for by few.
_RIGHTS_OWN = """
customer.data_exports: start read download
customer.erasures: start read
customer.restrictions: set
customer.identity_documents: add list remove
"""
_RIGHTS_DESK = """
customer.data_exports: start read
customer.erasures: start read
customer.restrictions: set
customer.identity_documents: add list find
"""
_RIGHTS = f"""{_RIGHTS_OWN}{_RIGHTS_DESK}
customer.erasures: list
customer.restrictions: lift
customer.retention_rules: list put
"""
_PAPERS = "customer.identity_documents: add list"  # at a dealer: what a registration and an insurance need
# The showroom: what advisers of a dealer do after a lead, what its manager decides, and what only the maker does.
_SHOWROOM_LOOK = """
customer.demo_cars: list
customer.test_drives: read list
customer.quotes: read list advise
customer.quote_rules: read
customer.referrals: read list
customer.fleet_deals: read list
"""
_SHOWROOM_DESK = f"""{_SHOWROOM_LOOK}
customer.test_drives: list_slots book confirm move check_licence complete miss cancel
customer.quotes: create revise request_approval send accept decline withdraw
customer.referrals: create
customer.fleet_deals: close_part
"""
_SHOWROOM_MANAGED = f"""{_SHOWROOM_DESK}
customer.demo_cars: create update
customer.quotes: decide_approval
"""
_RECALLING = "customer.lead_recalls: list report record"
_FLEET_DEALS = "customer.fleet_deals: create add_part"
_SHOWROOM_ALL = f"""{_SHOWROOM_MANAGED}
{_RECALLING}
{_FLEET_DEALS}
customer.quote_rules: put
"""


# Orders for cars, the catalogue, the channel feed.
_CAR_ORDER_LOOK = "vehicle.car_orders: read list"
_CAR_ORDERS = f"""{_CAR_ORDER_LOOK}
vehicle.car_orders: place update cancel receive
"""
_CHANNEL_LOOK = "vehicle.channel_days: list"
_PLANT = """
vehicle.car_orders: read list
vehicle.plant_stages: import
vehicle.plant_messages: list
"""
_CATALOGUE = """
vehicle.catalogue_models: put
vehicle.catalogue_prices: put list
"""
_ORDERS_ALL = _CAR_ORDERS + _PLANT + _CATALOGUE + _CHANNEL_LOOK + "\nvehicle.channel_days: import"

# Cases: what a customer does with their own, what is worked with at a dealer or the contact centre, and what those see who only look.
_CASE_OWN = """
complaint.cases: create read list answer
complaint.messages: add list
"""
_CASE_LOOK = """
complaint.cases: read list search list_entries
complaint.policies: read
"""
_CASE_WORK = (
    _CASE_LOOK
    + """
complaint.cases: create update acknowledge assess investigate propose answer resolve close reopen escalate wait resume assign
complaint.messages: add list
complaint.notes: add list
"""
)
_CASE_TECHNICAL = (
    _CASE_LOOK
    + """
complaint.cases: acknowledge assess investigate resolve wait resume escalate
complaint.notes: add list
"""
)
_CASE_IMPORTS = "complaint.cases: import\ncomplaint.imports: upload read list cancel"
_CASES_ALL = _CASE_WORK + _CASE_IMPORTS + "\ncomplaint.policies: put"

# Where customers stand, who belongs to whom, and what else they have.
_PEOPLE_LOOK = """
customer.values: read list_history
customer.lifecycle_rules: read
customer.ties: list
customer.households: read
customer.organisations: read
customer.holdings: read list list_renewals
"""
_PEOPLE_DESK = f"""{_PEOPLE_LOOK}
customer.ties: create end
customer.organisations: put
customer.holdings: create renew end
"""
_PEOPLE_INTAKE = "customer.holdings: import"
_PEOPLE_ALL = f"{_PEOPLE_DESK}{_PEOPLE_INTAKE}\ncustomer.lifecycle_rules: put"
_PEOPLE_OWN = "customer.values: read\ncustomer.holdings: read list"

# Asking again whether a loss is what the dealer says is the maker's, and the dealer never hears of it.
_RECALLING_LOOK = "customer.lead_recalls: list report"


def _permissions(*groups: str) -> frozenset[str]:
    found = set()
    for line in "\n".join(groups).splitlines():
        if line.strip():
            collection, _, verbs = line.partition(":")
            found.update(f"{collection.strip()}.{verb}" for verb in verbs.split())
    return frozenset(found)


_DEALER = (_PRESENCE, _ASSIGNMENT_LOOK, _NETWORK_LOOK, _STAFF_LOOK, _CAR_LOOK, _RECALL_LOOK)
_DESK = (_CUSTOMER_DESK, _CAR_DESK, _CALLS)
_ALL = (
    _NETWORK_LOOK, _STAFF_LOOK, _CAR_LOOK, *_DESK, _COUNTER, _SALES, _WORKSHOP, _IMPORTS, _NETWORK_DESK, _NETWORK_IMPORTS,
    _PARTNER_LOOK, _PARTNER_CARE, _ASSIGNING, _LEAVING, _STATION_DIARY, _STATION, _RECALLS, _CONTACT_RULES, _IDENTITY,
    _LEADS_ALL, _RIGHTS, _SHOWROOM_ALL, _ORDERS_ALL, _CASES_ALL, _PEOPLE_ALL,
)  # fmt: skip

PERMISSIONS: dict[str, frozenset[str]] = {
    "owner": _permissions(
        _NETWORK_LOOK, _OWN_PROFILE, "vehicle.vehicles: read list read_history", "vehicle.vins: check suggest", _SALES_LOOK,
        _WORKSHOP_LOOK, "vehicle.ownerships: list read", _DIARY, _IDENTITY_LOOK, _RIGHTS_OWN,
        "vehicle.lemon_watches: read\nvehicle.warranty_terms: list check", _CAR_ORDER_LOOK, _CASE_OWN, _PEOPLE_OWN,
    ),
    "dealer.sales": _permissions(
        *_DEALER, *_DESK, _COUNTER, _SALES, _WORKSHOP_LOOK, _DIARY, _LEADS_WORKED, _PAPERS, _SHOWROOM_DESK, _CAR_ORDERS,
        _CASE_WORK, _PEOPLE_DESK,
    ),
    "dealer.service": _permissions(
        *_DEALER, *_DESK, _COUNTER, _WORKSHOP, _STATION_DIARY, _TASKS, _CASE_WORK, _PEOPLE_LOOK,
    ),
    "dealer.technician": _permissions(*_DEALER, "vehicle.repair_orders: read list update advance_stage", _DIARY_LOOK),
    "dealer.care": _permissions(
        *_DEALER, _CUSTOMER_DESK, _CALLS, _COUNTER, _SALES_LOOK, _WORKSHOP_LOOK, "vehicle.vehicles: list", _DIARY, _TASKS,
        _CAR_ORDER_LOOK, _CASE_WORK, _PEOPLE_LOOK,
    ),
    "dealer.manager": _permissions(
        *_DEALER, *_DESK, _COUNTER, _SALES, _WORKSHOP, "network.staff: create update", "network.calendars: put copy",
        _PARTNER_LOOK, _ASSIGNING, _LEAVING, _STATION_DIARY, _STATION, _LEADS_MANAGED, _PAPERS, _SHOWROOM_MANAGED, _CAR_ORDERS,
        _CHANNEL_LOOK, _CASE_WORK, _PEOPLE_DESK,
    ),
    "dealer.system": _permissions(
        *_DEALER, *_DESK, _COUNTER, _SALES, _WORKSHOP, _IMPORTS, _STATION_DIARY, _STATION, _LEADS_WORKED, _LEAD_INTAKE,
        _PAPERS, _SHOWROOM_MANAGED, _CAR_ORDERS, _CHANNEL_LOOK, "vehicle.channel_days: import", _CASE_WORK, _CASE_IMPORTS,
        _PEOPLE_DESK, _PEOPLE_INTAKE,
    ),
    "oem.agent": _permissions(
        *_DEALER, *_DESK, _IDENTITY, _SALES_LOOK, _WORKSHOP_LOOK, _DIARY, _CONTACT_RULES_LOOK, _LEADS_WORKED,
        "customer.leads: assign", _RIGHTS_DESK, _SHOWROOM_DESK, _CAR_ORDER_LOOK, _CASE_WORK, _PEOPLE_DESK, _RECALLING,
    ),
    "oem.technical": _permissions(
        _NETWORK_LOOK, _CAR_LOOK, "vehicle.vehicles: list", _WORKSHOP_LOOK, _RECALL_LOOK, _CASE_TECHNICAL,
    ),
    "oem.keyaccount": _permissions(
        *_DEALER, *_DESK, _IDENTITY, _SALES_LOOK, _WORKSHOP_LOOK, _LEADS_MANAGED, _SHOWROOM_MANAGED, _CAR_ORDERS, _CASE_WORK,
        _PEOPLE_DESK, _RECALLING, _FLEET_DEALS,
    ),
    "oem.marketing": _permissions(
        _NETWORK_LOOK, "customer.customers: list", "vehicle.vehicles: list read", _CONTACT_RULES_LOOK,
    ),
    "oem.quality": _permissions(
        _NETWORK_LOOK, _CAR_LOOK, "vehicle.vehicles: list", _WORKSHOP_LOOK, _RECALLS, _CASE_LOOK, "complaint.notes: list",
    ),
    "oem.region": _permissions(
        *_DEALER, "customer.customers: read list search", "customer.relations: list", "customer.interactions: list",
        "vehicle.vehicles: list", _SALES_LOOK, _WORKSHOP_LOOK, _PARTNER_LOOK, _PARTNER_CARE, _DIARY_LOOK, _LEAD_LOOK,
        _LEAD_CARE, "customer.tasks: read list", _SHOWROOM_LOOK, _CAR_ORDER_LOOK, _CHANNEL_LOOK, _CASE_LOOK,
        "complaint.cases: escalate assign\ncomplaint.notes: list\ncomplaint.messages: list", _PEOPLE_LOOK, _RECALLING_LOOK,
    ),
    "oem.manager": _permissions(*_ALL),
    "oem.research": _permissions("customer.customers: list", "vehicle.vehicles: list read"),
    "oem.admin": _permissions(*_ALL, _OPERATIONS, _AUDIT, _GROUP_MAPPING),
    "ops": _permissions(
        _OPERATIONS, "customer.imports: read list", "vehicle.imports: read list", "network.imports: read list",
        "complaint.imports: read list",
    ),
    "plant": _permissions(
        "vehicle.vehicles: register read list update import", "vehicle.vins: check",
        "vehicle.imports: upload read list cancel", _PLANT,
    ),
    "partner": _permissions("network.dealers: read list", "vehicle.vins: check", "customer.leads: receive"),
    "provisioner": _permissions(_PROVISIONING),
    "service": _permissions(*_ALL, _OPERATIONS, _PROVISIONING),
}  # fmt: skip

# Upkeep of cars: odometers, maintenance, cars in use; parts, claims under warranty.
_UPKEEP_LOOK = "vehicle.odometer: list\nvehicle.maintenance_plans: list\nvehicle.maintenance: read\nvehicle.lemon_watches: read_evidence"
_UPKEEP_DESK = "vehicle.odometer: record\nvehicle.maintenance: list list_returns"
_PARTS_LOOK = "vehicle.parts_orders: read list list_fill_rates"
_PARTS = "vehicle.parts_orders: place read list receive cancel list_fill_rates"
_CLAIMS = "vehicle.warranty_claims: submit read list send_parts\nvehicle.repair_orders: reverse"
_CLAIMS_DECIDED = "vehicle.warranty_claims: read list check return approve refuse receive_parts pay"
_ROADSIDE_HELP = "vehicle.roadside_cases: open read list arrive finish"
_ROADSIDE = "vehicle.roadside_cases: open read list dispatch arrive finish cancel"
_UPKEEP_STATION = (_UPKEEP_LOOK, _UPKEEP_DESK, _PARTS, _CLAIMS, _ROADSIDE_HELP)
_UPKEEP_MAKER = "vehicle.maintenance_plans: put\nvehicle.exposure: list count"
_UPKEEP_ALL = (*_UPKEEP_STATION, _UPKEEP_MAKER, _CLAIMS_DECIDED, _ROADSIDE, "vehicle.parts_orders: promise")
_UPKEEP: dict[str, tuple[str, ...]] = {
    "owner": (_UPKEEP_LOOK, "vehicle.odometer: record\nvehicle.roadside_cases: open read list cancel"),
    "dealer.sales": (_UPKEEP_LOOK, _UPKEEP_DESK),
    "dealer.service": (
        _UPKEEP_LOOK,
        _UPKEEP_DESK,
        _PARTS,
        "vehicle.warranty_claims: submit read list send_parts",
        _ROADSIDE_HELP,
    ),
    "dealer.technician": (_UPKEEP_LOOK, "vehicle.parts_orders: read list"),
    "dealer.care": (_UPKEEP_LOOK, _UPKEEP_DESK),
    "dealer.manager": _UPKEEP_STATION,
    "dealer.system": _UPKEEP_STATION,
    "oem.agent": (_UPKEEP_LOOK, _UPKEEP_DESK, _PARTS_LOOK, _ROADSIDE),
    "oem.keyaccount": (_UPKEEP_LOOK, _UPKEEP_DESK),
    "oem.technical": (_UPKEEP_LOOK, "vehicle.exposure: list", _PARTS_LOOK),
    "oem.quality": (_UPKEEP_LOOK, _UPKEEP_MAKER, "vehicle.warranty_claims: read list receive_parts", _PARTS_LOOK),
    "oem.region": (_UPKEEP_LOOK, "vehicle.maintenance: list list_returns", _PARTS_LOOK, _CLAIMS_DECIDED),
    "oem.manager": _UPKEEP_ALL,
    "oem.admin": _UPKEEP_ALL,
    "service": _UPKEEP_ALL,
}
PERMISSIONS |= {role: PERMISSIONS[role] | _permissions(*held) for role, held in _UPKEEP.items()}

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
