"""Brings the morning of the sample's contact centre: cases in the queue, one that waits for parts, one of danger. May be repeated."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from google.protobuf.message import Message
from marque.complaint.v1 import case_pb2

from marquectl.contract import method
from marquectl.door import Door
from marquectl.world import World

Ask = Callable[..., Message]
_CASES, _SIGNALS = "complaint.v1.CaseService", "complaint.v1.DefectSignalService"
_STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "acknowledge": ("AcknowledgeCase", {}),
    "assess": ("AssessCase", {"severity": 2, "components": ["TRANSMISSION"]}),
    "parts": ("WaitCase", {"waiting": 2, "reason": "PART_ORDERED"}),
    "tell": ("EscalateCase", {"reason": "CUSTOMER_ASKED"}),
}
# kind, channel, what is told, what was done with it by now
STORIES = (
    (1, 1, "高速行驶中刹车失灵，差点追尾，要求立即处理。", ()),
    (1, 3, "变速箱低速顿挫，4S店说是正常现象。", ("acknowledge", "assess")),
    (1, 2, "The gearbox jerks at low speed; the part has been on order for weeks.", ("acknowledge", "assess", "parts")),
    (1, 10, "交车时间一拖再拖，没有人给我回复。", ("acknowledge", "tell")),
    (2, 4, "When is the first service due?", ()),
    (3, 3, "希望导航支持离线地图。", ("acknowledge",)),
)


class Cases:
    """Writes them. `request` makes a request with a key of its own."""

    def __init__(
        self, door: Door, dealer_ids: Mapping[str, str], customer_ids: Mapping[str, str], request: Ask
    ) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._customer_ids = customer_ids
        self._request = request

    def works(self, world: World) -> list[Coroutine[Any, Any, None]]:
        """Returns the writing of each story, of a customer of its own."""
        people = {lead.customer_key: lead.dealer_code for lead in world.leads}
        told = zip(STORIES, sorted(people.items()), world.cars, strict=False)
        return [self._one(story, person, dealer, car.vehicle.vin) for story, (person, dealer), car in told]

    async def look_for_defects(self) -> None:
        """Asks for a look at all cars, where no signal is raised yet; it is done a little later."""
        listing = f"{_SIGNALS}/ListDefectSignals"
        if not (await self._door.call(listing, method(listing).input(page_size=1, show_muted=True))).signals:
            name = f"{_SIGNALS}/ScanDefects"
            await self._door.call(name, self._request(name, "defects"))

    async def _one(self, story: tuple[int, int, str, tuple[str, ...]], person: str, dealer: str, vin: str) -> None:
        kind, channel, text, way = story
        customer = self._customer_ids[person]
        listing = f"{_CASES}/ListCases"
        if (await self._door.call(listing, method(listing).input(customer_id=customer))).cases:
            return
        case = case_pb2.Case(customer_id=customer, dealer_id=self._dealer_ids[dealer], vin=vin)
        case.kind, case.channel = kind, channel  # type: ignore[assignment]
        name = f"{_CASES}/CreateCase"
        made = await self._door.call(name, self._request(name, f"case-{person}", case=case, description=text))
        for step in way:
            verb, fields = _STEPS[step]
            name = f"{_CASES}/{verb}"
            request = self._request(name, f"case-{person}-{step}", case_id=made.case_id, **fields)
            await self._door.call(name, request)
