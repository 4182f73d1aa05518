"""What is learned from past cases: the same each time, kept without a word, and never from too few."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_complaint.rules import learning

EXAMPLES = [
    (f"{text} {at}", term)
    for at in range(30)
    for text, term in (("engine stalls", "ENGINE"), ("brakes squeal loudly", "BRAKES"), ("发动机烧机油", "ENGINE"))
]


class TestLearn:
    def test_words_lead_to_the_term_they_came_with_in_both_scripts(self) -> None:
        learned = learning.learn(EXAMPLES)
        assert learned is not None
        assert learned.propose("it stalls: the engine", 2)[0][0] == "ENGINE"
        assert learned.propose("烧机油严重", 2)[0][0] == "ENGINE"
        proposed = learned.propose("squeal", 5)
        assert [name for name, _ in proposed] == ["BRAKES", "ENGINE"]
        assert sum(score for _, score in proposed) == pytest.approx(1.0, abs=1e-3)

    def test_nothing_is_proposed_for_words_that_nobody_wrote(self) -> None:
        learned = learning.learn(EXAMPLES)
        assert learned is not None
        assert learned.propose("xylophone", 3) == []
        assert learned.propose("", 3) == []

    @pytest.mark.parametrize("examples", [[], EXAMPLES[: learning.FEWEST - 3], [("same words", "ONE")] * 100])
    def test_too_few_cases_or_one_term_teach_nothing(self, examples: list[tuple[str, str]]) -> None:
        assert learning.learn(examples) is None
        assert learning.measure(examples) is None

    def test_the_same_cases_teach_the_same(self) -> None:
        first, second = learning.learn(EXAMPLES), learning.learn(EXAMPLES)
        assert first is not None
        assert second is not None
        assert first.dump() == second.dump()

    def test_what_is_kept_proposes_as_before_and_holds_no_word(self) -> None:
        learned = learning.learn([*EXAMPLES, *[("Schmidtmeier 斯密特 squeals brakes", "BRAKES")] * 3])
        assert learned is not None
        data = learned.dump()
        again = learning.Learned.load(data)
        for text in ("brakes", "发动机", "engine squeal"):
            assert [name for name, _ in again.propose(text, 3)] == [name for name, _ in learned.propose(text, 3)]
        plain = zlib.decompress(data)
        assert b"chmidtmeier" not in plain
        assert "斯密特".encode() not in plain

    def test_cases_kept_out_are_a_fifth_and_answers_are_counted_among_them(self) -> None:
        found = learning.measure(EXAMPLES)
        assert found is not None
        assert (found.learned, found.held_back) == (72, 18)
        assert found.first <= found.first_three <= found.held_back
        assert found.first >= 17


class TestPlaces:
    @settings(max_examples=60)
    @given(st.text(max_size=200))
    def test_any_text_gives_distinct_places_in_range(self, text: str) -> None:
        found = learning.places(text)
        assert len(np.unique(found)) == len(found)
        assert all(0 <= place < learning.PLACES for place in found.tolist())

    def test_a_text_of_five_million_characters_is_looked_at_in_its_beginning(self) -> None:
        long = "brakes " + "x y " * 1_250_000
        assert learning.places(long).tolist() == learning.places(long[:20_000]).tolist()
