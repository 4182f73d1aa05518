"""Brings the sample's leads into a platform, step by step as people would; every step may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from google.protobuf.message import Message
from marque.customer.v1 import lead_pb2, lead_promise_pb2

from marquectl.door import Caller, Door
from marquectl.showing import Showroom
from marquectl.world.leads import MadeLead

Ask = Callable[..., Message]
_STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "miss": ("RecordLeadContact", {}),
    "reach": ("RecordLeadContact", {"reached": True}),
    "qualify": ("AdvanceLead", {"stage": lead_pb2.LEAD_STAGE_QUALIFIED, "reason": "Need and means are clear"}),
    "win": ("WinLead", {"reason": "The test drive"}),
    "give_up": ("ProposeLeadLoss", {"reason": lead_pb2.LEAD_LOSS_REASON_COMPETITOR, "competitor": "Other Motors"}),
    "approve": ("DecideLeadLoss", {"approved": True, "reason": "Called the person myself"}),
}


class Leads:
    """Writes leads and what was done with them. `request` makes a request with a key of its own."""

    def __init__(
        self, door: Door, dealer_ids: Mapping[str, str], customer_ids: Mapping[str, str], request: Ask
    ) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._customer_ids = customer_ids
        self._request = request
        self._showroom = Showroom(door, dealer_ids, request)
        self._referrers: dict[str, str] = {}

    async def fleets(self) -> None:
        """Gives each dealer a demo fleet; the platform asks for its hours meanwhile."""
        await self._showroom.fleets()

    def works(self, found: list[MadeLead]) -> list[Coroutine[Any, Any, None]]:
        """Returns the writing of each lead. Who has a lead with the same dealer and no referral of their own refers others."""
        for made in found:
            if "refer" not in made.way:
                self._referrers.setdefault(made.dealer_code, made.customer_key)
        return [self._one(made) for made in found]

    async def _one(self, made: MadeLead) -> None:
        dealer = self._dealer_ids[made.dealer_code]
        wish = lead_pb2.Lead()
        wish.CopyFrom(made.lead)
        wish.customer_id = self._customer_ids[made.customer_key]
        lead = await self._call(self._door, "LeadService/CreateLead", made, 0, lead=wish, dealer_id=dealer)
        adviser = self._door.acting_as(Caller(roles="dealer.sales", dealers=dealer, sub=f"sample-adviser-{dealer}"))
        for number, step in enumerate(made.way, 1):
            if step == "promise":
                promise = lead_promise_pb2.LeadPromise(
                    kind=lead_promise_pb2.LEAD_PROMISE_KIND_GIFT, text="原厂脚垫 / floor mats"
                )
                name, fields = "LeadPromiseService/AddLeadPromise", {"promise": promise}
            elif step == "drive":
                await self._showroom.drive(adviser, lead, made.number)
                continue
            elif step.startswith("offer"):
                await self._showroom.offer(adviser, lead, made.number, above_limit=step != "offer")
                continue
            elif step == "refer":
                referrer = self._customer_ids[self._referrers.get(made.dealer_code, made.customer_key)]
                await self._showroom.refer(self._door, lead, referrer, made.number)
                continue
            else:
                verb, fields = _STEPS[step]
                name = f"LeadService/{verb}"
            door = self._door if step == "approve" else adviser
            await self._call(door, name, made, number, lead_id=lead.lead_id, **fields)

    async def _call(self, door: Door, rpc: str, made: MadeLead, step: int, **fields: Any) -> Any:
        name = f"customer.v1.{rpc}"
        return await door.call(name, self._request(name, f"lead-{made.number}-{step}", **fields))
