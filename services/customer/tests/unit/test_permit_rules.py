"""Who may be contacted now: caps in the person's own day whatever the clocks do, quiet hours, what lasts before what passes."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque.customer.v1 import contact_permit_pb2
from marque.type.v1 import channel_pb2
from marque_customer.rules import permits
from marque_customer.rules.days import is_quiet
from marque_customer.rules.permits import Address, Asked, Booking, Limit, Person, Windows

Reason = contact_permit_pb2.ContactRefusalReason
NOW = datetime(2026, 5, 1, 4, tzinfo=UTC)  # noon in Shanghai
WINDOWS = Windows(timedelta(seconds=20), timedelta(seconds=4), timedelta(seconds=1))
MARKETING, RESEARCH = 2, 5
SMS, EMAIL, PHONE = channel_pb2.CHANNEL_SMS, channel_pb2.CHANNEL_EMAIL, channel_pb2.CHANNEL_PHONE
POST = channel_pb2.CHANNEL_POST
HOME, OFFICE = [
    Address(postal=one, contact_point_id=permits.place_of(one))
    for one in ({"country_code": "DE", "city": "Bonn", "lines": ["Weg 1"]}, {"city": "Bonn", "lines": ["Weg 2"]})
]
MESSAGE, MAIL = permits.CHANNEL_CLASSES[SMS], permits.CHANNEL_CLASSES[EMAIL]
NEW_YORK = "America/New_York"
CHANGING = [NEW_YORK, "Europe/Berlin", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe", "Asia/Shanghai"]
DAYS_BEFORE = (
    (3, 7),
    (3, 28),
    (4, 4),
    (4, 23),
    (10, 24),
    (10, 31),
    (6, 1),
)  # the clocks change the day after; the last: nowhere
STARTS = [datetime(2026, month, day, tzinfo=UTC) for month, day in DAYS_BEFORE]
STEPS = st.tuples(
    st.integers(1, 20 * 3600), st.sampled_from([SMS, EMAIL, PHONE]), st.sampled_from([MARKETING, RESEARCH])
)


def contact(key="k", *, channel=SMS, purpose=MARKETING, contact_class=permits.CONSENTED, **more):
    purpose = 0 if contact_class == permits.LEGAL else purpose
    return Asked(uuid.UUID(int=1), key, channel, contact_class, purpose, 1, "", **more)


def person(**more):
    entry = (1, uuid.UUID(int=9))
    uses = {(purpose, channel, 1, ""): entry for purpose in (MARKETING, RESEARCH) for channel in (SMS, EMAIL, PHONE)}
    values = {"status": 1, "time_zone": "Asia/Shanghai", "consents": uses}
    places = {channel: Address("x") for channel in (SMS, EMAIL, PHONE)}
    return Person(uuid.UUID(int=1), addresses=places, **{**values, **more})


def why(asked, someone, *limits, now=NOW):
    found = permits.judge(asked, someone, limits, now, WINDOWS)
    return (
        ""
        if found is None
        else contact_permit_pb2.ContactRefusalReason.Name(found.reason).removeprefix("CONTACT_REFUSAL_REASON_")
    )


def booked(moment=NOW, **more):
    values = {
        "key": "other",
        "channel_class": MESSAGE,
        "purpose": MARKETING,
        "contact_class": permits.CONSENTED,
        "content_key": "",
    }
    return Booking(moment=moment, **{**values, **more})


class TestJudge:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({}, ""),
            ({"status": 3}, "ERASED"),
            ({"status": 4}, "RESTRICTED"),
            ({"status": 2}, "PERSON_CHANGED"),
            ({"consents": {}}, "NEVER_GRANTED"),
            ({"consents": {(MARKETING, SMS, 1, ""): (2, uuid.UUID(int=9))}}, "WITHDRAWN"),
            ({"consents": {(MARKETING, SMS, 2, "x"): (1, uuid.UUID(int=9))}}, "NEVER_GRANTED"),
            ({"addresses": {}}, "NO_ADDRESS"),
            ({"complains": True}, "OPEN_COMPLAINT"),
            ({"time_zone": ""}, "ZONE_UNKNOWN"),
            ({"time_zone": "Mars/Base"}, "ZONE_UNKNOWN"),
            ({"bookings": [booked()]}, "CAP_REACHED"),
            ({"bookings": [booked(key="k")]}, ""),  # its own
            ({"bookings": [booked(channel_class=MAIL)]}, ""),
            ({"bookings": [booked(contact_class=permits.LEGAL, purpose=0)]}, ""),
            ({"bookings": [booked(NOW - timedelta(hours=13))]}, ""),
            ({"bookings": [booked(NOW - timedelta(days=6), content_key="c")]}, "SENT_LATELY"),
            ({"bookings": [booked(NOW - timedelta(days=7), content_key="c")]}, ""),
            ({"touched": {"c": NOW - timedelta(days=6)}}, "SENT_LATELY"),
        ],
    )  # fmt: skip
    def test_tells_the_reason(self, change, reason):
        limits = (Limit(MESSAGE, 0, 1, (21 * 60, 8 * 60)), Limit(0, MARKETING, None, None, 7, True))
        someone = dataclasses.replace(
            person(), **{**change, **({"addresses": change["addresses"]} if "addresses" in change else {})}
        )

        assert why(contact(content_key="c"), someone, *limits) == reason

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"consents": {}, "complains": True, "bookings": [booked(), booked(content_key="c")]}, ""),
            ({"status": 3}, "ERASED"),
            ({"status": 4}, "RESTRICTED"),
            ({"time_zone": ""}, "ZONE_UNKNOWN"),
            ({"time_zone": NEW_YORK}, "QUIET_HOURS"),
            ({"vins": frozenset()}, "NOT_THE_OWNER"),
        ],
    )
    def test_legal_notice_passes_caps_and_consent_and_nothing_else(self, change, reason):
        limits = (Limit(MESSAGE, 0, 0, (21 * 60, 8 * 60)), Limit(0, 0, 0, None, 7, True))
        someone = dataclasses.replace(person(vins=frozenset({"VIN"})), **change)

        assert why(contact(contact_class=permits.LEGAL, content_key="c", vin="VIN"), someone, *limits) == reason

    def test_without_a_rule_about_hours_nobody_needs_a_zone(self):
        assert why(contact(), person(time_zone=""), Limit(MAIL, 0, 1), Limit(0, MARKETING, None, None, 7)) == ""

    @pytest.mark.parametrize(("second", "reason"), [(35, ""), (36, "QUIET_HOURS")])
    def test_a_hand_over_that_could_begin_in_quiet_hours_is_refused_before_them(self, second, reason):
        now = datetime(2026, 5, 1, 12, 59, second, tzinfo=UTC)  # 20:59 in Shanghai; taking and spending last 24 s

        assert why(contact(), person(), Limit(MESSAGE, 0, None, (21 * 60, 8 * 60)), now=now) == reason

    @pytest.mark.parametrize(("channel", "reason"), [(POST, ""), (SMS, "QUIET_HOURS")])
    def test_a_letter_knows_no_quiet_hours(self, channel, reason):
        someone = dataclasses.replace(person(), addresses={channel: HOME})
        night = datetime(2026, 5, 1, 18, tzinfo=UTC)  # two in the morning in Shanghai
        notice = contact(channel=channel, contact_class=permits.LEGAL)

        assert why(notice, someone, Limit(0, 0, None, (21 * 60, 8 * 60)), now=night) == reason

    @pytest.mark.parametrize(
        ("gone", "place", "unreachable"),
        [((), HOME, False), ((HOME,), OFFICE, False), ((OFFICE,), HOME, False), ((HOME, OFFICE), HOME, True)],
    )
    def test_a_letter_goes_to_the_first_place_at_which_letters_arrive(self, gone, place, unreachable):
        found = permits.postal_of((HOME, OFFICE), {one.contact_point_id for one in gone})

        assert (found.postal, found.unreachable) == (place.postal, unreachable)

    def test_a_place_is_the_same_however_it_is_typed_and_another_when_it_is_put_right(self):
        same = {"country_code": "de", "city": " BONN", "lines": ["weg  1"], "province": ""}
        right = {**HOME.postal, "lines": ["Weg 1a"]}

        assert permits.place_of(same) == HOME.contact_point_id != permits.place_of(right)

    @pytest.mark.parametrize(("second", "reason"), [(35, ""), (36, "DAY_ENDING")])
    def test_a_hand_over_that_could_begin_tomorrow_is_not_booked_on_today(self, second, reason):
        now = datetime(2026, 5, 1, 15, 59, second, tzinfo=UTC)

        assert why(contact(), person(), Limit(0, 0, 1), now=now) == reason


class TestCaps:
    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from(CHANGING),
        st.sampled_from(STARTS),
        st.lists(STEPS, max_size=60),
        st.integers(0, 3),
        st.integers(0, 3),
    )
    def test_no_day_of_the_person_holds_more_than_a_rule_allows(
        self, zone, start, steps, most_messages, most_marketing
    ):
        """Over the changes of the clocks: whatever is asked when, days counted by the wall clock stay within every rule."""
        limits = (
            Limit(MESSAGE, 0, most_messages, (22 * 60, 7 * 60)),
            Limit(0, MARKETING, most_marketing),
            Limit(0, 0, 4),
        )
        someone, now = person(time_zone=zone), start
        refused_early = []
        for number, (seconds, channel, purpose) in enumerate(steps):
            now += timedelta(seconds=seconds)
            asked = contact(f"k{number}", channel=channel, purpose=purpose)
            if why(asked, someone, *limits, now=now) == "":
                someone.bookings.append(
                    booked(now, key=asked.occurrence_key, channel_class=asked.channel_class, purpose=purpose)
                )
            elif why(asked, someone, *limits, now=now) == "CAP_REACHED":
                refused_early.append((now, asked))
        where = ZoneInfo(zone)
        days = {one.moment.astimezone(where).date() for one in someone.bookings}
        for day in days:
            today = [one for one in someone.bookings if one.moment.astimezone(where).date() == day]
            assert len(today) <= 4
            assert sum(one.channel_class == MESSAGE for one in today) <= most_messages
            assert sum(one.purpose == MARKETING for one in today) <= most_marketing
        for moment, asked in refused_early:  # and nobody is refused for what happened on another day
            today = [
                one
                for one in someone.bookings
                if one.moment.astimezone(where).date() == moment.astimezone(where).date()
            ]
            full = [sum(limit.speaks_of(one.channel_class, one.purpose) for one in today) >= limit.most_per_day for limit in limits
                    if limit.speaks_of(asked.channel_class, asked.purpose)]  # fmt: skip
            assert any(full)
        assert not any(
            is_quiet(one.moment, where, 22 * 60, 7 * 60) for one in someone.bookings if one.channel_class == MESSAGE
        )


class TestHolder:
    """What a holder may do by what stands there."""

    @pytest.mark.parametrize(
        ("state", "change", "reason"),
        [
            (permits.TAKEN, {}, ""),
            (permits.TAKEN, {"expire_time": NOW}, "EXPIRED"),
            (permits.TAKEN, {"holding": 2}, "SUPERSEDED"),
            (permits.SPENT, {}, ""),
            (permits.SPENT, {"spend_time": NOW - WINDOWS.spend}, "EXPIRED"),
            (permits.SPENT, {"stop_time": NOW}, "REVOKED"),
            (permits.REVOKED, {}, "REVOKED"),
            (permits.RETURNED, {}, "OVER"),
            (permits.FINISHED, {}, "OVER"),
        ],
    )
    def test_spending(self, state, change, reason):
        row = {
            "state": state,
            "holding": 1,
            "expire_time": NOW + WINDOWS.take,
            "spend_time": NOW,
            "stop_time": None,
            **change,
        }
        found = permits.spending(row, 1, NOW, WINDOWS)

        assert (found.reason if found else 0) == self._number(reason)

    @pytest.mark.parametrize(
        ("state", "finish", "give_back"),
        [
            (permits.TAKEN, "NOT_SPENT", ""), (permits.SPENT, "", ""), (permits.FINISHED, "", "OVER"), (permits.RETURNED, "OVER", ""),
            (permits.REVOKED, "REVOKED", ""),
        ],
    )  # fmt: skip
    def test_finishing_and_returning(self, state, finish, give_back):
        row = {"state": state, "holding": 1}
        found = [judge(row, 1) for judge in (permits.finishing, permits.returning)]

        assert [one.reason if one else 0 for one in found] == [self._number(finish), self._number(give_back)]
        for judge in (permits.finishing, permits.returning):
            assert judge(row, 2).reason == self._number("SUPERSEDED")
            assert judge(None, 1).reason == self._number("UNKNOWN_PERMIT")

    def test_resuming_waits_for_whoever_spent_it(self):
        free = NOW + WINDOWS.spend + WINDOWS.margin

        assert permits.resuming({"spend_time": NOW}, free - timedelta(microseconds=1), WINDOWS).retry == free
        assert permits.resuming({"spend_time": NOW}, free, WINDOWS) is None

    def _number(self, reason):
        return Reason.Value(f"CONTACT_REFUSAL_REASON_{reason}") if reason else 0
