import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tradekit import phone
from tradekit.phone import PhoneError, PhoneKind, PhoneReason

regions = st.sampled_from(["CN", "US", "DE", "GB", "IN", "ZZ"])
separators = st.sampled_from(["", "", "", " ", "-"])


@st.composite
def spread(draw, pattern):
    digits = draw(st.from_regex(pattern, fullmatch=True))
    return "".join(char + draw(separators) for char in digits[:-1]) + digits[-1]


plain_spellings = st.one_of(
    spread(r"(\+86)?1[0-9]{10}"),
    spread(r"\+86(1[3-9]|17)[0-9]{9}"),
    spread(r"(1790|1795|1200|1740|1610)[0-9]{7}"),
    spread(r"\+1[2-9][0-9]{9}"),
    spread(r"\+1(800|888|900|500|523|524|600|622|310|242|340|787|809|204|416|212)[0-9]{7}"),
    spread(r"\+?[0-9]{5,14}"),
)


class TestShortcut:
    @given(plain_spellings, regions)
    @example("13800138000", "CN")
    @example("13800138000", "US")
    @example("17900138000", "CN")
    @example("+12423456789", "CN")
    def test_equals_the_library(self, text, region):
        shortcut = phone._plain_spelling(text, region)
        if shortcut is not None:
            assert shortcut == phone.by_library(text, region)

    @given(
        st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)), st.from_regex(r"[0-9]{4,12}", fullmatch=True)
    )
    @example(49, "1601234567")
    @example(39, "0612345678")
    @example(52, "15512345678")
    @example(800, "12345678")
    def test_number_in_its_one_form_equals_the_library_for_every_country_code(self, code, rest):
        shortcut = phone._international(f"+{code}{rest}")
        if shortcut is not None:
            assert shortcut == phone.by_library(f"+{code}{rest}", "ZZ")

    def test_number_in_its_one_form_is_read_for_the_examples_of_every_region(self):
        taken = 0
        for region in sorted(phonenumbers.SUPPORTED_REGIONS):
            for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
                known = phonenumbers.example_number_for_type(region, kind)
                text = known and phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164)
                shortcut = phone._international(text) if text else None
                assert shortcut is None or shortcut == phone.by_library(text, "ZZ")
                taken += shortcut is not None
        assert taken > 300

    def test_equals_the_library_for_every_prefix_of_chinese_mobiles(self):
        for prefix in range(1000, 2000):
            text = f"{prefix}4567890"
            assert phone._plain_spelling(text, "CN") in (None, phone.by_library(text, "CN"))

    def test_equals_the_library_for_every_area_code_of_north_america(self):
        for prefix in range(200, 1000):
            for exchange in ("2", "555", "987"):
                text = f"+1{prefix}{exchange:0<7}"
                assert phone._plain_spelling(text, "CN") in (None, phone.by_library(text, "CN"))

    @pytest.mark.parametrize("text", ["13800138000", "+86 138-0013-8000", "+1 212-555-1234", "+14162345678"])
    def test_is_taken_for_the_common_spellings(self, text):
        if text != "+14162345678":
            assert phone._plain_spelling(text, "CN") is not None
        else:
            assert phone._plain_spelling(text, "CN") is None, (
                "a Canadian number must not be called one of the United States"
            )


class TestNormalise:
    @pytest.mark.parametrize(
        ("text", "region", "e164", "kind", "extension"),
        [
            ("13800138000", "CN", "+8613800138000", PhoneKind.MOBILE, ""),
            ("１３８００１３８０００", "CN", "+8613800138000", PhoneKind.MOBILE, ""),
            (" 0086 138 0013 8000 ", "CN", "+8613800138000", PhoneKind.MOBILE, ""),
            ("＋86（138）0013—8000", "DE", "+8613800138000", PhoneKind.MOBILE, ""),
            ("010-6234 5678", "CN", "+861062345678", PhoneKind.FIXED, ""),
            ("010-62345678转123", "CN", "+861062345678", PhoneKind.FIXED, "123"),
            ("010-62345678 分机：8", "CN", "+861062345678", PhoneKind.FIXED, "8"),
            ("(010)62345678 ext. 12", "CN", "+861062345678", PhoneKind.FIXED, "12"),
            ("010-62345678#9", "CN", "+861062345678", PhoneKind.FIXED, "9"),
            ("4008001234", "CN", "+864008001234", PhoneKind.OTHER, ""),
            ("(212) 555-1234", "US", "+12125551234", PhoneKind.FIXED_OR_MOBILE, ""),
            ("030 1234567", "DE", "+49301234567", PhoneKind.FIXED, ""),
        ],
    )
    def test_spellings_give_one_form(self, text, region, e164, kind, extension):
        found = phone.normalise(text, region)
        assert (found.e164, found.extension) == (e164, extension)
        assert found.kind is kind or text.startswith("400")

    @pytest.mark.parametrize(
        ("text", "region", "reason"),
        [
            ("", "CN", PhoneReason.EMPTY),
            ("  ", "CN", PhoneReason.EMPTY),
            ("none", "CN", PhoneReason.NOT_A_NUMBER),
            ("2125551234", "ZZ", PhoneReason.COUNTRY_CODE),
            ("+999 1234567", "CN", PhoneReason.COUNTRY_CODE),
            ("110", "CN", PhoneReason.TOO_SHORT),
            ("138001380001380013800", "CN", PhoneReason.TOO_LONG),
            ("11111111111", "CN", PhoneReason.NOT_IN_USE),
            ("9" * 10_000, "CN", PhoneReason.TOO_LONG),
        ],
    )
    def test_bad_text_is_refused_with_a_reason(self, text, region, reason):
        for _ in range(2):
            with pytest.raises(PhoneError) as caught:
                phone.normalise(text, region)
            assert caught.value.reason is reason
            assert not text.strip() or text not in str(caught.value)

    @given(st.text(max_size=40), regions)
    def test_any_text_gives_a_number_or_a_reason(self, text, region):
        try:
            found = phone.normalise(text, region)
        except PhoneError:
            return
        assert phone.normalise(found.e164, "CN").e164 == found.e164

    def test_the_message_is_for_each_reason(self):
        assert set(phone._MESSAGES) == set(PhoneReason)


class TestDigitsTail:
    def test_endings_from_four_to_eleven(self):
        tails = phone.digits_tail(phone.normalise("13800138000"))
        assert tails[0] == "8000"
        assert tails[-1] == "13800138000"
        assert [len(tail) for tail in tails] == list(range(4, 12))

    def test_a_short_number_has_no_longer_ending_than_itself(self):
        number = phone.Phone("+29012345", "12345", "SH", PhoneKind.FIXED)
        assert phone.digits_tail(number)[-1] == "29012345"


class TestRemembered:
    @given(st.one_of(plain_spellings, spread(r"\+(49|44|39|33|7|91|52|54|55)[0-9]{7,11}")), regions)
    def test_a_number_reads_back_from_its_one_form_as_the_library_reads_it(self, text, region):
        try:
            found = phone.normalise(text, region)
        except PhoneError:
            return
        if not found.extension:
            assert phone.normalise(found.e164, "US") == phone.by_library(found.e164, "US")
