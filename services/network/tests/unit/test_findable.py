from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from marque_network.rules.findable import dealer_document, fit, staff_document
from tradekit import search

codes = st.from_regex(r"[A-Z0-9][A-Z0-9-]{1,12}", fullmatch=True).filter(lambda code: any(map(str.isalnum, code)))


def found(typed: str, text: str, tokens: list[str]) -> bool:
    """What PostgreSQL answers to the predicate of tradekit.search."""
    query = search.query(typed)
    return set(query.tokens) <= set(tokens) and all(
        pattern[1:-1].replace("\\", "") in text for pattern in query.patterns
    )


class TestDealerDocument:
    @given(codes)
    def test_a_dealer_is_found_by_its_code_in_any_case(self, code: str) -> None:
        made = dealer_document(code, {}, None)
        # Eleven digits that are a mobile number are read as one; no maker numbers its dealers so.
        if search.query(code).kind is not search.QueryKind.PHONE or len(code) < 5:
            assert found(code, made.text, made.tokens)
            assert found(code.lower(), made.text, made.tokens)

    def test_a_firm_has_no_family_name(self) -> None:
        made = dealer_document("X1", {"zh-CN": "单县汽车"}, {"city": "菏泽"})
        assert found("单县", made.text, made.tokens)
        assert found("菏泽", made.text, made.tokens)
        assert not found("县单", made.text, made.tokens)


class TestStaffDocument:
    def test_an_address_that_is_no_good_is_passed_over(self) -> None:
        made = staff_document("E1", ("Ann Lee", ""), "broken@@example")
        assert found("ann", made.text, made.tokens)


class TestFit:
    def test_a_whole_line_is_best_then_a_beginning_then_a_middle(self) -> None:
        text = "bluelake motors\nqz1"
        scores = [fit(typed, text) for typed in ("QZ1", "Bluelake Motors", "bluelake", "motors", "zzz")]
        assert scores[0] == scores[1] == 1.0
        assert scores[1] > scores[2] > scores[3] > scores[4]

    @given(st.text(max_size=30), st.text(max_size=60))
    def test_a_score_lies_between_nothing_and_one(self, typed: str, text: str) -> None:
        assert 0.0 <= fit(typed, text) <= 1.0
