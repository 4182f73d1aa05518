"""What is said to people about their registrations: by the ledger, under a permit, each once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format
from servicekit import contract
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until
from servicekit.testing.world import new_vin

CONFIRMED, WAITING, PLACE_FREE, REMINDER, MOVED, CALLED_OFF = range(1, 7)
NAMES = ("", "confirmed", "waiting", "place free", "reminder", "moved", "called off")
ACCEPTED, SUPPRESSED = 4, 9
VARIABLES = [
    {"name": name, "campaign_fact": fact} for name, fact in (("link", 1), ("event", 2), ("place", 3), ("time", 4))
]
WORD = {"name": "name", "person_field": "PERSON_FIELD_FULL_NAME"}
REGISTRATION, DROVE = 4, 6
ATTENDED, NO_SHOW = 4, 5
DONE, MISSED = 3, 4  # of a test drive


async def call(post: Any, service: str, rpc: str, **request: Any) -> Any:
    method = contract.methods(f"marque.campaign.v1.{service}Service")[rpc]
    message = json_format.ParseDict(request, method.input())
    return await post.marketing.call(f"campaign.v1.{service}Service/{rpc}", message)


async def event_of(post: Any, capacity: int, hours: float = 25) -> Any:
    start = (datetime.now(UTC) + timedelta(hours=hours)).replace(microsecond=0)
    span = {
        "start_time": start.isoformat(), "end_time": (start + timedelta(hours=1)).isoformat(), "capacity": capacity
    }  # fmt: skip
    given = {
        "name": "Drive day", "kind": "MARKETING_EVENT_KIND_TEST_DRIVE", "place": "Track", "time_zone": "Asia/Shanghai",
        "sessions": [span],
    }  # fmt: skip
    made = await call(post, "MarketingEvent", "CreateMarketingEvent", marketing_event=given)
    return await call(
        post, "MarketingEvent", "AdvanceMarketingEvent", marketing_event_id=made.marketing_event_id, state=2
    )


async def notice(post: Any, event: Any, kind: int) -> Any:
    """A campaign that says one thing about registrations, running."""
    template = await post.make_template(
        variables=VARIABLES, contents=[{"language": "en", "subject": NAMES[kind], "text": "{{event}} {{place}} {{time}} {{link}}"}]
    )  # fmt: skip
    campaign = await post.launch(
        purpose="CONSENT_PURPOSE_MARKETING", template_id=template.template_id, audience_list_id="", kind="CAMPAIGN_KIND_TEST_DRIVE_EVENT",
        marketing_event_id=event.marketing_event_id, event_notice=kind,
    )  # fmt: skip

    async def running() -> bool:
        return bool((await post.call("GetCampaign", campaign_id=campaign.campaign_id)).state == 5)

    await until(running, 20, "it does not run")
    return campaign


async def register(post: Any, event: Any, person: str) -> Any:
    return await call(
        post, "EventRegistration", "RegisterForEvent", marketing_event_id=event.marketing_event_id,
        session_id=event.sessions[0].session_id, customer_id=person,
    )  # fmt: skip


async def heard(post: Any, campaigns: dict[int, Any], kind: int) -> list[str]:
    """Who was told a thing, once each message."""
    keys = {key: who for who, key in (await post.keys(campaigns[kind])).items()}
    return [keys[one["messageId"]] for one in post.provider.messages if one["messageId"] in keys]


class TestNotices:
    async def test_everybody_hears_where_their_registration_stands_once_with_their_own_link(self, post: Any) -> None:
        event = await event_of(post, 1)
        campaigns = {
            kind: await notice(post, event, kind) for kind in (CONFIRMED, WAITING, PLACE_FREE, REMINDER, CALLED_OFF)
        }
        first, second = await post.people(2)
        stranger = await post.person(agreed=False)
        placed = await register(post, event, first)
        for who in (second, stranger):
            await register(post, event, who)

        async def told(kind: int, *people: str) -> None:
            async def seen() -> bool:
                return await heard(post, campaigns, kind) == list(people)

            await until(seen, 20, f"not told: {NAMES[kind]}")

        await told(CONFIRMED, first)
        await told(WAITING, second)
        await call(
            post, "EventRegistration", "SettleEventRegistration", registration_id=placed.registration_id, state=3
        )
        await told(PLACE_FREE, second)
        # The clock of the session is set to less than a day ahead: the reminder is due.
        key = event.sessions[0].session_id
        await post.sql(
            "UPDATE event_sessions SET start_time = now() + interval '50 minutes' WHERE session_id = $1", key
        )
        await post.sql("UPDATE due_work SET due_time = now() WHERE kind = 'event-reminder' AND key = $1", key)
        await told(REMINDER, second)
        await call(
            post, "MarketingEvent", "AdvanceMarketingEvent", marketing_event_id=event.marketing_event_id, state=5
        )
        await told(CALLED_OFF, second)

        refused = {kind: (await post.lines(campaigns[kind])).get(stranger) for kind in (WAITING, CALLED_OFF)}
        assert refused == dict.fromkeys((WAITING, CALLED_OFF), (SUPPRESSED, "NEVER_GRANTED"))
        texts = [one["text"] for one in post.provider.messages if one["subject"] in NAMES[1:]]
        assert len(texts) == 5
        assert all("Drive day Track" in one and "(Asia/Shanghai)" in one and "/e/" in one for one in texts)
        links = {one.rpartition("/e/")[2] for one in texts}
        assert len(links) == 2, "a registration has one link, and each its own"

    async def test_an_invitation_carries_the_link_and_whoever_registers_is_owed_to_it(self, post: Any) -> None:
        event, (person,) = await event_of(post, 3), await post.people(1)
        template = await post.make_template(
            variables=VARIABLES, contents=[{"language": "en", "subject": "Come", "text": "{{event}} {{link}} {{place}} {{time}}"}]
        )  # fmt: skip
        campaign = await post.launch(
            person, template_id=template.template_id, marketing_event_id=event.marketing_event_id
        )
        await post.ended(campaign)
        await register(post, event, person)
        report = await post.call("GetCampaignReport", campaign_id=campaign.campaign_id)

        assert [(one.kind, one.count) for one in report.responses] == [(REGISTRATION, 1)]
        (text,) = [one["text"] for one in post.provider.messages if one["subject"] == "Come"]
        assert "/e/" in text

    async def test_whoever_came_has_driven_once_for_the_message_that_brought_them_and_back_again(
        self, post: Any
    ) -> None:
        event, (person,) = await event_of(post, 3, hours=1), await post.people(1)
        template = await post.make_template(
            variables=VARIABLES, contents=[{"language": "en", "subject": "Drive", "text": "{{event}} {{link}} {{place}} {{time}}"}]
        )  # fmt: skip
        # An earlier message has no part in it: what brings somebody to the event is what it is owed to.
        await post.ended(await post.launch(person))
        campaign = await post.launch(
            person, template_id=template.template_id, marketing_event_id=event.marketing_event_id,
            attribution="CAMPAIGN_ATTRIBUTION_FIRST",
        )  # fmt: skip
        await post.ended(campaign)
        placed = await register(post, event, person)
        one, vin = {"registration_id": placed.registration_id}, new_vin()
        (line,) = await post.sql("SELECT send_id FROM campaign_sends WHERE campaign_id = $1", campaign.campaign_id)
        await post.sql(
            "UPDATE event_registrations SET send_id = $1, campaign_id = $2 WHERE registration_id = $3",
            line["send_id"], campaign.campaign_id, placed.registration_id,
        )  # fmt: skip

        async def settled(state: int, drive_state: int, drives: int) -> None:
            car = {"vin": vin} if state == ATTENDED else {}
            await call(post, "EventRegistration", "SettleEventRegistration", **one, **car, state=state)

            async def heard() -> bool:
                asked = {"marketing_event_id": event.marketing_event_id}
                told = (await post.customer("customer.v1.TestDriveService/ListTestDrives", asked)).test_drives
                rows = await post.sql(
                    "SELECT source_key FROM campaign_responses WHERE campaign_id = $1 AND kind = $2 AND credited",
                    campaign.campaign_id, DROVE,
                )  # fmt: skip
                states = [(found.state, found.vin, found.customer_id) for found in told]
                keys = [f"test_drive:{found.test_drive_id}" for found in told][:drives]
                return states == [(drive_state, vin, person)] and [row["source_key"] for row in rows] == keys

            await until(heard, 20, f"not heard: {state}")

        await settled(ATTENDED, DONE, 1)
        key = event.sessions[0].session_id
        await post.sql("UPDATE event_sessions SET start_time = now() - interval '1 minute' WHERE session_id = $1", key)
        await settled(NO_SHOW, MISSED, 0)
        await settled(ATTENDED, DONE, 1)

        for given, reason in (
            ({"state": NO_SHOW, "vin": vin}, "VIN_NOT_WANTED"),
            ({"state": NO_SHOW, "vin": "X1"}, "VIN_INVALID"),
        ):
            with pytest.raises(RpcFailure) as refused:
                await call(post, "EventRegistration", "SettleEventRegistration", **one, **given)
            assert refused.value.fields == {"vin": reason}

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"event_notice": CONFIRMED}, "MARKETING_EVENT_MISSING"),
            ({"event_notice": CONFIRMED, "trigger": 5, "marketing_event_id": "here"}, "NOTICE_NOT_ALLOWED"),
            ({"event_notice": CONFIRMED, "holdout_percent": 5, "marketing_event_id": "here"}, "NOTICE_NOT_ALLOWED"),
            ({"marketing_event_id": str(uuid.UUID(int=9))}, "MARKETING_EVENT_NOT_FOUND"),
            ({"template": True}, "TEMPLATE_VALUE_MISSING"),
        ],
    )
    async def test_what_does_not_fit_the_event_is_refused_by_name(
        self, post: Any, fields: dict[str, Any], reason: str
    ) -> None:
        given = dict(fields)
        if given.get("marketing_event_id") == "here":
            given["marketing_event_id"] = (await event_of(post, 1)).marketing_event_id
        if given.pop("template", False):
            given["template_id"] = (await post.make_template(variables=[WORD, *VARIABLES])).template_id
        with pytest.raises(RpcFailure) as refused:
            await post.do("Submit", await post.make(**given))

        assert reason in {refused.value.reason, *refused.value.fields.values()}
