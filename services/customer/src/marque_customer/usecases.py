"""What the customer service does: one function, one transaction."""

from __future__ import annotations

import uuid
from datetime import datetime

from marque.customer.v1 import interaction_pb2, relation_events_pb2, relation_pb2
from servicekit.db.uow import UnitOfWork

from marque_customer import repository
from marque_customer.errors import CustomerNotFound
from marque_customer.models import Interaction, Relation


async def note_sale(
    *, uow: UnitOfWork, customer_id: uuid.UUID, dealer_id: uuid.UUID, sale_id: str, vin: str, moment: datetime
) -> None:
    """Puts a sale on the buyer's time line and begins the dealer's relation."""
    async with uow:
        if not await repository.customer_exists(uow.session, customer_id):
            raise CustomerNotFound(customer_id=customer_id)
        relation = Relation(
            customer_id=customer_id,
            dealer_id=dealer_id,
            kind=relation_pb2.RELATION_KIND_SALE,
            start_time=moment,
            origin_type="sale",
            origin_id=sale_id,
        )
        if not await repository.relation_exists(uow.session, customer_id, dealer_id, relation.kind):
            uow.add(relation)
            await uow.flush()
            started = relation_events_pb2.RelationStarted(
                relation_id=str(relation.relation_id),
                customer_id=str(customer_id),
                dealer_id=str(dealer_id),
                kind=relation.kind,
            )
            uow.emit(started, of=relation)
        uow.add(
            Interaction(
                customer_id=customer_id,
                kind=interaction_pb2.INTERACTION_KIND_SALE,
                direction=interaction_pb2.INTERACTION_DIRECTION_NONE,
                occur_time=moment,
                create_time=uow.now,
                dealer_id=dealer_id,
                subject_key="sale.recorded",
                vin=vin,
                reference_type="sale",
                reference_id=sale_id,
            )
        )
