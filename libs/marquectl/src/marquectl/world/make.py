"""The whole sample world, by kinds, in the order in which a platform can take it in."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from marquectl.world import touches
from marquectl.world.cars import MadeCar, Transfer, cars_of
from marquectl.world.leads import MadeLead, leads
from marquectl.world.network import dealer_rows, staff_rows
from marquectl.world.orders import MadeOrder, channel_rows, plant_rows
from marquectl.world.orders import orders as car_orders
from marquectl.world.partners import kpi_rows, target_rows
from marquectl.world.people import MadeCustomer, customer
from marquectl.world.troubles import case_rows
from marquectl.world.visits import visits_of

SOURCE = "sample"


@dataclass(frozen=True)
class World:
    """A sample world. `rows` holds the rows of each kind of import in order; the rest goes by RPCs of its own."""

    seed: int
    size: int
    customers: list[MadeCustomer]
    cars: list[MadeCar]
    rows: dict[str, list[Message]]
    transfers: list[Transfer]
    consents: list[touches.MadeConsent]
    interactions: list[touches.MadeInteraction]
    leads: list[MadeLead]
    orders: list[MadeOrder]


def make_world(seed: int, size: int) -> World:
    """Makes the world of a seed with `size` customers. The same arguments give the same world; a larger one contains a smaller."""
    customers = [customer(seed, number) for number in range(1, size + 1)]
    cars: list[MadeCar] = []
    taken: set[str] = set()
    for number, owner in enumerate(customers, 1):
        cars += cars_of(seed, number, owner, len(cars), taken)
    orders: list[Message] = []
    transfers = [car.transfer for car in cars if car.transfer is not None]
    for car in cars:
        for order in visits_of(seed, car):
            order.row = len(orders) + 1
            orders.append(order)
    ordered = car_orders(seed, customers, cars)
    return World(
        seed=seed,
        size=size,
        customers=customers,
        cars=cars,
        rows={
            "dealers": list(dealer_rows()),
            "staff": list(staff_rows(seed)),
            "customers": [made.row for made in customers],
            "vehicles": [car.vehicle for car in cars],
            "sales": [car.sale for car in cars],
            "repair-orders": orders,
            "kpi-values": list(kpi_rows(seed)),
            "targets": list(target_rows(seed)),
            "plant-stages": list(plant_rows(ordered)),
            "channel-days": list(channel_rows(seed)),
            "cases": list(case_rows(seed)),
        },
        transfers=transfers,
        consents=list(touches.consents(seed, size)),
        interactions=list(touches.interactions(seed, [made.home.country for made in customers])),
        leads=list(leads(seed, [made.home.country for made in customers])),
        orders=ordered,
    )
