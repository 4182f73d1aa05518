"""What the vehicle service does: one function, one transaction."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from google.type import date_pb2
from marque.vehicle.v1 import sale_events_pb2
from servicekit.db.uow import UnitOfWork

from marque_vehicle import repository
from marque_vehicle.errors import SaleNotFound
from marque_vehicle.models import Sale


async def record_sale(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Records a sale; the buyer becomes an owner elsewhere, by the event."""
    async with uow:
        sale = Sale(**values)
        uow.add(sale)
        await uow.flush()
        uow.emit(
            sale_events_pb2.SaleRecorded(
                sale_id=str(sale.sale_id),
                vin=sale.vin,
                dealer_id=str(sale.dealer_id),
                customer_id=str(sale.buyer_customer_id),
                invoice_date=_date(sale.invoice_date),
                delivery_date=_date(sale.delivery_date) if sale.delivery_date else None,
                use=sale.use,  # type: ignore[arg-type]
            ),
            of=sale,
        )
        uow.audit("create", "sale", str(sale.sale_id))
        return await uow.answer(sale)


async def reverse_sale(*, uow: UnitOfWork, sale_id: uuid.UUID, reason: str, etag: str) -> Any:
    """Takes a sale back."""
    async with uow:
        sale = await repository.get_sale(uow.session, uow.principal, sale_id, lock=True)
        if sale is None:
            raise SaleNotFound(sale_id=sale_id)
        sale.check_etag(etag)
        sale.reverse(reason, uow.now)
        uow.emit(
            sale_events_pb2.SaleReversed(
                sale_id=str(sale.sale_id),
                vin=sale.vin,
                dealer_id=str(sale.dealer_id),
                customer_id=str(sale.buyer_customer_id),
                reason=reason,
            ),
            of=sale,
        )
        uow.audit("reverse", "sale", str(sale.sale_id))
        return await uow.answer(sale)


def _date(value: date) -> date_pb2.Date:
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)
