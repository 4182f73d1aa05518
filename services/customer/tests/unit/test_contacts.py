"""Contact points in their one written form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules import contacts
from marque_customer.rules.kinds import EMAIL, FAX, MESSAGING, PHONE


class TestNormalise:
    @pytest.mark.parametrize(
        ("kind", "text", "provider", "region", "value", "key"),
        [
            (PHONE, "138 0013 8000", "", "CN", "+8613800138000", "+8613800138000"),
            (PHONE, "+86-138-0013-8000", "", "", "+8613800138000", "+8613800138000"),
            (FAX, "010 6234 5678 转 12", "", "CN", "+861062345678;ext=12", "+861062345678;ext=12"),
            (EMAIL, " Wang.Wei+x@GMail.com ", "", "", "Wang.Wei+x@gmail.com", "wangwei@gmail.com"),
            (MESSAGING, " WangWei ", "WeChat", "", "WangWei", "wechat:wangwei"),
        ],
    )
    def test_gives_value_and_key(self, kind, text, provider, region, value, key):
        found = contacts.normalise(kind, text, provider, region)
        assert (found.value, found.match_key) == (value, key)
        again = contacts.normalise(kind, found.value, found.provider)
        assert (again.value, again.match_key) == (value, key)

    @pytest.mark.parametrize(
        ("kind", "text", "provider", "field"),
        [
            (PHONE, "13800138000", "", "value"),
            (PHONE, "+861", "", "value"),
            (PHONE, "+8613800138000", "wechat", "provider"),
            (EMAIL, "a b@c", "", "value"),
            (MESSAGING, "x", " ", "provider"),
            (MESSAGING, " ", "wechat", "value"),
        ],
    )
    def test_refuses_and_names_the_field(self, kind, text, provider, field):
        with pytest.raises(contacts.ContactError) as refused:
            contacts.normalise(kind, text, provider)
        assert refused.value.field == field

    @given(
        st.sampled_from([PHONE, EMAIL, MESSAGING, FAX]),
        st.text(max_size=40),
        st.text(max_size=10),
        st.sampled_from(["", "CN", "DE", "??"]),
    )
    def test_any_text_is_read_or_refused_without_being_repeated(self, kind, text, provider, region):
        found, message = None, ""
        try:
            found = contacts.normalise(kind, text, provider, region)
        except contacts.ContactError as refused:
            message = str(refused)
        assert len(text.strip()) < 12 or text not in message
        assert (
            found is None or contacts.normalise(kind, found.value, found.provider, region).match_key == found.match_key
        )
