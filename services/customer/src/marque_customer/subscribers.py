"""What the customer service hears from others."""

from __future__ import annotations

import uuid
from datetime import UTC

from marque.vehicle.v1 import sale_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_customer import usecases
from marque_customer.errors import CONSTRAINTS


async def on_sale_recorded(uow: UnitOfWork, event: Event) -> None:
    """A sale makes the buyer an owner on the time line and creates the dealer's relation."""
    sale: sale_events_pb2.SaleRecorded = event.data  # type: ignore[assignment]
    await usecases.note_sale(
        uow=uow,
        customer_id=uuid.UUID(sale.customer_id),
        dealer_id=uuid.UUID(sale.dealer_id),
        sale_id=sale.sale_id,
        vin=sale.vin,
        moment=sale.occur_time.ToDatetime(UTC),
    )


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    return [
        Subscription("customer_vehicle", "vehicle", {"marque.vehicle.v1.SaleRecorded": on_sale_recorded}, CONSTRAINTS)
    ]
