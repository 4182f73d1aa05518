"""What a sale and a visit make of a customer, across services: stage, tier and spend, told by one event each, and taken back."""

from __future__ import annotations

from typing import Any

from servicekit.testing.platform import until
from servicekit.testing.world import World

PRICE = {"currencyCode": "CNY", "units": "320000"}
LINE = {
    "complaint": "Squeals", "cause": "Worn", "correction": "Replaced", "payType": "PAY_TYPE_CUSTOMER",
    "labours": [{"operationCode": "BR-1", "minutes": 60, "amount": {"currencyCode": "CNY", "units": "480"}}],
}  # fmt: skip


class TestValue:
    async def test_a_sale_and_a_visit_make_an_active_customer_of_a_tier_and_a_reversal_a_prospect(
        self, world: World
    ) -> None:
        dealer, customer, vin = await world.dealer(), await world.customer(), await world.vehicle()
        async with world.http("oem.manager") as maker:

            async def post(path: str, **body: Any) -> dict[str, Any]:
                answer = await maker.post(path, json=body)
                assert answer.status_code == 200, answer.text
                return dict(answer.json())

            async def comes_to(stage: str, tier: str, spend: int) -> dict[str, Any]:
                async def there() -> Any:
                    found = (await maker.get(f"/v1/customers/{customer}/value")).json()
                    paid = int((found.get("spend") or {}).get("units") or 0)
                    return found if (found["stage"], found["tier"], paid) == (stage, tier, spend) else None

                found: dict[str, Any] = await until(there, 30, f"the customer is not {stage} {tier} for {spend}")
                return found

            day = {"year": 2026, "month": 11, "day": 2}
            sale = await post(
                "/v1/sales", dealerId=dealer, vin=vin, buyerCustomerId=customer, invoiceNumber="CV-1", invoiceDate=day,
                use="VEHICLE_USE_PRIVATE", price=PRICE, discount={"currencyCode": "CNY", "units": "20000"},
            )  # fmt: skip
            await comes_to("LIFECYCLE_STAGE_OWNER", "GOLD", 300_000)
            order = await post(
                "/v1/repairOrders", dealerId=dealer, vin=vin, customerId=customer, number="CV-1", lines=[LINE]
            )
            await post(f"/v1/repairOrders/{order['repairOrderId']}:close")
            seen = await comes_to("LIFECYCLE_STAGE_ACTIVE", "GOLD", 300_480)
            assert (seen["visits"], seen["cars"]) == (1, 1)
            await post(f"/v1/sales/{sale['saleId']}:reverse", reason="CUSTOMER_RETURNED")
            await comes_to("LIFECYCLE_STAGE_PROSPECT", "", 480)
            history = (await maker.get(f"/v1/customers/{customer}/lifecycleHistory")).json()["changes"]
        assert [one["stage"] for one in history][-1] == "LIFECYCLE_STAGE_OWNER"
        told = "SELECT count(*) FROM outbox_messages WHERE event_type = $1 AND aggregate_id = $2"
        (changes,) = await world.platform.sql("customer", told, "marque.customer.v1.LifecycleStageChanged", customer)
        assert changes[0] == len([one for one in history if one["fromStage"] != one["stage"]])
