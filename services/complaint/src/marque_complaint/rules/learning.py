"""What past cases teach about the words of new ones: multinomial logistic regression on words and pairs of words.

Words are kept as numbers (CRC-32 into 65,536 places) and never as text, so that nothing that somebody wrote can be read back from what
was learned. Learning is the same for the same cases in the same order: steps are taken in a fixed random order.
"""

from __future__ import annotations

import math
import random
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

PLACES = 1 << 16
MOST_TERMS = 100
FEWEST_OF_TERM = 3
FEWEST = 60
MOST_CASES = 20_000
_ROUNDS = 4
_STEP = 3.0
_LEAST_SEEN = 2
_WORDS = re.compile(r"[a-z]{2,}|[\u4e00-\u9fff]+")
_MOST_TEXT = 20_000
Example = tuple[str, str]
"""A text and the term that people decided on."""


def places(text: str) -> np.ndarray:
    """Returns the places of the words of a text and of pairs of neighbours; of Han, of pairs of characters. Each once, in order."""
    found: set[int] = set()
    before = ""
    for match in _WORDS.finditer(text[:_MOST_TEXT].lower()):
        word = match.group()
        if word[0] >= "\u4e00":
            found.update(_place(word[at : at + 2]) for at in range(max(1, len(word) - 1)))
            before = ""
        else:
            found.add(_place(word))
            if before:
                found.add(_place(f"{before} {word}"))
            before = word
    return np.fromiter(sorted(found), dtype=np.int64, count=len(found))


def _place(word: str) -> int:
    return zlib.crc32(word.encode()) % PLACES


@dataclass(frozen=True)
class Learned:
    """What was learned of one kind of term: how telling each place is, and the weight of each term there."""

    terms: tuple[str, ...]
    telling: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def propose(self, text: str, most: int) -> list[tuple[str, float]]:
        """Returns terms with their probabilities, the likeliest first; none for a text without a known word."""
        found, values = _vector(places(text), self.telling)
        if not len(found):
            return []
        scores = _softmax(values @ self.weights[found] + self.bias)
        order = np.argsort(-scores, kind="stable")[:most]
        return [(self.terms[at], float(scores[at])) for at in order]

    def dump(self) -> bytes:
        """Returns it as bytes: half precision, only the places that were seen, compressed."""
        seen = np.flatnonzero(self.telling)
        head = orjson.dumps({"terms": self.terms, "seen": len(seen)})
        parts = (
            seen.astype("<u4"), self.telling[seen].astype("<f4"), self.bias.astype("<f4"), self.weights[seen].astype("<f2"),
        )  # fmt: skip
        return zlib.compress(len(head).to_bytes(4, "little") + head + b"".join(part.tobytes() for part in parts), 6)

    @classmethod
    def load(cls, data: bytes) -> Learned:
        """Reads what `dump` wrote."""
        raw = zlib.decompress(data)
        size = int.from_bytes(raw[:4], "little")
        head = orjson.loads(raw[4 : 4 + size])
        terms, count, at = tuple(head["terms"]), head["seen"], 4 + size
        read = []
        for kind, length in (("<u4", count), ("<f4", count), ("<f4", len(terms)), ("<f2", count * len(terms))):
            part = np.frombuffer(raw, dtype=kind, count=length, offset=at)
            at += part.nbytes
            read.append(part)
        seen = read[0].astype(np.int64)
        telling = np.zeros(PLACES, dtype=np.float32)
        weights = np.zeros((PLACES, len(terms)), dtype=np.float32)
        telling[seen] = read[1]
        weights[seen] = read[3].reshape(count, len(terms))
        return cls(terms, telling, weights, read[2].astype(np.float32))


@dataclass(frozen=True, slots=True)
class Measure:
    """How good proposals are on cases that were kept out: how many were learned from, kept out, right at first and among three."""

    learned: int
    terms: int
    held_back: int
    first: int
    first_three: int


def learn(examples: Sequence[Example]) -> Learned | None:
    """Learns from examples; None where they are too few, or tell only one term. Terms with too few examples are left out."""
    counts = Counter(term for _, term in examples)
    terms = tuple(sorted(term for term, count in counts.most_common(MOST_TERMS) if count >= FEWEST_OF_TERM and term))
    number = {term: at for at, term in enumerate(terms)}
    used = [(places(text), number[term]) for text, term in examples if term in number]
    if len(used) < FEWEST or len(terms) < 2:
        return None
    telling = _telling([found for found, _ in used])
    rows = [(*_vector(found, telling), term) for found, term in used]
    weights = np.zeros((PLACES, len(terms)), dtype=np.float32)
    bias = np.zeros(len(terms), dtype=np.float32)
    order = np.random.default_rng(7)
    for turn in range(_ROUNDS):
        step = np.float32(_STEP / (1 + turn))
        for at in order.permutation(len(rows)):
            found, values, term = rows[at]
            wrong = _softmax(values @ weights[found] + bias)
            wrong[term] -= 1
            weights[found] -= step * values[:, None] * wrong
            bias -= np.float32(0.05) * step * wrong
    return Learned(terms, telling, weights, bias)


def measure(examples: Sequence[Example], every: int = 5) -> Measure | None:
    """Learns from all but each fifth example, drawn in a fixed random order, and asks about those. None where they are too few.

    A term that only the kept-out cases tell counts as not found: nobody could have known it.
    """
    mixed = [example for example in examples if example[1]]
    random.Random(11).shuffle(mixed)  # noqa: S311 - the same at every time
    asked, rest = mixed[::every], [example for at, example in enumerate(mixed) if at % every]
    learned = learn(rest)
    if learned is None:
        return None
    first = three = 0
    for text, term in asked:
        proposed = [name for name, _ in learned.propose(text, 3)]
        first += proposed[:1] == [term]
        three += term in proposed
    return Measure(len(rest), len(learned.terms), len(asked), first, three)


def _telling(rows: Sequence[np.ndarray]) -> np.ndarray:
    """How telling a place is: the logarithm of how rare it is; 0 for what hardly anybody wrote."""
    seen = np.zeros(PLACES, dtype=np.int64)
    for found in rows:
        seen[found] += 1
    telling = np.zeros(PLACES, dtype=np.float32)
    known = seen >= _LEAST_SEEN
    telling[known] = np.log(len(rows) / seen[known]).astype(np.float32)
    return telling


def _vector(found: np.ndarray, telling: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = telling[found]
    kept = values > 0
    found, values = found[kept], values[kept]
    return found, values / np.float32(math.sqrt(float(values @ values)) or 1.0)


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum())
