"""What free texts are about: words that stand in several responses, and themes, which are words that go together.

Han text is cut by jieba's dictionary and model (library `rjieba`), with some words of the trade added. Names of people are left out, and
so is every word that fewer than `LEAST` responses have: nobody's own words are shown. Themes: non-negative factorisation of responses ×
words (tf-idf; Lee and Seung's multiplicative updates), begun from the singular vectors, so that the same texts give the same themes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import Any

import numpy as np
import rjieba

MOST_TEXTS = 2000
LEAST = 3
MOST_WORDS, MOST_THEMES, THEME_WORDS = 300, 8, 6
_KEYWORDS = 50
_ROUNDS = 60
_TEXTS_A_THEME = 5
_SHORTEST_LATIN = 3
# What jieba's tags begin with: nouns, verbs, adjectives, idioms, words in Latin script. `nr` are names of people.
_TAGS = ("n", "v", "a", "i", "l", "eng")
_NAMES = ("nr",)
_TRADE = (
    "服务顾问", "销售顾问", "维修技师", "等待时间", "变速箱", "发动机", "方向盘", "车机", "异响", "续航", "保养", "首保", "返修", "三包",
    "质保", "交车", "提车", "试驾", "售后", "配件", "工时费", "漏油", "抖动", "顿挫", "胎压", "充电桩", "自动驾驶", "刹车片",
)  # fmt: skip
# What every text about cars and service says, whatever it is about.
_STOP = frozenset({
    "没有", "可以", "就是", "现在", "知道", "觉得", "感觉", "问题", "时候", "情况", "进行", "出现", "要求", "希望", "表示", "使用", "需要",
    "不能", "不是", "还有", "已经", "一直", "车辆", "汽车", "时间", "公司", "客户", "消费者",
    "and", "are", "but", "for", "from", "had", "has", "have", "her", "his", "not", "she", "that", "the", "their", "them", "they", "this",
    "very", "was", "were", "when", "with", "you", "your", "our", "its",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody wrote, and how they would recommend (None where they were not asked)."""

    text: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word: in how many responses it stands, and the mean recommendation with it and without it (None: not known)."""

    word: str
    count: int
    with_it: float | None
    without: float | None


@dataclass(frozen=True, slots=True)
class Theme:
    """Words that go together, the most telling first; how many responses are about it above all, and their mean recommendation."""

    words: tuple[str, ...]
    count: int
    score: float | None


@cache
def _cutter() -> Any:
    cutter = rjieba.Jieba()
    for word in _TRADE:
        cutter.add_word(word, None, "n")
    return cutter


def words(text: str) -> list[str]:
    """Returns the words of a text that say what it is about, each once, in order."""
    found = []
    for word, tag in _cutter().tag(text):
        plain = word.strip().casefold()
        latin = plain.isascii()
        long_enough = len(plain) >= (_SHORTEST_LATIN if latin else 2)
        telling = tag.startswith(_TAGS) and not tag.startswith(_NAMES)
        if long_enough and telling and plain not in _STOP and any(one.isalpha() for one in plain):
            found.append(plain)
    return list(dict.fromkeys(found))


def analyse(told: Sequence[Told]) -> tuple[list[Keyword], list[Theme]]:
    """Returns keywords, the most frequent first, and themes, the largest first."""
    cut = [words(one.text) for one in told]
    counts = Counter(word for one in cut for word in one)
    kept = [word for word, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])) if count >= LEAST]
    keywords = [_keyword(word, cut, told) for word in kept[:_KEYWORDS]]
    return keywords, _themes(kept[:MOST_WORDS], cut, told)


def _keyword(word: str, cut: Sequence[Sequence[str]], told: Sequence[Told]) -> Keyword:
    has = [word in one for one in cut]
    return Keyword(word, sum(has), _mean(told, has), _mean(told, [not one for one in has]))


def _mean(told: Sequence[Told], chosen: Sequence[bool]) -> float | None:
    scores = [one.score for one, yes in zip(told, chosen, strict=True) if yes and one.score is not None]
    return fmean(scores) if scores else None


def _themes(kept: Sequence[str], cut: Sequence[Sequence[str]], told: Sequence[Told]) -> list[Theme]:
    place = {word: at for at, word in enumerate(kept)}
    rows = [at for at, one in enumerate(cut) if any(word in place for word in one)]
    number = min(MOST_THEMES, len(rows) // _TEXTS_A_THEME, len(kept) // 2)
    if number < 1:
        return []
    matrix = np.zeros((len(rows), len(kept)))
    for row, at in enumerate(rows):
        for word in cut[at]:
            if word in place:
                matrix[row, place[word]] = 1.0
    matrix *= np.log(1 + len(rows) / matrix.sum(axis=0))
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    weights, parts = _factorise(matrix, number)
    best = weights.argmax(axis=1)
    found = []
    for theme in range(number):
        mine = [rows[row] for row in np.flatnonzero(best == theme)]
        if len(mine) < LEAST:
            continue
        order = sorted(range(len(kept)), key=lambda at: (-parts[theme, at], kept[at]))
        top = tuple(kept[at] for at in order[:THEME_WORDS] if parts[theme, at] > 0)
        about = set(mine)
        found.append(Theme(top, len(mine), _mean(told, [at in about for at in range(len(told))])))
    return sorted(found, key=lambda one: (-one.count, one.words))


def _factorise(matrix: Any, number: int) -> tuple[Any, Any]:
    """Returns responses × themes and themes × words, all at least 0, whose product is near the matrix."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    scale = np.sqrt(values[:number])
    tiny = 1e-9
    weights = np.abs(left[:, :number]) * scale + tiny
    parts = np.abs(right[:number]) * scale[:, None] + tiny
    for _ in range(_ROUNDS):
        parts *= (weights.T @ matrix) / (weights.T @ weights @ parts + tiny)
        weights *= (matrix @ parts.T) / (weights @ (parts @ parts.T) + tiny)
    norms = np.linalg.norm(parts, axis=1)
    return weights * norms, parts / np.maximum(norms, tiny)[:, None]
