"""The headers by which a browser saves a file and never shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_gateway import attachments


class TestDisposition:
    @pytest.mark.parametrize(
        ("name", "header"),
        [
            ("a b.png", "attachment; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"),
            ("异响.exe", "attachment; filename=\"file\"; filename*=UTF-8''%E5%BC%82%E5%93%8D.exe"),
            (
                'a"; x=\r\nSet-Cookie: b',
                "attachment; filename=\"file\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0ASet-Cookie%3A%20b",
            ),
        ],
    )
    def test_it_is_saved_under_its_name(self, name: str, header: str) -> None:
        assert attachments.disposition(name) == header

    @given(st.text(min_size=1, max_size=200))
    def test_no_name_adds_a_header_or_ends_a_quotation(self, name: str) -> None:
        made = attachments.disposition(name)
        assert made.isascii()
        assert made.isprintable()
        assert made.count('"') == 2


class TestSafe:
    def test_nothing_is_run_shown_guessed_or_kept(self) -> None:
        assert attachments.SAFE["content-security-policy"] == "default-src 'none'; sandbox"
        assert attachments.SAFE["x-content-type-options"] == "nosniff"
        assert "no-store" in attachments.SAFE["cache-control"]
