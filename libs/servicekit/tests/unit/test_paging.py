"""Page tokens: they come back as they went, belong to one question, and a forged one is the caller's fault."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque.type.v1.operations_pb2 import ListDeadLettersRequest
from servicekit.errors import InvalidArgument
from servicekit.paging import Page, moment, page_key, page_of

FIRST, LAST = datetime(1900, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
KEYS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=50),
        st.integers(-(2**63), 2**63 - 1),
        st.none(),
        MOMENTS,
        st.booleans(),
    ),
    max_size=4,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["t", "x", ""]), inner, max_size=2),
    max_leaves=8,
)


def request(token: str = "", *, consumer: str = "", size: int = 0) -> ListDeadLettersRequest:
    return ListDeadLettersRequest(page_token=token, consumer=consumer, page_size=size)


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def refused(token: str) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as caught:
        page_of(request(token))
    return {violation.field: violation.reason for violation in caught.value.violations}


class TestToken:
    @given(KEYS)
    def test_it_comes_back_as_it_went(self, key: list[Any]) -> None:
        token = page_of(request()).token(key)

        assert page_of(request(token)).after == tuple(key)

    def test_the_size_of_the_page_may_change_on_the_way(self) -> None:
        assert page_of(request(page_of(request(size=2)).token(["a"]), size=7)).after == ("a",)

    def test_a_token_of_another_question_is_refused(self) -> None:
        token = page_of(request(consumer="one")).token(["a"])

        with pytest.raises(InvalidArgument) as caught:
            page_of(request(token, consumer="other"))

        assert caught.value.violations[0].reason == "PAGE_TOKEN_INVALID"

    @given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200))
    def test_damaged_text_is_the_callers_fault(self, token: str) -> None:
        assert refused(token) == {"page_token": "PAGE_TOKEN_INVALID"}

    @given(JSON)
    def test_a_forged_body_is_the_callers_fault(self, body: Any) -> None:
        try:
            token = encoded(body)
        except TypeError:  # an integer that JSON libraries do not write
            return
        assert refused(token) == {"page_token": "PAGE_TOKEN_INVALID"}

    @given(st.lists(JSON, min_size=1, max_size=3))
    def test_a_forged_key_is_refused_or_holds_plain_values_only(self, key: list[Any]) -> None:
        try:
            token = encoded([page_of(request()).digest, key])
        except TypeError:
            return
        try:
            after = page_of(request(token)).after
        except InvalidArgument:
            return
        assert after is not None
        for value in after:
            assert value is None or isinstance(value, str | int | float | datetime)
            if isinstance(value, int):
                assert -(2**63) <= value < 2**63

    @pytest.mark.parametrize(
        "value",
        [
            {"x": 1}, {}, {"t": 5}, {"t": "2024-01-01T00:00:00"}, {"t": "0001-01-01T00:00:00+23:59"}, {"t": "9999-12-31T23:59:59-23:59"},
            2**63, "a\0b", ["nested"],
        ],
        ids=str,
    )  # fmt: skip
    def test_values_that_no_database_holds_are_refused(self, value: Any) -> None:
        assert refused(encoded([page_of(request()).digest, [value]])) == {"page_token": "PAGE_TOKEN_INVALID"}

    def test_a_damaged_letter_is_refused(self) -> None:
        token = page_of(request()).token(["a"])
        assert refused(token[:-3]) == {"page_token": "PAGE_TOKEN_INVALID"}


class TestPageKey:
    def test_each_value_is_read_by_its_reader(self) -> None:
        at, name = datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=8))), uuid.uuid4()
        page = page_of(request(page_of(request()).token([at, str(name)])))

        assert page_key(page, moment, uuid.UUID) == (at, name)
        assert page_key(page_of(request()), moment, uuid.UUID) is None

    @pytest.mark.parametrize("key", [["x"], ["x", "y", "z"], [5, "x"], [None, None], ["2024", "not-a-uuid"]])
    def test_a_value_that_its_reader_refuses_is_the_callers_fault(self, key: list[Any]) -> None:
        page = page_of(request(page_of(request()).token(key)))

        with pytest.raises(InvalidArgument):
            page_key(page, moment, uuid.UUID)

    def test_a_number_too_large_for_its_reader_is_the_callers_fault(self) -> None:
        page = page_of(request(page_of(request()).token([1e308])))

        with pytest.raises(InvalidArgument):
            page_key(page, lambda value: datetime.fromtimestamp(value, UTC))


class TestCut:
    @pytest.mark.parametrize(("asked", "given_"), [(0, 50), (7, 7), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
    def test_sizes_have_a_default_and_a_limit(self, asked: int, given_: int) -> None:
        assert page_of(request(size=asked)).size == given_

    @given(st.lists(st.integers(0, 99), unique=True, max_size=30), st.integers(1, 10))
    def test_pages_together_are_all_rows_once(self, rows: list[int], size: int) -> None:
        rows.sort()
        shown: list[int] = []
        page = page_of(request(size=size))
        while True:
            start = -1 if page.after is None else page.after[0]
            part, token = page.cut([row for row in rows if row > start][: page.size + 1], lambda row: [row])
            shown += part
            if not token:
                break
            page = page_of(request(token, size=size))
        assert shown == rows

    def test_a_page_that_is_just_full_is_the_last(self) -> None:
        assert Page(2, None, "d").cut([1, 2], lambda row: [row]) == ([1, 2], "")
