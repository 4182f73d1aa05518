"""The comparison that keeps a yardstick honest."""

from __future__ import annotations

import pytest

from bench.same import difference

ONE = {
    "customerId": "a",
    "contactPoints": [{"contactPointId": "1"}, {"contactPointId": "2"}],
    "createTime": "2026-11-21T01:02:03.120Z",
}


class TestDifference:
    @pytest.mark.parametrize(
        "other",
        [
            ONE,
            {**ONE, "createTime": "2026-11-21T01:02:03.12Z"},
            {**ONE, "contactPoints": [{"contactPointId": "2"}, {"contactPointId": "1"}]},
        ],
    )
    def test_the_same_meaning_is_the_same(self, other: dict) -> None:
        assert difference(ONE, other) is None

    @pytest.mark.parametrize(
        ("other", "place"),
        [
            ({**ONE, "customerId": "b"}, "$.customerId"),
            ({**ONE, "more": ""}, "$.more (absent on one side)"),
            ({**ONE, "contactPoints": []}, "$.contactPoints (2 and 0 items)"),
            ({**ONE, "createTime": "2026-11-21T01:02:03.121Z"}, "$.createTime"),
            (
                {**ONE, "contactPoints": [{"contactPointId": "1"}, {"contactPointId": "3"}]},
                "$.contactPoints[1].contactPointId",
            ),
            ({**ONE, "customerId": None}, "$.customerId"),
        ],
    )
    def test_another_meaning_is_named_by_its_place(self, other: dict, place: str) -> None:
        assert difference(ONE, other) == place

    def test_page_tokens_are_each_doors_own(self) -> None:
        assert difference({"nextPageToken": "x"}, {"nextPageToken": "y"}) is None
