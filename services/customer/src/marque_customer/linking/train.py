"""Learns what each agreement and disagreement is worth in this table: u from random pairs, m by expectation maximisation."""

from __future__ import annotations

import logging
from typing import Any

import duckdb
from splink import DuckDBAPI, Linker, block_on
from splink.internals.exceptions import SplinkException

from marque_customer.linking.compare import Feature
from marque_customer.linking.profile import Profile

SEED = 20261122
RANDOM_PAIRS = 8e5
LEAST_SEEN = 30  # random pairs of each level are enough
TRAINING_PAIRS = 1e6
ROUNDS = 40
LEAST_U = 1e-7
# What pairs are blocked on to learn the rest; each feature is left out of one of them at least. Equal in what is blocked on, about half are
# one person, which is what expectation maximisation needs to tell the two apart.
RULES = (
    ("birth",),
    ("family", "given"),
    ("phone",),
    ("org_key",),
    ("email",),
    ("identity",),
    ("address_key",),
    ("postcode", "given"),
)
ENOUGH_RULES = 4  # in this order; more of them change little and take their time


def model(database: duckdb.DuckDBPyConnection, profile: Profile, features: list[Feature]) -> dict[str, Any]:
    """Returns the trained model as splink writes it: every level has its m and u."""
    settings: dict[str, Any] = {
        "link_type": "dedupe_only",
        "unique_id_column_name": "rid",
        "comparisons": [feature.settings() for feature in features],
        "blocking_rules_to_generate_predictions": ["l.rid = r.rid"],  # never used: the candidates are handed over
        "probability_two_random_records_match": min(1 / max(profile.rows, 1), 0.3),
        "max_iterations": ROUNDS,
    }
    linker = _linker(database, settings)
    linker.training.estimate_u_using_random_sampling(RANDOM_PAIRS, SEED, min_count_per_level=LEAST_SEEN, num_chunks=4)
    written: dict[str, Any] = linker.misc.save_model_to_json()
    for rule in [rule for rule in RULES if all(name in profile.filled for name in rule)][:ENOUGH_RULES]:
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(
                block_on(*rule),
                estimate_without_term_frequencies=True,
                max_pairs=TRAINING_PAIRS,
                record_sample_proportion=min(1.0, 20_000 / max(profile.rows, 1)),
            )
            written = linker.misc.save_model_to_json()
        except (SplinkException, ZeroDivisionError):
            # A rule that brings no pair together teaches nothing, another one may; what broke off leaves the linker without what it
            # was blocked on, so that it is made anew as it was before.
            linker = _linker(database, written)
    return completed(written, features)


def _linker(database: duckdb.DuckDBPyConnection, settings: dict[str, Any]) -> Linker:
    """Makes a linker over `people`. What it logs of levels without weights is settled by `completed`."""
    return Linker(DuckDBAPI(connection=database).register("people"), settings, log_level=logging.CRITICAL)


def completed(model: dict[str, Any], features: list[Feature]) -> dict[str, Any]:
    """Returns the model with a weight for every level: where a level was never seen, or never among matches, it tells nothing (m = u) if it
    is some likeness, and speaks against as the prior odds of a slip do if it is none.
    """
    for comparison, feature in zip(model["comparisons"], features, strict=True):
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        best = next((index for index, level in enumerate(feature.levels) if level.firm), 0)
        for index, level in enumerate(levels):
            u, m = level.get("u_probability"), level.get("m_probability")
            u = max(u, LEAST_U) if isinstance(u, float) else LEAST_U
            if not isinstance(m, float) or m <= 0:
                m = _usual(index, best, len(feature.levels), u)
            level["u_probability"], level["m_probability"] = u, max(m, LEAST_M)
    model["retain_intermediate_calculation_columns"] = model["retain_matching_columns"] = True
    return model


LEAST_M = 1e-4  # nothing is impossible: no single feature may rule a pair out for ever


def _usual(index: int, best: int, likenesses: int, u: float) -> float:
    if index == likenesses:
        return USUAL_DIFFERENT
    return max(USUAL_SAME, u) if index == best else u


USUAL_SAME, USUAL_DIFFERENT = 0.8, 0.05  # of a feature that taught nothing here: how often a match agrees, and differs
