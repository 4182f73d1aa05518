"""Permissions of the vehicle service, grouped by what people do with cars. A line is `service.collection: verbs`."""

from __future__ import annotations

CAR_LOOK = """
vehicle.vehicles: read search read_history
vehicle.vins: check suggest
vehicle.warranty_terms: list check
"""
CAR_DESK = """
vehicle.vehicles: register list update
vehicle.ownerships: start transfer end list read
"""
SALES = "vehicle.sales: record read list reverse"
SALES_LOOK = "vehicle.sales: read list"
WORKSHOP = "vehicle.repair_orders: open read list update advance_stage close"
WORKSHOP_LOOK = "vehicle.repair_orders: read list"
DIARY_LOOK = """
vehicle.appointments: list_slots read list
vehicle.service_resources: list
"""
DIARY = "vehicle.appointments: list_slots book read list move cancel"
STATION_DIARY = """
vehicle.appointments: list_slots book read list move cancel check_in
vehicle.service_resources: list
"""
STATION = "vehicle.service_resources: create update list"
RECALL_LOOK = "vehicle.recalls: read list list_vehicles read_completion\nvehicle.lemon_watches: read list"
RECALLS = """
vehicle.recalls: read list list_vehicles read_completion create update add_vehicles import open close record_remedy list_owners
vehicle.recalls: record_unreachable read_report
vehicle.lemon_watches: read list
vehicle.warranty_terms: put
"""

# Orders for cars, the catalogue, the channel feed.
CAR_ORDER_LOOK = "vehicle.car_orders: read list"
CAR_ORDERS = f"""{CAR_ORDER_LOOK}
vehicle.car_orders: place update cancel receive
"""
CHANNEL_LOOK = "vehicle.channel_days: list"
PLANT = """
vehicle.car_orders: read list
vehicle.plant_stages: import
vehicle.plant_messages: list
"""
CATALOGUE = """
vehicle.catalogue_models: put
vehicle.catalogue_prices: put list
"""
ORDERS_ALL = CAR_ORDERS + PLANT + CATALOGUE + CHANNEL_LOOK + "\nvehicle.channel_days: import"

# Upkeep of cars: odometers, maintenance, cars in use; parts, claims under warranty.
UPKEEP_LOOK = "vehicle.odometer: list\nvehicle.maintenance_plans: list\nvehicle.maintenance: read\nvehicle.lemon_watches: read_evidence"
UPKEEP_DESK = "vehicle.odometer: record\nvehicle.maintenance: list list_returns"
PARTS_LOOK = "vehicle.parts_orders: read list list_fill_rates"
PARTS = "vehicle.parts_orders: place read list receive cancel list_fill_rates"
CLAIMS = "vehicle.warranty_claims: submit read list send_parts\nvehicle.repair_orders: reverse"
CLAIMS_DECIDED = "vehicle.warranty_claims: read list check return approve refuse receive_parts pay"
ROADSIDE_HELP = "vehicle.roadside_cases: open read list arrive finish"
ROADSIDE = "vehicle.roadside_cases: open read list dispatch arrive finish cancel"
UPKEEP_MAKER = "vehicle.maintenance_plans: put\nvehicle.exposure: list count"
