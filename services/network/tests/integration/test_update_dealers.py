"""Changes of dealers over gRPC: masks, races, and what others are told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from marque.network.v1 import dealer_pb2
from marque.type.v1 import address_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until


class TestUpdateDealer:
    async def test_a_mask_changes_what_it_names_only(self, network: Any) -> None:
        made = await network.make_dealer(group_code="GRP", service_bays=4)
        changed = await network.update_dealer(
            ["group_code", "names"], dealer_id=made.dealer_id, names={"en": "Renamed"}, service_bays=9
        )
        assert (changed.group_code, changed.service_bays, dict(changed.names)) == ("", 4, {"en": "Renamed"})
        assert changed.etag != made.etag

    async def test_without_a_mask_the_fields_that_are_set_change(self, network: Any) -> None:
        made = await network.make_dealer(group_code="GRP")
        changed = await network.update_dealer([], dealer_id=made.dealer_id, service_bays=9)
        assert (changed.group_code, changed.service_bays) == ("GRP", 9)

    async def test_a_part_of_the_address_changes_alone(self, network: Any) -> None:
        made = await network.make_dealer(address=address_pb2.Address(city="A", province="P"))
        changed = await network.update_dealer(["address.city"], dealer_id=made.dealer_id, address={"city": "B"})
        assert (changed.address.city, changed.address.province) == ("B", "P")

    async def test_the_whole_read_dealer_sent_back_changes_nothing(self, network: Any) -> None:
        made = await network.make_dealer()
        assert await network.update_dealer([], **{field.name: value for field, value in made.ListFields()}) == made
        assert len(await network.events(made.dealer_id)) == 1

    @pytest.mark.parametrize(
        ("mask", "fields", "place", "reason"),
        [
            (["nonsense"], {}, "update_mask", "FIELD_UNKNOWN"),
            (["names.en"], {}, "update_mask", "FIELD_UNKNOWN"),
            (["create_time"], {}, "dealer.create_time", "FIELD_NOT_WRITABLE"),
            (["dealer_id"], {}, "dealer.dealer_id", "FIELD_NOT_WRITABLE"),
            (["code"], {"code": "OTHER"}, "dealer.code", "FIELD_NOT_WRITABLE"),
            ([], {"code": "OTHER"}, "dealer.code", "FIELD_NOT_WRITABLE"),
            (["kinds"], {}, "dealer.kinds", "FIELD_REQUIRED"),
            (["status"], {}, "dealer.status", "FIELD_REQUIRED"),
            (["time_zone"], {"time_zone": "Nowhere"}, "dealer.time_zone", "TIME_ZONE_UNKNOWN"),
        ],
    )
    async def test_what_cannot_be_written_is_named(
        self, network: Any, mask: list[str], fields: dict[str, Any], place: str, reason: str
    ) -> None:
        made = await network.make_dealer()
        with pytest.raises(RpcFailure) as failure:
            await network.update_dealer(mask, dealer_id=made.dealer_id, **fields)
        assert failure.value.fields == {place: reason}
        assert await network.get_dealer(made.dealer_id) == made

    async def test_of_two_writers_with_one_etag_one_wins(self, network: Any) -> None:
        made = await network.make_dealer()

        async def write(bays: int) -> str:
            try:
                await network.update_dealer([], dealer_id=made.dealer_id, service_bays=bays, etag=made.etag)
            except RpcFailure as failure:
                return failure.reason
            return "OK"

        assert sorted(await asyncio.gather(write(1), write(2))) == ["ETAG_MISMATCH", "OK"]

    async def test_a_closed_dealer_is_not_opened_again(self, network: Any) -> None:
        made = await network.make_dealer(status=dealer_pb2.DEALER_STATUS_CLOSED)
        await network.update_dealer([], dealer_id=made.dealer_id, service_bays=1)
        with pytest.raises(RpcFailure) as failure:
            await network.update_dealer([], dealer_id=made.dealer_id, status=dealer_pb2.DEALER_STATUS_ACTIVE)
        assert (failure.value.code, failure.value.reason) == ("FAILED_PRECONDITION", "DEALER_CLOSED")

    async def test_an_id_that_is_none_is_named(self, network: Any) -> None:
        with pytest.raises(RpcFailure) as failure:
            await network.update_dealer([], dealer_id="1; DROP TABLE dealers", service_bays=1)
        assert failure.value.fields == {"dealer.dealer_id": "STRING_UUID"}


class TestDealerChanged:
    async def test_each_change_is_told_with_its_version_and_facts(self, network: Any) -> None:
        made = await network.make_dealer(region_code="EAST", group_code="GRP")
        await network.update_dealer([], dealer_id=made.dealer_id, region_code="WEST", location={"latitude": 1.5})
        first, second = await network.events(made.dealer_id)
        assert (first.aggregate_version, list(first.changed_fields), first.region_code) == (1, [], "EAST")
        assert (second.aggregate_version, second.region_code, second.group_code) == (2, "WEST", "GRP")
        assert sorted(second.changed_fields) == ["location", "region_code"]
        assert (second.code, second.time_zone, second.status) == (made.code, "Asia/Shanghai", made.status)

    async def test_this_service_knows_its_own_dealers_at_once(self, network: Any) -> None:
        made = await network.make_dealer(region_code="EAST")
        await network.update_dealer([], dealer_id=made.dealer_id, region_code="WEST")
        (row,) = await network.sql("SELECT * FROM known_dealers WHERE dealer_id = $1", made.dealer_id)
        assert (row["code"], row["region_code"], row["version"], row["status"]) == (made.code, "WEST", 2, 2)

    async def test_events_reach_the_broker(self, network: Any) -> None:
        made = await network.make_dealer()

        async def published() -> list[Any]:
            query = "SELECT 1 FROM outbox_messages WHERE aggregate_id = $1 AND publish_time IS NOT NULL"
            return await network.sql(query, made.dealer_id)

        await until(published, 10, "the event was not published")
