"""Logistic regression over bands: learned on four fifths and measured on the fifth left out, five times, then learned on all.

Bands are cut within each of these learnings, so that the measure knows nothing of those it is taken on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from marque_campaign.rules.likeness import NUMBER, Band, Bin, Learned, Model, enough, interval

_FOLDS, _SEED = 5, 20260301
_NUMBER_BANDS, _WORDS, _FEWEST_OF_WORD = 8, 12, 20
_STRENGTH = 0.5  # the inverse of the penalty: weights of bands with few people stay near nothing
_BINS = 10
Column = np.ndarray


class _Cut:
    """How one column is cut into bands, by the rows that are learned from; a band is known by its place."""

    def __init__(self, kind: str, column: Column) -> None:
        self.kind = kind
        known = [value for value in column if value is not None]
        self.ends: list[float] = []
        self.words: list[str] = []
        if kind == NUMBER and known:
            shares = np.arange(1, _NUMBER_BANDS) / _NUMBER_BANDS
            found = np.quantile(np.array(known, dtype=float), shares, method="inverted_cdf")
            self.ends = [float(end) for end in np.unique(found) if end < max(known)]
        elif kind != NUMBER:
            frequent = [word for word, count in Counter(known).most_common(_WORDS) if count >= _FEWEST_OF_WORD]
            self.words = sorted(frequent)
        self.size = 2 + (len(self.ends) if kind == NUMBER else len(self.words))

    def places(self, column: Column) -> np.ndarray:
        """The place of each value: bands in order, then other words (or the last band of numbers), then not known."""
        unknown = np.array([value is None for value in column])
        if self.kind == NUMBER:
            values = np.array([0.0 if value is None else float(value) for value in column])
            found = np.searchsorted(np.array(self.ends), values, side="left")
        else:
            at = {word: place for place, word in enumerate(self.words)}
            found = np.array([at.get(value, len(self.words)) for value in column])
        return np.where(unknown, self.size - 1, found)

    def bands(self, weights: np.ndarray, places: np.ndarray, labels: np.ndarray) -> tuple[Band, ...]:
        """The bands in which anybody was, with their weights."""
        made = []
        for place in range(self.size):
            inside = places == place
            if not inside.any():
                continue
            what: dict[str, Any] = {"unknown": True}
            if place < self.size - 1 and self.kind == NUMBER:
                what = {
                    "above": self.ends[place - 1] if place else None,
                    "upto": self.ends[place] if place < len(self.ends) else None,
                }
            elif place < self.size - 1:
                what = {"word": self.words[place]} if place < len(self.words) else {"other": True}
            made.append(Band(float(weights[place]), int(inside.sum()), int(labels[inside].sum()), **what))
        return tuple(made)


class _Fit:
    """A regression over the bands of some rows."""

    def __init__(self, kinds: Sequence[str], columns: Sequence[Column], labels: np.ndarray) -> None:
        self.cuts = [_Cut(kind, column) for kind, column in zip(kinds, columns, strict=True)]
        self._model = LogisticRegression(C=_STRENGTH, max_iter=400)
        self._model.fit(self._encoded(self.places(columns)), labels)
        self.bias = float(self._model.intercept_[0])
        ends = np.cumsum([cut.size for cut in self.cuts])
        self.weights = np.split(self._model.coef_[0], ends[:-1])

    def places(self, columns: Sequence[Column]) -> list[np.ndarray]:
        """The place of every value of every column."""
        return [cut.places(column) for cut, column in zip(self.cuts, columns, strict=True)]

    def parts(self, columns: Sequence[Column]) -> np.ndarray:
        """What each column adds to the log odds of each row."""
        found = zip(self.weights, self.places(columns), strict=True)
        return np.column_stack([weights[places] for weights, places in found])

    def _encoded(self, places: Sequence[np.ndarray]) -> np.ndarray:
        parts = [np.eye(cut.size)[found] for cut, found in zip(self.cuts, places, strict=True)]
        return np.hstack(parts)


def learn(
    kinds: Mapping[str, str], rows: Sequence[Sequence[Any]], labels: Sequence[int], *, shift: float = 0.0
) -> Model:
    """Returns what rows (values in the order of `kinds`, None for not known) and labels (1: responded) teach.

    `shift` is added to the bias, where of those who did not respond only a part was taken. Raises TooFew. The same rows in the same order
    teach the same.
    """
    enough(labels)
    told = np.array(labels)
    columns = [np.array(column, dtype=object) for column in zip(*rows, strict=True)]
    order = list(kinds.values())
    scores, losses = _measured(order, columns, told)
    auc = float(roc_auc_score(told, scores))
    low, high = interval(auc, int(told.sum()), int(len(told) - told.sum()))
    whole = _Fit(order, columns, told)
    found = zip(kinds.items(), whole.cuts, whole.weights, whole.places(columns), losses, strict=True)
    features = tuple(
        Learned(name, kind, cut.bands(weights, places, told), float(loss))
        for (name, kind), cut, weights, places, loss in found
    )
    bins = _calibration(scores + shift, told, math.exp(-shift))
    return Model(whole.bias + shift, features, int(told.sum()), len(told), auc, low, high, bins)


def _measured(kinds: Sequence[str], columns: Sequence[Column], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of every row by a fit that did not see it, and by how much the AUC falls when each column is shuffled among them."""
    scores = np.zeros(len(labels))
    losses = np.zeros(len(columns))
    shuffled = np.random.default_rng(_SEED)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    for seen, held in folds.split(np.zeros(len(labels)), labels):
        fit = _Fit(kinds, [column[seen] for column in columns], labels[seen])
        parts = fit.parts([column[held] for column in columns])
        scores[held] = fit.bias + parts.sum(axis=1)
        whole = roc_auc_score(labels[held], scores[held])
        for place in range(len(columns)):
            other = scores[held] - parts[:, place] + shuffled.permutation(parts[:, place])
            losses[place] += (whole - roc_auc_score(labels[held], other)) / _FOLDS
    return scores, losses


def _calibration(scores: np.ndarray, labels: np.ndarray, weight: float) -> tuple[Bin, ...]:
    """Tenths of the rows by what was expected of them; each who did not respond stands for `weight` of them."""
    expected = 1 / (1 + np.exp(-scores))
    weights = np.where(labels == 1, 1.0, weight)
    made = []
    for part in np.array_split(np.argsort(expected, kind="stable"), _BINS):
        total = weights[part].sum()
        made.append(
            Bin(
                float((expected[part] * weights[part]).sum() / total),
                float((labels[part] * weights[part]).sum() / total),
                len(part),
            )
        )
    return tuple(made)
