import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tradekit import email
from tradekit.email import EmailError, EmailReason

near_plain = st.one_of(
    st.emails(),
    st.from_regex(r"[A-Za-z0-9_+.\-]{1,70}@[A-Za-z0-9.\-]{1,80}", fullmatch=True),
    st.from_regex(r"(INFO|www|a\.b|A_b+c)@([A-Za-z0-9\-]{1,5}\.){1,3}(com|COM|test|arpa|c1m|x)", fullmatch=True),
    st.from_regex(r"a@([a-z]{30}\.){3,9}[a-z]{60,66}", fullmatch=True),
    st.from_regex(r"a@[a-z]{60,66}\.com", fullmatch=True),
)


def outcome(call, text):
    try:
        return call(text)
    except EmailError as error:
        return error.reason


class TestShortcut:
    @given(near_plain)
    @example("a@xn--fiqs8s.cn")
    @example("a@ab--cd.com")
    @example("a@b.test")
    @example("INFO@EXAMPLE.COM")
    @example(f"{'a' * 65}@b.com")
    def test_equals_the_library(self, text):
        shortcut = email._plain_spelling(text)
        if shortcut is not None:
            assert shortcut == outcome(email.by_library, text)

    @pytest.mark.parametrize("text", ["li.wei@example.com", "Wang_Fang+car@mail.example.com.cn", "a-b@x-y.de"])
    def test_is_taken_for_common_addresses(self, text):
        assert email._plain_spelling(text) is not None

    def test_does_not_slow_down_on_hostile_text(self):
        assert email._plain_spelling("a." * 100 + "@" + "a-" * 20) is None


class TestNormalise:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            (" Li.Wei@Example.COM ", "Li.Wei@example.com"),
            ("ｌｉ＠ｅｘａｍｐｌｅ．ｃｏｍ", "li@example.com"),
            ("li@example。com", "li@example.com"),
            ("Info@example.com", "info@example.com"),
            ("王伟@例子.中国", "王伟@例子.中国"),
            ("o'brien@example.com", "o'brien@example.com"),
        ],
    )
    def test_spellings_are_folded(self, text, address):
        assert email.normalise(text).address == address

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", EmailReason.EMPTY),
            ("  ", EmailReason.EMPTY),
            ("li.example.com", EmailReason.AT_SIGN),
            ("li@", EmailReason.SYNTAX),
            ("@example.com", EmailReason.SYNTAX),
            ("a b@example.com", EmailReason.SYNTAX),
            ("a@b@example.com", EmailReason.SYNTAX),
            ("li..wei@example.com", EmailReason.SYNTAX),
            ("li@localhost", EmailReason.RESERVED_DOMAIN),
            ("li@dealer.test", EmailReason.RESERVED_DOMAIN),
            ("li@nowhere", EmailReason.SYNTAX),
            ("li@example.com\r\nBcc: x@example.com", EmailReason.SYNTAX),
            ("Li Wei <li@example.com>", EmailReason.SYNTAX),
            (f"{'a' * 65}@example.com", EmailReason.LENGTH),
            (f"a@{'b.' * 130}com", EmailReason.LENGTH),
        ],
    )
    def test_bad_text_is_refused_with_a_reason_that_does_not_repeat_it(self, text, reason):
        with pytest.raises(EmailError) as caught:
            email.normalise(text)
        assert caught.value.reason is reason
        assert not text.strip() or text not in str(caught.value)
        assert caught.value.__cause__ is None

    @given(st.one_of(st.text(max_size=30), near_plain))
    def test_the_normal_form_is_stable(self, text):
        try:
            found = email.normalise(text)
        except EmailError:
            return
        assert email.normalise(found.address) == found


class TestMatchKey:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Li.Wei+car@gmail.com", "liwei@googlemail.com"),
            ("LI@example.com", "li@EXAMPLE.com"),
            ("li+shop@outlook.com", "li@outlook.com"),
        ],
    )
    def test_one_mailbox_has_one_key(self, one, other):
        assert email.normalise(one).match_key == email.normalise(other).match_key

    @pytest.mark.parametrize(
        ("one", "other"),
        [("li.wei@example.com", "liwei@example.com"), ("li+a@example.com", "li@example.com"), ("li@a.com", "li@b.com")],
    )
    def test_elsewhere_dots_and_tags_tell_people_apart(self, one, other):
        assert email.normalise(one).match_key != email.normalise(other).match_key
