import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradekit import plate
from tradekit.plate import PlateError, PlateKind, PlateReason


class TestNormalise:
    @pytest.mark.parametrize(
        ("text", "value", "kind"),
        [
            ("京A·12345", "京A12345", PlateKind.CN_STANDARD),
            ("京 a 12345", "京A12345", PlateKind.CN_STANDARD),
            ("京Ａ１２３４５", "京A12345", PlateKind.CN_STANDARD),
            ("滬A-D123Z", "沪AD123Z", PlateKind.CN_STANDARD),
            ("京A0O123", "京A00123", PlateKind.CN_STANDARD),
            ("沪AD12345", "沪AD12345", PlateKind.CN_NEW_ENERGY),
            ("粤B12345F", "粤B12345F", PlateKind.CN_NEW_ENERGY),
            ("粤Z1234港", "粤Z1234港", PlateKind.CN_STANDARD),
            ("冀A1234学", "冀A1234学", PlateKind.CN_STANDARD),
            ("WJ京12345", "WJ京12345", PlateKind.CN_SPECIAL),
            ("abc-1234", "ABC1234", PlateKind.OTHER),
            ("B MW 123E", "BMW123E", PlateKind.OTHER),
        ],
    )
    def test_spellings_are_folded(self, text, value, kind):
        found = plate.normalise(text)
        assert (found.value, found.kind) == (value, kind)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", PlateReason.EMPTY),
            ("···", PlateReason.EMPTY),
            ("京A123", PlateReason.LENGTH),
            ("京A1234567", PlateReason.LENGTH),
            ("京112345", PlateReason.SHAPE),
            ("沪AZ1234Z5", PlateReason.LENGTH),
            ("沪AZ12345", PlateReason.SHAPE),
            ("A", PlateReason.LENGTH),
            ("A" * 13, PlateReason.LENGTH),
            ("AB;DROP", PlateReason.CHARACTER),
            ("张A12345", PlateReason.CHARACTER),
        ],
    )
    def test_bad_text_is_refused_with_a_reason(self, text, reason):
        with pytest.raises(PlateError) as caught:
            plate.normalise(text)
        assert caught.value.reason is reason

    @given(st.one_of(st.text(max_size=14), st.from_regex(r"[京沪粤][A-Z][A-Z0-9]{5,6}", fullmatch=True)))
    def test_the_normal_form_is_stable_and_looks_alike_itself(self, text):
        try:
            found = plate.normalise(text)
        except PlateError:
            return
        assert plate.normalise(found.value) == found
        assert plate.normalise(found.display) == found
        assert plate.search_key(found.search_key) == found.search_key

    def test_display_parts_a_chinese_plate(self):
        assert plate.normalise("沪AD12345").display == "沪A·D12345"

    def test_look_alikes_share_a_key(self):
        assert plate.normalise("AB0 1O1").search_key == plate.normalise("ABO I01").search_key
