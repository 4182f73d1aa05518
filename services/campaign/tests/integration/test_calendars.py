"""Campaigns by dates and calendars: each subject and date once, caught up with for a while, each occurrence by itself."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marque_campaign.models import Campaign
from marque_campaign.usecases import calendars
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.testing.platform import until

ACCEPTED, SUPPRESSED = 4, 9
ZONE = "Asia/Shanghai"
_DUE = "UPDATE due_work SET due_time = now() WHERE kind = $1 AND key = $2"


def today() -> date:
    return datetime.now(ZoneInfo(ZONE)).date()


async def known(post: Any, who: str, **columns: Any) -> None:
    """Somebody as the read model would know them."""
    await post.sql(
        "INSERT INTO audience_people (customer_id, kind, birth_month, birth_day) VALUES ($1, 'PERSON', $2, $3) ON CONFLICT (customer_id) "
        "DO UPDATE SET birth_month = $2, birth_day = $3, kind = 'PERSON'",
        uuid.UUID(who), columns.get("month"), columns.get("day"),
    )  # fmt: skip


async def car(post: Any, who: str, vin: str, due: date, model: str | None = "A4") -> None:
    """A car of somebody with a maintenance that is due."""
    await post.sql(
        "INSERT INTO audience_cars (vin, person_id, model, model_year, next_service_date) VALUES ($1, $2, $3, 2024, $4) "
        "ON CONFLICT (vin) DO UPDATE SET next_service_date = $4",
        vin, uuid.UUID(who), model, due,
    )  # fmt: skip


async def begun(post: Any, campaign: Any) -> list[tuple[str, str]]:
    """Subject and occurrence of every run."""
    rows = await post.sql(
        "SELECT subject, occurrence FROM campaign_runs WHERE campaign_id = $1 ORDER BY 1, 2", campaign.campaign_id
    )
    return [(row["subject"], row["occurrence"]) for row in rows]


async def all_over(post: Any, campaign: Any, count: int) -> list[tuple[str, str]]:
    """Waits until so many runs are over; returns all."""

    async def there() -> bool:
        rows = await post.sql(
            "SELECT count(*) FILTER (WHERE state = 4) AS over FROM campaign_runs WHERE campaign_id = $1",
            campaign.campaign_id,
        )
        return bool(rows[0]["over"] >= count)

    await until(there, 30, "the runs are not over")
    return await begun(post, campaign)


class TestDueDates:
    async def test_each_car_and_date_once_with_its_own_words(self, post: Any) -> None:
        person, other = await post.people(2)
        due = today() + timedelta(days=14)
        vins = [f"LVSHCAMB0EE{number:06}" for number in (101, 102, 103, 104)]
        for vin, who, day, model in zip(
            vins, (person, person, other, other), (due, due, due, due + timedelta(days=1)), ("A4", "A6", None, "A4"),
            strict=True,
        ):  # fmt: skip
            await known(post, who)
            await car(post, who, vin, day, model)
        words = [{"language": "en", "subject": "Due", "text": "{{ model }} {{ vin }}: {{ left }} days, {{ due }}"}]
        names = {"model": "MODEL", "vin": "VIN", "left": "DAYS_LEFT", "due": "DUE_DATE"}
        variables = [{"name": name, "person_field": f"PERSON_FIELD_{field}"} for name, field in names.items()]
        template = await post.make_template(contents=words, variables=variables)
        campaign = await post.launch(
            audience_list_id="",
            template_id=template.template_id,
            due_date={"date": "CAMPAIGN_DATE_NEXT_SERVICE", "offset_days": -14},
        )
        found = await all_over(post, campaign, 3)
        texts = {one["text"] for one in post.provider.messages if "LVSHCAMB0EE" in one["text"]}
        lines = await post.sql(
            "SELECT customer_id::text AS who, state, reason FROM campaign_sends WHERE campaign_id = $1",
            campaign.campaign_id,
        )
        # The same day again, and a date that moved: the first is not written about twice, the second is another date.
        await car(post, person, vins[0], due - timedelta(days=1))
        await post.sql(
            "UPDATE campaigns SET launch_time = launch_time - interval '3 days' WHERE campaign_id = $1",
            campaign.campaign_id,
        )
        await post.sql(_DUE, "campaign-dates", campaign.campaign_id)
        again = await all_over(post, campaign, 4)
        await post.do("Cancel", campaign)

        assert found == [(vin, due.isoformat()) for vin in vins[:3]]
        assert texts == {f"{model} {vin}: 14 days, {due}" for model, vin in (("A4", vins[0]), ("A6", vins[1]))}
        assert sorted(tuple(one) for one in lines) == sorted(
            [(person, ACCEPTED, ""), (person, ACCEPTED, ""), (other, SUPPRESSED, "VARIABLE_MISSING")]
        )
        assert again == sorted([*found, (vins[0], (due - timedelta(days=1)).isoformat())])

    async def test_a_birthday_is_caught_up_with_for_a_week_and_not_from_before_the_launch(self, post: Any) -> None:
        days = {back: today() - timedelta(days=back) for back in (0, 1, 7, 8)}
        people = dict(zip(days, await post.people(len(days)), strict=True))
        for back, who in people.items():
            await known(post, who, month=days[back].month, day=days[back].day)
        mine = await post.make_list(*people.values())
        campaign = await post.launch(
            audience_list_id=mine.audience_list_id,
            due_date={"date": "CAMPAIGN_DATE_BIRTHDAY"},
            kind="CAMPAIGN_KIND_BIRTHDAY",
        )
        first = await all_over(post, campaign, 1)
        await post.sql(
            "UPDATE campaigns SET launch_time = launch_time - interval '30 days' WHERE campaign_id = $1",
            campaign.campaign_id,
        )
        await post.sql(_DUE, "campaign-dates", campaign.campaign_id)
        later = await all_over(post, campaign, 3)
        await post.do("Cancel", campaign)

        assert first == [(people[0], days[0].isoformat())]
        assert later == sorted((people[back], days[back].isoformat()) for back in (0, 1, 7))

    async def test_the_hour_is_the_person_s_own_where_their_zone_is_known(self, post: Any) -> None:
        """Launched at half past midnight of the eighth of March 2026 in Berlin, for the hour of 16:40; on that day clocks of New York go
        forward.
        """
        where = [
            ("Pacific/Kiritimati", 8, "2026-03-08T02:40:00+00:00"),
            ("Pacific/Auckland", 8, "2026-03-08T03:40:00+00:00"),
            ("Mars/Base", 8, "2026-03-08T15:40:00+00:00"),
            (None, 8, "2026-03-08T15:40:00+00:00"),
            ("America/New_York", 8, "2026-03-08T20:40:00+00:00"),
            # Where it is the seventh still: the hour is to come, or was before the launch.
            ("America/Los_Angeles", 7, "2026-03-08T00:40:00+00:00"),
            ("America/New_York", 7, None),
            (None, 7, None),
        ]
        people = await post.people(len(where))
        for who, (zone, day, _) in zip(people, where, strict=True):
            await known(post, who, month=3, day=day)
            await post.sql("UPDATE audience_people SET time_zone = $2 WHERE customer_id = $1", uuid.UUID(who), zone)
        listed = await post.make_list(*people)
        campaign, launched = uuid.uuid4(), datetime(2026, 3, 7, 23, 30, tzinfo=UTC)
        due = {"date": 1, "offset_days": 0, "years": 0, "local_minute": 1000, "holding_kinds": []}
        told = {"name": "March", "kind": 1, "state": 6, "author": "a", "channel": 3, "time_zone": "Europe/Berlin"}
        database, woke, moment = Database(post.platform.databases["campaign"]), [], launched
        async with UnitOfWork(database, Call(SYSTEM, "dates")) as uow:
            about = {"launch_time": launched, "due_date": due, "audience_list_id": uuid.UUID(listed.audience_list_id)}
            uow.session.add(Campaign(campaign_id=campaign, frozen={}, **told, **about))
        while moment < datetime(2026, 3, 10, tzinfo=UTC):
            async with UnitOfWork(database, Call(SYSTEM, "dates")) as uow:
                uow.now = moment
                woke.append(moment)
                moment = await calendars.by_date(uow, str(campaign)) or datetime.max.replace(tzinfo=UTC)
        await database.engine.dispose()
        sql = "SELECT subject, occurrence, create_time FROM campaign_runs WHERE campaign_id = $1"
        rows = await post.sql(sql, campaign)

        assert sorted((row["subject"], row["occurrence"], row["create_time"].isoformat()) for row in rows) == sorted(
            (who, f"2026-03-0{day}", comes) for who, (_, day, comes) in zip(people, where, strict=True) if comes
        )
        assert woke == sorted(set(woke))

    async def test_who_is_left_out_is_of_whom_that_is_known(self, post: Any) -> None:
        """Of whom nothing is known that a rule asks, that rule does not hold: they are not left out by it."""
        golden, _, unknown = people = await post.people(3)
        for who, tier in zip(people, ("GOLD", "BASE", None), strict=True):
            await known(post, who, month=today().month, day=today().day)
            await post.sql("UPDATE audience_people SET tier = $2 WHERE customer_id = $1", uuid.UUID(who), tier)
        segment = {"name": "All but the best", "rule": '!person.tier.startsWith("G")'}
        others = await post.call("CreateSegment", segment=segment)
        listed = await post.make_list(*people)
        campaign = await post.launch(
            audience_list_id=listed.audience_list_id,
            exclude_segment_ids=[others.segment_id],
            due_date={"date": "CAMPAIGN_DATE_BIRTHDAY"},
            kind="CAMPAIGN_KIND_BIRTHDAY",
        )
        found = await all_over(post, campaign, 2)
        await post.do("Cancel", campaign)

        assert {who for who, _ in found} == {golden, unknown}


class TestRecurring:
    async def test_each_occurrence_has_its_own_people_and_one_too_late_is_left_out(self, post: Any) -> None:
        first, second = await post.people(2)
        listed = await post.make_list(first)
        campaign = await post.launch(
            audience_list_id=listed.audience_list_id,
            recurrence={"frequency": "CAMPAIGN_FREQUENCY_DAILY", "count": 3, "late_hours": 30},
        )
        await all_over(post, campaign, 1)
        running = await post.call("GetCampaign", campaign_id=campaign.campaign_id)
        await post.call(
            "ChangeAudienceListMembers", audience_list_id=listed.audience_list_id, add_customer_ids=[second]
        )
        # Two days and a half later: yesterday's occurrence is too late, today's is not.
        await post.sql(
            "UPDATE campaigns SET start_time = start_time - interval '60 hours' WHERE campaign_id = $1",
            campaign.campaign_id,
        )
        await post.sql(_DUE, "campaign-occurrences", campaign.campaign_id)
        await post.ended(campaign)
        found = await begun(post, campaign)
        came = await post.sql(
            "SELECT number, skipped FROM campaign_occurrences WHERE campaign_id = $1 ORDER BY number",
            campaign.campaign_id,
        )

        assert running.state == 5
        assert [tuple(one) for one in came] == [(0, False), (1, True), (2, False)]
        assert sorted(who for who, _ in found) == sorted([first, first, second])
        assert len({occurrence for _, occurrence in found}) == 2
