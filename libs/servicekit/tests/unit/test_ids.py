"""Identifiers: UUIDv7 whose order is that of their making, whatever the clock does."""

from __future__ import annotations

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit import ids


class TestNewId:
    def test_the_bits_are_those_of_version_7(self) -> None:
        before = time.time_ns() // 1_000_000
        made = ids.new_uuid()

        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 5

    def test_ids_grow_within_one_millisecond_and_beyond_its_4096_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stands = time.time_ns()
        monkeypatch.setattr(ids.time, "time_ns", lambda: stands)

        made = [ids.new_id() for _ in range(10_000)]

        assert made == sorted(set(made))

    def test_ids_grow_when_the_clock_steps_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = ids.new_id()
        monkeypatch.setattr(ids.time, "time_ns", lambda: 1_000_000_000)

        after = [ids.new_id() for _ in range(5000)]

        assert [before, *after] == sorted({before, *after})
        assert all(uuid.UUID(found).version == 7 for found in after)


class TestNewBlock:
    def test_ids_grow_and_stand_behind_those_made_before(self) -> None:
        before = ids.new_uuid()

        made = ids.new_block(10_000)

        assert [before.bytes, *made] == sorted({before.bytes, *made})
        assert ids.new_uuid().bytes > made[-1]
        assert {(one.version, one.variant) for one in (uuid.UUID(bytes=key) for key in made)} == {(7, uuid.RFC_4122)}

    @given(st.uuids())
    def test_text_is_that_of_the_library(self, key: uuid.UUID) -> None:
        assert ids.text_of(key.bytes) == str(key)


class TestIsUuid:
    @given(st.uuids())
    def test_the_long_form_is_one_in_either_case(self, value: uuid.UUID) -> None:
        assert ids.is_uuid(str(value))
        assert ids.is_uuid(str(value).upper())
        assert not ids.is_uuid(value.hex)
        assert not ids.is_uuid(f"{{{value}}}")

    @given(st.text(max_size=40))
    def test_other_text_is_none_and_never_raises(self, text: str) -> None:
        assert not ids.is_uuid(text)

    @pytest.mark.parametrize(
        "text", ["", "0" * 36, "urn:uuid:0190163d-8694-739b-aea5-966c", "0190163d-8694-739b-aea5-966c26f8ad9١"]
    )
    def test_what_looks_like_one_is_none(self, text: str) -> None:
        assert not ids.is_uuid(text)
