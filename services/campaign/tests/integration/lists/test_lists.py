"""Lists of people: read, renamed, deleted and counted, and those of merged people."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Any

import pytest
from marque.campaign.v1 import audience_list_service_pb2
from marque.type.v1 import personal_data_pb2
from marque_campaign.rules.listing import MOST_MEMBERS
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

LISTS = "campaign.v1.AudienceListService"


class TestReading:
    async def test_pages_and_the_stream_tell_everybody_once_and_through_whom(self, desk: Any) -> None:
        people = sorted(str(uuid.uuid4()) for _ in range(5))
        made = await desk.make(*people)
        found = await desk.members(made)
        assert [one.customer_id for one in found] == people
        assert {(one.import_id, one.added_by) for one in found} == {("", found[0].added_by)}
        assert found[0].added_by
        request = audience_list_service_pb2.ExportAudienceListMembersRequest(audience_list_id=made)
        name = f"{LISTS}/ExportAudienceListMembers"
        (part,) = [one async for one in desk.post.marketing.stream(name, request)]
        assert list(part.members) == found
        request.cursor = people[2]
        (rest,) = [one async for one in desk.post.marketing.stream(name, request)]
        assert [one.customer_id for one in rest.members] == people[3:]

        stranger = desk.post.client("dealer.care", dealers=[await desk.dealer()])
        with pytest.raises(RpcFailure) as paged:
            await desk.members(made, stranger)
        with pytest.raises(RpcFailure) as streamed:
            _ = [one async for one in stranger.stream(name, request)]
        assert (paged.value.reason, streamed.value.reason) == ("AUDIENCE_LIST_NOT_FOUND",) * 2

    async def test_the_export_of_a_person_tells_the_lists_and_an_erasure_takes_them_off(self, desk: Any) -> None:
        who = await desk.person()
        made = [await desk.make(who), await desk.make()]
        await desk.send([{"audience_list_id": made[1], "customer_id": who}])
        client = desk.platform.client("campaign", "service")
        request = personal_data_pb2.ExportPersonalDataRequest(customer_id=who)
        name = "campaign.v1.CampaignPersonalDataService/ExportPersonalData"
        told = [one async for one in client.stream(name, request)]
        assert sorted(one.record_id for one in told if one.kind == "campaign.audience_list_member") == sorted(made)

        await desk.erase(who)

        assert [await desk.counted(one) for one in made] == [(0, 0), (0, 0)]
        await desk.post.call("ChangeAudienceListMembers", audience_list_id=made[0], add_customer_ids=[who])
        assert await desk.on(made[0]) == []


class TestRenameAndDelete:
    async def test_a_list_gets_another_name_and_nothing_else(self, desk: Any) -> None:
        made = await desk.make(name="Old")
        renamed = await desk.post.call("UpdateAudienceList", audience_list={"audience_list_id": made, "name": " New "})
        assert renamed.name == "New"
        for given, mask, reason in (
            ({"name": " "}, "name", "FIELD_REQUIRED"),
            ({"dealer_id": str(uuid.uuid4())}, "dealerId", "FIELD_NOT_WRITABLE"),
        ):
            listed = {"audience_list_id": made, **given}
            with pytest.raises(RpcFailure) as refused:
                await desk.post.call("UpdateAudienceList", audience_list=listed, update_mask=mask)
            assert [*refused.value.fields.values()] == [reason]

    async def test_a_list_that_is_needed_stays_and_another_goes_with_its_people(self, desk: Any) -> None:
        who = str(uuid.uuid4())
        made, named, spare = [await desk.make(who) for _ in range(3)]
        campaign = await desk.post.make(audience_list_id=made)
        rule = f'"{named.upper()}" in lists'
        segment = await desk.post.call("CreateSegment", segment={"name": "Some", "rule": rule})
        for one in (made, named):
            with pytest.raises(RpcFailure) as refused:
                await desk.post.call("DeleteAudienceList", audience_list_id=one)
            assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "AUDIENCE_LIST_IN_USE")
        await desk.post.do("Cancel", campaign)
        archived = {"segment_id": segment.segment_id, "archived": True}
        await desk.post.call("UpdateSegment", segment=archived, update_mask="archived")

        for one in (made, named, spare):
            assert (await desk.post.call("DeleteAudienceList", audience_list_id=one)).audience_list_id == one

        for rpc, request in (
            ("GetAudienceList", {}),
            ("ListAudienceListMembers", {}),
            ("DeleteAudienceList", {}),
            ("ChangeAudienceListMembers", {"add_customer_ids": [who]}),
        ):
            with pytest.raises(RpcFailure) as missing:
                await desk.post.call(rpc, audience_list_id=spare, **request)
            assert missing.value.reason == "AUDIENCE_LIST_NOT_FOUND"
        listed = await desk.post.call("ListAudienceLists", page_size=1000)
        assert {made, named, spare}.isdisjoint(one.audience_list_id for one in listed.audience_lists)
        rows = [{"audience_list_id": spare, "customer_id": await desk.person()}]
        assert (await desk.send(rows))[1] == [(1, "audience_list_id", "AUDIENCE_LIST_NOT_FOUND")]
        with pytest.raises(RpcFailure) as unusable:
            await desk.post.make(audience_list_id=spare)
        assert unusable.value.reason == "AUDIENCE_LIST_NOT_FOUND"

        async def rest() -> Any:
            sql = "SELECT audience_list_id::text AS key, member_count FROM audience_lists WHERE audience_list_id = ANY($1::uuid[])"
            found = {row["key"]: row["member_count"] for row in await desk.sql(sql, [made, named, spare])}
            return found == {made: 0}  # to which a campaign went

        await until(rest, 30, "the lists are not emptied")
        assert await desk.sql("SELECT 1 FROM audience_list_members WHERE customer_id = $1", who) == []


class TestCount:
    async def test_it_is_what_the_list_holds_whoever_writes_at_once(self, desk: Any) -> None:
        people = [str(uuid.uuid4()) for _ in range(30)]
        made, random_ = await desk.make(*people[:10]), random.Random(20261123)
        known = [await desk.person() for _ in range(6)]

        async def change() -> None:
            added, removed = random_.sample(people, 8), random_.sample(people, 8)
            await desk.post.call(
                "ChangeAudienceListMembers", audience_list_id=made, add_customer_ids=added, remove_customer_ids=removed
            )

        async def bring() -> None:
            picked = random_.sample(known, 4)
            rows = [
                {"audience_list_id": made, "customer_id": one, "action": random_.choice(["add", "remove"])}
                for one in picked
            ]
            await desk.send(rows)

        await asyncio.gather(
            *(change() for _ in range(8)),
            *(bring() for _ in range(6)),
            *(desk.erase(one) for one in (*people[:3], known[0])),
        )

        count, rows = await desk.counted(made)
        assert count == rows
        assert not {*people[:3], known[0]} & {*await desk.on(made)}

    async def test_a_list_takes_five_million_and_not_one_more_whoever_comes_at_once(self, desk: Any) -> None:
        made, people = await desk.make(), [await desk.person() for _ in range(4)]
        await desk.sql(
            "UPDATE audience_lists SET member_count = $1 WHERE audience_list_id = $2", MOST_MEMBERS - 3, made
        )

        async def add() -> str:
            try:
                await desk.post.call(
                    "ChangeAudienceListMembers", audience_list_id=made, add_customer_ids=[str(uuid.uuid4())]
                )
            except RpcFailure as full:
                return full.reason
            return ""

        told = await asyncio.gather(*(add() for _ in range(2)))
        row = {"audience_list_id": made}
        sent = [
            desk.send([{**row, "customer_id": one} for one in people[:2]]),
            desk.send([{**row, "customer_id": people[2]}]),
        ]
        brought = await asyncio.gather(*sent)
        told += [await add()]

        assert sorted(told) == ["", "", "AUDIENCE_LIST_FULL"]
        assert sum(counts[0] for counts, _ in brought) == 1
        assert {reason for _, faults in brought for _, _, reason in faults} == {"AUDIENCE_LIST_FULL"}
        assert (await desk.counted(made))[0] == MOST_MEMBERS


class TestMerged:
    async def test_who_is_merged_stays_on_their_lists_for_rules_and_launches(self, desk: Any) -> None:
        one, other = await desk.person(), await desk.person()
        made = await desk.make(other)
        rule = f'"{made}" in lists'
        segment = await desk.post.call("CreateSegment", segment={"name": "On it", "rule": rule})
        await desk.merge(one, other)

        async def known() -> bool:
            sql = "SELECT customer_id::text AS who FROM audience_people WHERE customer_id = ANY($1::uuid[])"
            return [row["who"] for row in await desk.sql(sql, [one, other])] == [one]

        await until(known, 30, "the read model does not know the survivor alone")
        found = await desk.post.call("PreviewSegment", segment_id=segment.segment_id)
        assert found.count == 1
        for who in (one, other):
            told = await desk.post.call("ExplainSegment", segment_id=segment.segment_id, customer_id=who)
            assert told.included

        campaign = await desk.post.approved(audience_list_id=made, exclude_segment_ids=[segment.segment_id])
        told = await desk.post.call("ExplainCampaignSend", campaign_id=campaign.campaign_id, customer_id=one)
        assert told.listed
        await desk.post.do("Schedule", campaign)

        async def launched() -> Any:
            return (await desk.post.call("GetCampaign", campaign_id=campaign.campaign_id)).HasField("launch_time")

        await until(launched, 30, "the campaign does not start")
        begun = await desk.post.call("GetCampaign", campaign_id=campaign.campaign_id)
        assert begun.audience_list_id != made
        assert await desk.counted(begun.audience_list_id) == (0, 0)
