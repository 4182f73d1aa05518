"""The preference page: what a person sees and changes about themselves, in their language, all switches or none."""

from __future__ import annotations

import uuid

import pytest
from marque.customer.v1 import consent_pb2, preference_pb2, preference_service_pb2
from marque.type.v1 import channel_pb2
from servicekit.testing.client import RpcFailure

GET, SET = "customer.v1.PreferenceService/GetPreferences", "customer.v1.PreferenceService/SetPreferences"
MARKETING, PROFILING = consent_pb2.CONSENT_PURPOSE_MARKETING, consent_pb2.CONSENT_PURPOSE_PROFILING
SMS, EMAIL = channel_pb2.CHANNEL_SMS, channel_pb2.CHANNEL_EMAIL


async def page(client, customer_id, language="en", **whose):
    request = preference_service_pb2.GetPreferencesRequest(customer_id=customer_id, **whose)
    return await client.call(GET, request, metadata=[("accept-language", language)])


async def switch(client, customer_id, *changes, **more):
    request = preference_service_pb2.SetPreferencesRequest(
        customer_id=customer_id, text_version=more.pop("text_version", "2026-1"), source="website", **more,
        changes=[preference_pb2.PreferenceChange(purpose=one[0], channel=one[1], allowed=one[2]) for one in changes],
    )  # fmt: skip
    return await client.call(SET, request)


def allowed(found):
    return {(part.purpose, one.channel) for part in found.purposes for one in part.channels if one.allowed}


class TestPage:
    async def test_owner_sees_every_purpose_and_channel_in_their_language(self, desk):
        made = await desk.create(emails=["w@example.com"])
        owner = desk.owner(made.customer_id)
        english, chinese = (
            await page(owner, made.customer_id),
            await page(owner, made.customer_id, "zh-Hans-CN,zh;q=0.9,en;q=0.8"),
        )
        assert (english.language, chinese.language) == ("en", "zh-CN")
        assert {part.purpose for part in english.purposes} == set(consent_pb2.ConsentPurpose.values()) - {0}
        for one, other in zip(english.purposes, chinese.purposes, strict=True):
            assert one.purpose == other.purpose
            assert all((one.label, one.description, other.label, other.description))
            assert one.label != other.label
            assert [channel.channel for channel in one.channels] == [channel.channel for channel in other.channels]
            assert all(channel.label for channel in (*one.channels, *other.channels))
        marketing = next(part for part in english.purposes if part.purpose == MARKETING)
        assert {one.channel for one in marketing.channels if one.reachable} == {EMAIL}
        assert {one.reason for part in english.purposes for one in part.channels} == {"NEVER_GRANTED"}

    async def test_owner_switches_and_sees_it(self, desk):
        made = await desk.create()
        owner = desk.owner(made.customer_id)
        first = await switch(
            owner, made.customer_id, (MARKETING, EMAIL, True), (MARKETING, SMS, True), (PROFILING, 0, True)
        )
        assert allowed(first) == {(MARKETING, EMAIL), (MARKETING, SMS), (PROFILING, 0)}
        second = await switch(
            owner, made.customer_id, (MARKETING, SMS, False), (MARKETING, EMAIL, True), text_version="t"
        )
        assert allowed(second) == {(MARKETING, EMAIL), (PROFILING, 0)}
        assert allowed(await page(owner, made.customer_id)) == allowed(second)
        events = await desk.events("ConsentChanged", made.customer_id)
        assert [event["aggregate_version"] for event in events] == [1, 2, 3, 4]  # a switch that stood so wrote nothing

    async def test_no_switch_is_set_where_one_is_wrong(self, desk):
        made = await desk.create()
        owner = desk.owner(made.customer_id)
        for changes, more, fields in [
            ([(MARKETING, EMAIL, True), (MARKETING, 0, True)], {}, {"changes[1].channel": "CHANNEL_MISSING"}),
            ([(PROFILING, EMAIL, True)], {}, {"changes[0].channel": "CHANNEL_NOT_USED"}),
            ([(MARKETING, EMAIL, True), (MARKETING, EMAIL, False)], {}, {"changes[1].channel": "SWITCH_TWICE"}),
            ([(MARKETING, EMAIL, True)], {"text_version": " "}, {"text_version": "CONSENT_TEXT_MISSING"}),
        ]:
            with pytest.raises(RpcFailure) as failure:
                await switch(owner, made.customer_id, *changes, **more)
            assert failure.value.fields == fields
        assert allowed(await page(owner, made.customer_id)) == set()

    async def test_a_page_that_is_old_changes_nothing(self, desk):
        made = await desk.create()
        owner = desk.owner(made.customer_id)
        seen = await page(owner, made.customer_id)
        await switch(owner, made.customer_id, (MARKETING, EMAIL, True), etag=seen.etag)
        with pytest.raises(RpcFailure) as failure:
            await switch(owner, made.customer_id, (MARKETING, EMAIL, False), etag=seen.etag)
        assert failure.value.reason == "ETAG_MISMATCH"

    async def test_dealer_has_a_page_of_its_own_and_no_other(self, desk):
        dealer = await desk.known_dealer()
        client = desk.dealer(dealer)
        made = await desk.create(client)
        whose = {"controller_kind": consent_pb2.CONSENT_CONTROLLER_KIND_DEALER, "controller_id": dealer}
        await switch(client, made.customer_id, (MARKETING, EMAIL, True), **whose)
        assert allowed(await page(client, made.customer_id, **whose)) == {(MARKETING, EMAIL)}
        assert allowed(await page(desk.agent, made.customer_id)) == set()
        for foreign in ({}, {**whose, "controller_id": str(uuid.uuid4())}):
            with pytest.raises(RpcFailure) as failure:
                await page(client, made.customer_id, **foreign)
            assert failure.value.reason == "CONTROLLER_NOT_OWN"
