"""Who responds: learned from bands, measured on people not learned from, and the same whoever ranks."""

from __future__ import annotations

import csv
import math
import os
import random
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_campaign.clients.learner import Learner
from marque_campaign.errors import LearningUnavailable
from marque_campaign.learning.train import learn
from marque_campaign.mapping import insight
from marque_campaign.rules import likeness
from marque_campaign.rules.likeness import NUMBER, WORD

DATA = Path(os.environ.get("MARQUE_DATA", Path(__file__).resolve().parents[4].parent / "shared" / "data"))
BANK = DATA / "bank_marketing_uci" / "bank-full.csv"
KINDS = {"days": NUMBER, "language": WORD}


def people(count: int, strength: float, seed: int = 1) -> tuple[list[list[Any]], list[int]]:
    """People of whom those who came lately respond more often, by `strength` in log odds."""
    chance, rows, labels = random.Random(seed), [], []
    for _ in range(count):
        days = None if chance.random() < 0.1 else chance.randrange(1000)
        odds = -1.0 + (strength if days is not None and days < 300 else 0.0)
        rows.append([days, chance.choice(["zh-CN", "en", None])])
        labels.append(int(chance.random() < 1 / (1 + math.exp(-odds))))
    return rows, labels


class TestLearn:
    @pytest.mark.data
    @pytest.mark.skipif(not BANK.is_file(), reason="no real data: set MARQUE_DATA")
    def test_real_responses_are_ranked_well_without_the_length_of_the_call(self) -> None:
        """Each twelfth row, for time; `python -m bench lookalikes` takes all of them. The length is known only once somebody answered."""
        with BANK.open() as file:
            rows = list(csv.DictReader(file))[::12]
        numbers = {"age", "balance", "day", "campaign", "pdays", "previous"}
        names = [name for name in rows[0] if name not in ("y", "duration")]
        values = [[float(row[name]) if name in numbers else row[name] for name in names] for row in rows]
        kinds = {name: NUMBER if name in numbers else WORD for name in names}
        model = learn(kinds, values, [int(row["y"] == "yes") for row in rows])

        assert model.auc > 0.73
        assert all(abs(one.expected - one.observed) < 0.08 for one in model.bins)

    def test_what_tells_is_found_and_what_does_not_is_not(self) -> None:
        model = learn(KINDS, *people(2000, 2.0))
        days, language = model.features

        assert model.says_something
        assert days.importance > 0.1 > 0.02 > abs(language.importance)
        assert model.score({"days": 10, "language": "en"}) - model.score({"days": 900, "language": "en"}) > 1
        assert sum(band.count for band in days.bands) == 2000
        assert learn(KINDS, *people(2000, 2.0)) == model

    def test_chance_is_not_called_knowledge(self) -> None:
        assert not learn(KINDS, *people(600, 0.0, seed=8)).says_something

    @pytest.mark.parametrize("responders", [0, likeness.FEWEST - 1, 100 - likeness.FEWEST + 1, 100])
    def test_of_too_few_nothing_is_learned(self, responders: int) -> None:
        with pytest.raises(likeness.TooFew):
            learn(KINDS, [[1, "en"]] * 100, [1] * responders + [0] * (100 - responders))

    def test_who_stands_for_more_people_counts_for_more_in_what_is_expected(self) -> None:
        rows, labels = people(1000, 1.0)
        plain, drawn = learn(KINDS, rows, labels), learn(KINDS, rows, labels, shift=-math.log(10))

        assert drawn.bias == pytest.approx(plain.bias - math.log(10))
        assert (drawn.auc, drawn.features) == (plain.auc, plain.features)
        assert all(abs(one.expected - one.observed) < 0.05 for one in drawn.bins)


class TestModel:
    model = learn(KINDS, *people(500, 2.0, seed=3))

    def test_it_is_the_same_after_it_was_written(self) -> None:
        assert likeness.read(orjson.loads(orjson.dumps(self.model.document()))) == self.model

    @given(
        st.one_of(st.none(), st.integers(-5, 1100)), st.one_of(st.none(), st.sampled_from(["zh-CN", "en", "xx", ""]))
    )
    def test_a_share_lies_between_nothing_and_all(self, days: int | None, language: str | None) -> None:
        assert 0 < self.model.share({"days": days, "language": language}) < 1

    def test_a_band_with_few_people_is_not_shown(self) -> None:
        few = likeness.Band(1.0, 9, 3, word="en")
        shown = likeness.Band(1.0, 10, 3, unknown=True)
        one = likeness.Learned("language", WORD, (few, shown), 0.1)
        model = likeness.Model(0.0, (one,), 30, 100, 0.7, 0.6, 0.8, ())
        (line,) = insight.profile(likeness.Profile(uuid.UUID(int=1), 7, model, 0)).features

        assert [(band.english_label, band.people_count) for band in line.bands] == [("not known", 10)]


class TestInterval:
    @settings(max_examples=50)
    @given(st.floats(0.0, 1.0), st.integers(30, 5000), st.integers(30, 5000))
    def test_it_holds_the_measure_and_narrows_with_people(self, auc: float, responders: int, others: int) -> None:
        low, high = likeness.interval(auc, responders, others)
        lower, higher = likeness.interval(auc, responders * 4, others * 4)

        assert 0 <= low <= auc <= high <= 1
        assert higher - lower <= high - low + 1e-12

    def test_it_equals_the_published_example(self) -> None:
        """Hanley and McNeil 1982: area 0.893 with 51 abnormal and 58 normal has a standard error of 0.0323 by this formula."""
        low, high = likeness.interval(0.893, 51, 58)

        assert (high - low) / 2 / 1.96 == pytest.approx(0.0323, abs=0.001)


class TestLearner:
    async def test_a_process_of_its_own_learns_the_same(self) -> None:
        rows, labels = people(300, 2.0)

        assert await Learner(seconds=500).learn(KINDS, rows, labels, 0.5) == learn(KINDS, rows, labels, shift=0.5)

    async def test_one_that_dies_or_never_answers_is_an_error_that_says_so(self) -> None:
        rows, labels = people(300, 2.0)
        with pytest.raises(LearningUnavailable):
            await Learner(module="marque_campaign.nowhere").learn(KINDS, rows, labels, 0.0)
        with pytest.raises(LearningUnavailable):
            await Learner(seconds=0.01).learn(KINDS, rows, labels, 0.0)

    async def test_too_few_are_not_sent_to_it(self) -> None:
        with pytest.raises(likeness.TooFew):
            await Learner(module="marque_campaign.nowhere").learn(KINDS, [[1, "en"]], [1], 0.0)
