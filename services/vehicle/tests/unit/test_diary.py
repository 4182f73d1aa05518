"""When a visit can begin, beside a reading minute by minute."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_vehicle.rules import diary
from tradekit.clock import is_open

DEALER = uuid.uuid4()
MINUTE = timedelta(minutes=1)
START = datetime(2026, 3, 28, tzinfo=UTC)  # the night before the clocks of Europe go forward
KINDS = st.sampled_from([diary.BAY, diary.ADVISER, diary.LOAN_CAR])


def hours(*texts: str, zone: str = "Europe/Berlin") -> diary.Hours:
    return diary.Hours(DEALER, "service", 1, zone, {str(day): list(texts) for day in range(1, 8)})


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


SPANS = st.lists(
    st.tuples(st.integers(0, 2880), st.integers(15, 600)).map(lambda one: (at(one[0]), at(sum(one)))), max_size=4
)
RESOURCES = st.lists(st.builds(diary.Resource, st.uuids(), KINDS, SPANS), max_size=6)


class TestOpenSpans:
    @settings(deadline=None, max_examples=20)
    @given(st.integers(0, 1440), st.integers(1, 1440), st.sampled_from(["Europe/Berlin", "Asia/Shanghai"]))
    def test_they_are_the_minutes_at_which_the_station_is_open(self, first: int, length: int, zone: str) -> None:
        calendar = hours("00:00-02:30", "09:00-12:00", "12:00-13:00", "20:00-24:00", zone=zone).calendar()
        start, end = at(first), at(first + length)
        spans = list(diary.open_spans(calendar, start, end))
        told = {start + MINUTE * n for n in range(length) if any(a <= start + MINUTE * n < b for a, b in spans)}
        assert told == {start + MINUTE * n for n in range(length) if is_open(calendar, start + MINUTE * n)}
        assert diary.is_open_for(calendar, start, end) == (len(told) == length)

    def test_a_station_that_never_opens_and_one_that_never_closes(self) -> None:
        assert list(diary.open_spans(hours().calendar(), START, at(1440))) == []
        assert list(diary.open_spans(hours("00:00-24:00").calendar(), START, at(1440))) == [(START, at(1440))]


class TestSlots:
    @settings(deadline=None, max_examples=60)
    @given(RESOURCES, st.integers(15, 300), st.integers(5, 120), st.sets(KINDS))
    def test_all_that_is_needed_is_free_for_all_of_it_and_none_is_left_out(
        self, resources: list[diary.Resource], length: int, step: int, wished: set[int]
    ) -> None:
        spans = [(at(60), at(700)), (at(900), at(1500))]
        found = {one.start: one for one in diary.slots(spans, resources, MINUTE * length, MINUTE * step, wished)}
        needed = {diary.BAY, *wished} | {one.kind for one in resources if one.kind == diary.ADVISER}
        for opens, closes in spans:
            for start in [opens + MINUTE * n for n in range(0, int((closes - opens) / MINUTE), step)]:
                end = start + MINUTE * length
                free = {
                    kind: sum(
                        one.kind == kind and not any(a < end and start < b for a, b in one.taken) for one in resources
                    )
                    for kind in (diary.BAY, diary.ADVISER, diary.LOAN_CAR)
                }
                expected = end <= closes and all(free[kind] for kind in needed)
                assert (start in found) == expected
                if expected:
                    assert (found[start].end, dict(found[start].free)) == (end, free)


class TestPolicy:
    @pytest.mark.parametrize(("ahead", "reminded"), [(1439, False), (1440, False), (1441, True)])
    def test_what_begins_within_a_day_is_not_reminded_of(self, ahead: int, reminded: bool) -> None:
        found = diary.Policy().remind_time(at(ahead), START)
        assert found == (at(ahead - 1440) if reminded else None)
