"""How lately, how often, for how much: figures that equal published ones, and fifths that part people as they say."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import value

DATA = Path(os.environ.get("MARQUE_DATA", Path(__file__).resolve().parents[4].parent / "shared" / "data"))
CDNOW = DATA / "cdnow_rfm"
END = date(1997, 9, 30)
TODAY = date(2026, 3, 1)
DAYS = st.lists(st.integers(-900, 30).map(lambda n: TODAY + timedelta(days=n)), max_size=12)
VALUES = st.lists(st.integers(-5, 40), min_size=1, max_size=80)


class TestHistory:
    @pytest.mark.data
    @pytest.mark.skipif(not CDNOW.is_dir(), reason="no real data: set MARQUE_DATA")
    def test_the_figures_of_every_published_customer_are_found_among_those_of_the_purchases(self) -> None:
        """The summary has 2,357 of the 23,570 customers, in weeks and under other numbers: compared as a multiset of all three figures."""
        days: dict[str, set[date]] = defaultdict(set)
        for line in (CDNOW / "CDNOW_master.txt").read_text().splitlines()[1:]:
            if words := line.split():
                days[words[0]].add(date.fromisoformat(words[1]))
        ours = Counter(value.history(told, END) for told in days.values())
        with (CDNOW / "cdnow_customers_summary.csv").open() as file:
            rows = [(row["frequency"], row["recency"], row["T"]) for row in csv.DictReader(file)]
        theirs = Counter(
            value.History(int(often), round(float(lately) * 7), round(float(age) * 7)) for often, lately, age in rows
        )

        assert (len(days), theirs.total()) == (23_570, 2_357)
        assert theirs - ours == Counter()
        # Not by chance: of the published customers who came again, two in five have figures that at most two customers have.
        rare = sum(count for one, count in theirs.items() if one.frequency and ours[one] <= 2)
        assert rare > 0.3 * sum(count for one, count in theirs.items() if one.frequency)

    @given(DAYS)
    def test_a_day_counts_once_and_what_is_still_to_come_does_not(self, days: list[date]) -> None:
        found = value.history(days, TODAY)
        past = [day for day in days if day <= TODAY]

        assert (found is None) == (not past)
        assert found == value.history([*past, *past], TODAY)
        if found is not None:
            assert 0 <= found.recency <= found.age
            assert (found.frequency == 0) == (found.recency == 0)


class TestClasses:
    @given(VALUES)
    def test_more_is_never_a_lower_class_and_no_class_below_holds_more_than_its_share(self, values: list[int]) -> None:
        ends = value.edges(values)
        classes = [value.class_of(one, ends, value.MONETARY) for one in sorted(values)]

        assert classes == sorted(classes)  # type: ignore[type-var]
        for share, end in zip(value.SHARES, ends, strict=True):
            assert sum(one < end for one in values) < share * len(values) <= sum(one <= end for one in values) + 1e-9

    def test_ten_different_values_make_five_classes_of_two(self) -> None:
        ends = value.edges(range(10))

        assert [value.class_of(one, ends, value.FREQUENCY) for one in range(10)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert [value.class_of(one, ends, value.RECENCY) for one in range(10)] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]

    def test_what_is_not_known_has_no_class(self) -> None:
        assert value.class_of(None, [1, 2, 3, 4], value.MONETARY) is None
        assert value.class_of(3, value.edges([]), value.MONETARY) is None
