"""Lets the sample show who belongs to whom and what else they have: a household, an organisation with contacts, renewals that are due."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.type import date_pb2, money_pb2
from marque.customer.v1 import customer_tie_pb2, holding_pb2

from marquectl.door import Door
from marquectl.world.people import MadeCustomer

_TIES, _HOLDINGS = "customer.v1.CustomerTieService", "customer.v1.HoldingService"
_ROLES = (customer_tie_pb2.TIE_ROLE_PARTNER, customer_tie_pb2.TIE_ROLE_CHILD)
_TITLES = (
    (customer_tie_pb2.TIE_ROLE_FLEET_MANAGER, "车队主管 / Fleet manager"),
    (customer_tie_pb2.TIE_ROLE_BUYER, "采购 / Purchasing"),
)
# kind, provider, product, units of value in CNY, days from today until it is to be renewed
_HELD = (
    (holding_pb2.HOLDING_KIND_INSURANCE, "平安保险", "车辆商业险", 5_200, 12),
    (holding_pb2.HOLDING_KIND_EXTENDED_WARRANTY, "Marque", "延保 2 年 / Extended warranty", 3_800, 45),
    (holding_pb2.HOLDING_KIND_LOAN, "Marque Finance", "36 期 / 36 months", 120_000, 400),
    (holding_pb2.HOLDING_KIND_CLUB, "Marque Club", "车主俱乐部 / Owners' club", 0, -5),
)


@dataclass(frozen=True, slots=True)
class Belongings:
    """Who is shown, by source key: a family that has the same dealer, a company (empty where the sample has none) and its people."""

    family: Sequence[str]
    company: str
    contacts: Sequence[str]
    dealer_code: str

    @classmethod
    def of(cls, customers: Sequence[MadeCustomer]) -> Belongings:
        """Chooses them: the first customer's household is the one that the printed commands show."""
        first = customers[0]
        near = [one.row.source_key for one in customers if one.home == first.home and not one.organisation]
        company = next((one.row.source_key for one in customers if one.organisation), "")
        others = [
            one.row.source_key for one in customers if not one.organisation and one.row.source_key not in near[:3]
        ]
        return cls(near[:3], company, others[:2], first.row.dealer_code)

    @property
    def keys(self) -> set[str]:
        """Everybody's source keys."""
        return {*self.family, *self.contacts, self.company} - {""}


class Belonging:
    """Writes them. `request` makes a request with a key of its own, so that everything may be written again."""

    def __init__(
        self,
        door: Door,
        dealer_ids: Mapping[str, str],
        customer_ids: Mapping[str, str],
        request: Callable[..., Message],
    ) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._customer_ids = customer_ids
        self._request = request

    async def enter(self, found: Belongings) -> None:
        """Writes the ties and the holdings."""
        head, *others = [self._customer_ids[key] for key in found.family]
        for number, (member, role) in enumerate(zip(others, _ROLES, strict=False)):
            tie = {"kind": customer_tie_pb2.TIE_KIND_HOUSEHOLD, "customer_id": member, "other_customer_id": head}
            await self._tie(f"household-{number}", role=role, source="showroom", **tie)
        if found.company:
            await self._organisation(self._customer_ids[found.company], found.contacts)
        today = datetime.now(UTC).date()
        for number, held in enumerate(_HELD):
            await self._holding(number, head, self._dealer_ids[found.dealer_code], held, today)

    async def _organisation(self, company: str, contacts: Sequence[str]) -> None:
        for number, (key, (role, title)) in enumerate(zip(contacts, _TITLES, strict=False)):
            tie = {"customer_id": self._customer_ids[key], "other_customer_id": company, "primary": not number}
            kind = customer_tie_pb2.TIE_KIND_CONTACT
            await self._tie(f"contact-{number}", kind=kind, role=role, title=title, source="keyaccount", **tie)
        profile = customer_tie_pb2.OrganisationProfile(
            customer_id=company, employees=240, fleet_size=35, source="keyaccount"
        )
        await self._call(f"{_TIES}/PutOrganisationProfile", "organisation", profile=profile)

    async def _tie(self, key: str, **fields: Any) -> None:
        await self._call(f"{_TIES}/CreateCustomerTie", key, tie=customer_tie_pb2.CustomerTie(**fields))

    async def _holding(self, number: int, customer_id: str, dealer_id: str, held: tuple[Any, ...], today: date) -> None:
        kind, provider, product, units, days = held
        renewal = today + timedelta(days=days)
        holding = holding_pb2.Holding(
            customer_id=customer_id,
            dealer_id=dealer_id,
            kind=kind,
            provider=provider,
            product=product,
            end_date=date_pb2.Date(year=renewal.year, month=renewal.month, day=renewal.day),
            value=money_pb2.Money(currency_code="CNY", units=units) if units else None,
        )
        # Its days are counted from today, so another day is another request.
        await self._call(f"{_HOLDINGS}/CreateHolding", f"holding-{number}-{today:%Y%m%d}", holding=holding)

    async def _call(self, name: str, key: str, **fields: Any) -> None:
        await self._door.call(name, self._request(name, key, **fields))
