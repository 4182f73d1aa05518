"""What the plant's words come to: the same in any order and any number of times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle.rules import plant

BEGAN = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    message_id: str
    stage: int = 0
    reach_time: datetime = BEGAN
    promised_date: date | None = None
    vin: str = ""
    plant: str = ""
    station: str = ""


def said(number: int, stage: int = 0, hour: int = 0, **fields: object) -> Said:
    return Said(f"m{number}", stage, BEGAN + timedelta(hours=hour), **fields)  # type: ignore[arg-type]


FEEDS = st.lists(
    st.builds(
        Said,
        message_id=st.text("abcdef", min_size=1, max_size=3),
        stage=st.integers(0, plant.AT_DEALER),
        reach_time=st.integers(0, 5).map(lambda hour: BEGAN + timedelta(hours=hour)),  # few, so that many are at once
        promised_date=st.none() | st.integers(1, 4).map(lambda day: date(2026, 4, day)),
        vin=st.sampled_from(["", "V1", "V2"]),
        plant=st.sampled_from(["", "P"]),
        station=st.sampled_from(["", "S1", "S2"]),
    ),
    max_size=12,
    unique_by=lambda one: one.message_id,
)


class TestProgress:
    @given(FEEDS, st.randoms(), st.integers(1, 3))
    def test_order_and_repetition_change_nothing(self, feed: list[Said], dice: object, times: int) -> None:
        mixed = [replace(one) for one in feed * times]
        dice.shuffle(mixed)  # type: ignore[attr-defined]
        assert plant.progress(mixed) == plant.progress(feed)

    @given(FEEDS)
    def test_the_present_is_the_end_of_its_history(self, feed: list[Said]) -> None:
        found = plant.progress(feed)
        stages = [one for one in feed if one.stage]
        assert {stage for stage, _ in found.reached} == {one.stage for one in stages}
        if stages:
            latest = max(one.reach_time for one in stages)
            assert found.stage_time == latest
            assert found.stage == max(one.stage for one in stages if one.reach_time == latest)
        assert found.promised_date == (found.promises[-1][0] if found.promises else None)
        assert [time for _, time in found.promises] == sorted(time for _, time in found.promises)

    def test_nothing_said_is_an_order_that_was_placed(self) -> None:
        assert plant.progress([]) == plant.Progress()
        assert plant.progress([]).stage == plant.ORDERED

    def test_a_car_that_is_sent_back_is_where_it_was_sent(self) -> None:
        found = plant.progress([said(1, plant.INSPECTION, 1), said(2, plant.PAINT, 2), said(3, plant.BODY, 0)])
        assert (found.stage, [stage for stage, _ in found.reached]) == (
            plant.PAINT,
            [plant.BODY, plant.INSPECTION, plant.PAINT],
        )

    def test_a_delivery_is_final_whatever_is_said_later(self) -> None:
        found = plant.progress([said(1, plant.DELIVERED, 1), said(2, plant.IN_TRANSIT, 9)])
        assert (found.stage, found.stage_time) == (plant.DELIVERED, BEGAN + timedelta(hours=1))

    def test_a_promise_said_again_is_one_promise_and_one_changed_back_is_three(self) -> None:
        first, second = date(2026, 4, 1), date(2026, 4, 9)
        days = [first, first, second, first]
        found = plant.progress(said(number, hour=number, promised_date=day) for number, day in enumerate(days))
        assert [day for day, _ in found.promises] == [first, second, first]

    def test_the_last_word_about_the_car_counts(self) -> None:
        assert plant.progress([said(2, hour=2, vin="V2"), said(1, hour=1, vin="V1"), said(3, hour=3)]).vin == "V2"


class TestBrokenAt:
    @pytest.mark.parametrize(
        ("zone", "moment"),
        [
            ("Asia/Shanghai", datetime(2026, 4, 1, 16, tzinfo=UTC)),
            ("America/Detroit", datetime(2026, 4, 2, 4, tzinfo=UTC)),
            ("", datetime(2026, 4, 2, tzinfo=UTC)),
        ],
    )
    def test_a_promise_lasts_to_the_end_of_its_day_at_the_dealer(self, zone: str, moment: datetime) -> None:
        assert plant.broken_at(date(2026, 4, 1), zone) == moment
