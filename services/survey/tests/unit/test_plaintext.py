"""Plain text of survey sites: what is understood, and what is told by line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_survey.rules import document, plaintext


def kinds_of(text: str) -> list[tuple[int, bool, int]]:
    found = plaintext.read(text, "zh-CN").document["questions"]
    return [(one["kind"], one.get("required", False), len(one.get("options", one.get("rows", ())))) for one in found]


class TestRead:
    def test_kinds_stars_and_options_in_the_ways_that_sites_write_them(self) -> None:
        text = (
            "标题\n说明一\n说明二\n\n1. 性别？*[单选题]\n男\n女\n\n2、喜欢什么？【多选题】\nA. 茶\nB. 快\n○ 静\n"
            "3．推荐吗？(NPS)\n4) 意见[填空题]\n5. 排一下 [排序题]\n价格\n时间\n6: 哪天 [日期题]\n"
            "7. 打分*[量表题]\n8. 逐项 [矩阵量表题]\n环境\n态度\n"
        )
        assert kinds_of(text) == [
            (1, True, 2), (2, False, 3), (3, False, 0), (4, False, 0), (6, False, 2), (5, False, 0), (3, True, 0), (7, False, 2),
        ]  # fmt: skip
        read = plaintext.read(text, "zh-CN")
        assert read.document["titles"] == {"zh-CN": "标题"}
        assert read.document["intros"] == {"zh-CN": "说明一\n说明二"}
        assert [one["texts"]["zh-CN"] for one in read.document["questions"][1]["options"]] == ["茶", "快", "静"]
        assert read.document["questions"][2]["scale_max"] == 10
        assert read.remarks == []

    @pytest.mark.parametrize(
        ("text", "remarks"),
        [
            ("1. Clean?\nYes\nNo", [(1, "KIND_GUESSED")]),
            ("1. Clean? [猜谜题]\nYes\nNo", [(1, "KIND_UNKNOWN")]),
            ("1. Clean? [single]\nYes", [(1, "OPTIONS_MISSING")]),
            ("1. Why? [text]\nBecause", [(2, "TEXT_IGNORED")]),
            ("1. Clean? [single]\nYes\nYes\nNo", [(3, "OPTION_DOUBLE")]),
            ("nothing", []),
        ],
    )
    def test_what_is_not_understood_is_told_by_line(self, text: str, remarks: list[tuple[int, str]]) -> None:
        assert plaintext.read(text, "en").remarks == remarks

    def test_options_that_are_numbers_are_a_scale_and_no_questions(self) -> None:
        assert kinds_of("1. 几分？*[单选题]\n1\n2\n3\n4\n5\n2. 还有？[填空题]") == [(3, True, 0), (4, False, 0)]

    @settings(max_examples=40)
    @given(
        st.text(max_size=300)
        | st.lists(st.sampled_from(["1. A[单选题]", "2. B?", "x", "1", "*", "[多选题]", ""])).map("\n".join)
    )
    def test_whatever_is_read_is_a_document_without_a_fault(self, text: str) -> None:
        read = plaintext.read(text, "zh-CN")

        if read.document:
            assert [one for one in document.faults(document.read(read.document)) if one.reason != "TEXT_MISSING"] == []
