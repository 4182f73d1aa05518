"""Brings what the maker keeps of the sample's dealers into a platform: every step may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from marquectl.contract import method
from marquectl.door import Caller, Door
from marquectl.world import partners
from marquectl.world.cars import WORLD_DAY
from marquectl.world.network import STATIONS, Station

Ask = Callable[..., Message]


class Partners:
    """Writes measures, territories, contacts, visits, agreements. `request` makes a request with a key of its own."""

    def __init__(self, door: Door, dealer_ids: dict[str, str], seed: int, request: Ask) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._seed = seed
        self._request = request

    async def measures(self) -> None:
        """Writes the KPIs and the scorecard of the year."""
        for kpi in partners.KPIS:
            await self._call("DealerScorecardService/PutKpi", kpi["kpi_code"], kpi=kpi)
        await self._call("DealerScorecardService/PutScorecardModel", "model", model=partners.MODEL)

    async def visitor(self) -> str:
        """Returns somebody of the maker who goes to dealers."""
        name = "network.v1.StaffService/ListStaff"
        answer = await self._door.call(name, method(name).input(maker_only=True, page_size=1))
        return str(answer.staff[0].staff_id)

    def works(self, visitor: str) -> list[Coroutine[Any, Any, None]]:
        """Returns the writing of each dealer."""
        return [self._partner(index, station, visitor) for index, station in enumerate(STATIONS)]

    async def _partner(self, index: int, station: Station, visitor: str) -> None:
        dealer: dict[str, Any] = {"dealer_id": self._dealer_ids[station.code]}
        code = station.code
        territory = {**dealer, **partners.territory_of(station)}
        await self._call("DealerTerritoryService/CreateDealerTerritory", f"t-{code}", territory=territory)
        contact = {**dealer, **partners.contact_of(station, self._seed)}
        await self._call("DealerContactService/CreateDealerContact", f"c-{code}", contact=contact)
        at = Timestamp()
        at.FromDatetime(datetime(WORLD_DAY.year, WORLD_DAY.month, 1 + index, 2, tzinfo=UTC))
        visit = {**dealer, **partners.visit_of(station, self._seed), "visitor_staff_ids": [visitor], "planned_time": at}
        planned = await self._call("DealerVisitService/PlanDealerVisit", f"v-{code}", visit=visit)
        await self._call("DealerVisitService/CompleteDealerVisit", f"vc-{code}", visit_id=planned.visit_id)
        agreement = {**dealer, **partners.agreement_of(station, index)}
        draft = await self._call("DealerAgreementService/DraftDealerAgreement", f"a-{code}", agreement=agreement)
        signed = {"agreement_id": draft.agreement_id, "signed_date": partners.signed_date()}
        await self._call("DealerAgreementService/SignDealerAgreement", f"as-{code}", **signed)
        if index % partners.AGREED == 0:
            await self._agree(station)

    async def _agree(self, station: Station) -> None:
        """The dealer's manager agrees to what the maker proposed."""
        dealer = self._dealer_ids[station.code]
        name = "network.v1.TargetService/ListTargets"
        asked = method(name).input(dealer_id=dealer, state=1, page_size=100)
        proposed = (await self._door.call(name, asked)).targets
        if proposed:
            agreements = [{"target_id": one.target_id} for one in proposed]
            manager = self._door.acting_as(Caller(roles="dealer.manager", dealers=dealer))
            name = "network.v1.TargetService/AgreeTargets"
            await manager.call(name, self._request(name, f"g-{station.code}", agreements=agreements))

    async def _call(self, rpc: str, key: str, **fields: Any) -> Any:
        name = f"network.v1.{rpc}"
        return await self._door.call(name, self._request(name, f"p-{key}", **fields))
