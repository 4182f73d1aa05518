"""Of which kind a case is that somebody's words make."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules.inbound_kinds import COMPLAINT, INQUIRY, NO_WORDS, kind_of

SAFETY, COMPLAINING = "SAFETY_WORDS", "COMPLAINT_WORDS"


class TestKindOf:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("The brakes failed on the way down.", SAFETY),
            ("Smoke from the engine this morning", SAFETY),
            ("Brakes did not work and I want a refund", SAFETY),
            ("I was injured", SAFETY),
            ("高速上突然熄火，差点出事", SAFETY),
            ("剎車失靈，要求退車", SAFETY),
            ("方向盘突然锁死", SAFETY),
            ("I want to complain about your dealer", COMPLAINING),
            ("This is UNACCEPTABLE.", COMPLAINING),
            ("The gearbox broke again, third time", COMPLAINING),
            ("我要投诉你们4S店", COMPLAINING),
            ("服务态度恶劣，多收了钱", COMPLAINING),
            ("車子修了三次還沒修好", COMPLAINING),
        ],
    )
    def test_words_of_danger_or_of_complaining_make_a_complaint(self, text, reason):
        assert kind_of(text) == (COMPLAINT, reason)
        assert kind_of("Re: my car", text) == (COMPLAINT, reason)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "How much is a test drive?",
            "请问保养多少钱？",
            "I have no complaint, only a question",
            "Nobody was hurt and there was no crash. Where is my invoice?",
            "没有投诉的意思，想问一下保险",
            "Which brakes does the sedan have?",
            "刹车片什么时候换？",
            "Does the airbag have a warranty?",
        ],
    )
    def test_a_question_stays_one_and_what_is_denied_does_not_count(self, text):
        assert kind_of(text) == (INQUIRY, NO_WORDS)

    def test_one_that_is_denied_leaves_the_next_one_standing(self):
        assert kind_of("No injuries, but the car caught fire") == (COMPLAINT, SAFETY)

    @given(st.text(max_size=400), st.text(max_size=400))
    def test_whatever_is_written_has_one_kind_and_its_reason(self, subject, text):
        kind, reason = kind_of(subject, text)
        assert (kind == INQUIRY) == (reason == NO_WORDS)
        assert kind_of(subject, text) == (kind, reason)
