"""What texts are about: words cut as people mean them, nobody's own words, themes that find what texts were made of."""

from __future__ import annotations

import csv
import os
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_survey.rules import themes
from marque_survey.rules.themes import Told

_DATA = Path(os.environ.get("MARQUE_DATA", "../shared/data")) / "cn_car_complaints" / "complaints_20240429.csv"
_ABOUT = {
    "等待": ("等待时间", "休息室", "排队", "预约"),
    "价格": ("价格", "配件", "工时费", "收费"),
    "异响": ("异响", "发动机", "变速箱", "抖动"),
}


def made(count: int = 240) -> list[Told]:
    """Texts of three subjects; who waited recommends least."""
    dice, found = random.Random(3), []
    for at in range(count):
        subject = list(_ABOUT)[at % 3]
        told = "，".join(dice.sample(_ABOUT[subject], 3))
        found.append(Told(f"{told}，真的。", -100.0 if subject == "等待" else 100.0))
    return found


class TestWords:
    def test_words_of_the_trade_stay_whole_and_people_are_left_out(self) -> None:
        assert themes.words("服务顾问王伟说变速箱异响，等待时间太长") == ["服务顾问", "变速箱", "异响", "等待时间"]

    def test_latin_words_count_in_any_case_and_fillers_do_not(self) -> None:
        assert themes.words("The Brakes squeal, and the brakes are HOT") == ["brakes", "squeal", "hot"]

    @given(text=st.text(max_size=200))
    def test_whatever_is_written_is_cut_into_words_each_once(self, text: str) -> None:
        found = themes.words(text)

        assert len(found) == len(set(found))


class TestAnalyse:
    def test_a_word_that_only_two_responses_have_is_nobody_s_to_read(self) -> None:
        told = [Told("空调坏了", None)] * 2 + [Told("轮胎漏气", None)] * 3
        keywords, _ = themes.analyse(told)

        assert "轮胎" in {one.word for one in keywords}
        assert "空调" not in {one.word for one in keywords}

    def test_themes_are_the_subjects_that_the_texts_were_made_of_whose_scores_differ(self) -> None:
        keywords, found = themes.analyse(made())
        waiting = [one for one in found if "等待时间" in one.words]
        (word,) = [one for one in keywords if one.word == "等待时间"]

        assert themes.analyse(made()) == (keywords, found)
        assert sum(one.count for one in found) == 240
        assert all(len({subject for subject, parts in _ABOUT.items() if one.words[0] in parts}) == 1 for one in found)
        assert {one.score for one in waiting} == {-100.0}
        assert (word.with_it, word.without is not None and word.without > word.with_it) == (-100.0, True)

    @given(
        told=st.lists(
            st.builds(Told, st.text("刹车异响好坏 abc", max_size=20), st.none() | st.just(100.0)), max_size=25
        )
    )
    def test_any_texts_give_words_and_themes_that_enough_responses_have(self, told: list[Told]) -> None:
        keywords, found = themes.analyse(told)

        assert all(one.count >= themes.LEAST for one in (*keywords, *found))
        assert sum(one.count for one in found) <= len(told)


@pytest.mark.data
@pytest.mark.skipif(not _DATA.exists(), reason="needs cn_car_complaints of the shared data (MARQUE_DATA)")
class TestRealTexts:
    def test_themes_of_real_complaints_go_with_the_kinds_that_the_portal_gave_them(self) -> None:
        """Purity: the share of texts whose theme's most frequent kind is theirs; without themes it is that of the largest kind."""
        with _DATA.open(encoding="utf-8-sig") as file:
            rows = [row for row in csv.DictReader(file) if row["投诉简述"].strip()][:800]
        _, found = themes.analyse([Told(row["投诉简述"], None) for row in rows])
        kinds = [row["投诉问题"] for row in rows]
        by_theme: dict[int, Counter[str]] = {}
        for row, kind in zip(rows, kinds, strict=True):
            had = set(themes.words(row["投诉简述"]))
            best = max(range(len(found)), key=lambda at: len(had & set(found[at].words)))
            by_theme.setdefault(best, Counter())[kind] += 1
        purity = sum(one.most_common(1)[0][1] for one in by_theme.values()) / len(rows)
        print(
            f"purity {purity:.3f}, largest kind {Counter(kinds).most_common(1)[0][1] / len(rows):.3f}, {[one.words for one in found]}"
        )

        assert len(found) >= 4
        assert purity > Counter(kinds).most_common(1)[0][1] / len(rows)
