"""Scores the candidates with the learned weights, a slice at a time, and finds how rare a match is in this table."""

from __future__ import annotations

import logging
import math
from typing import Any

import duckdb
import numpy as np
from splink import DuckDBAPI, Linker

from marque_customer.linking.compare import Feature

SLICE = 1_500_000  # pairs scored at once: what bounds the memory, and what a killed run does again
_STEPS = 256  # of one bit, in which weights are counted
KEPT = -12.0  # bits; pairs below are not kept: no average would be lifted by them


def slices(database: duckdb.DuckDBPyConnection) -> int:
    """Returns the number of slices that the candidates make."""
    count = int(database.execute("SELECT count(*) FROM candidates").fetchall()[0][0])
    return math.ceil(count / SLICE)


def scorer(database: duckdb.DuckDBPyConnection, model: dict[str, Any]) -> Linker:
    """Returns a linker with a trained model."""
    return Linker(DuckDBAPI(connection=database).register("people"), model, log_level=logging.CRITICAL)


def score(linker: Linker, database: duckdb.DuckDBPyConnection, number: int) -> None:
    """Scores one slice of the candidates into the table `fresh`. A slice is cut by the rows' numbers, so that only its own part is read:
    there are as many slices as the table is large, and whatever reads all of it for each grows with the square.
    """
    database.execute(
        f"""CREATE OR REPLACE TABLE slice AS SELECT '0' AS match_key, left_rid AS join_key_l, right_rid AS join_key_r FROM candidates
        WHERE rowid >= {number * SLICE} AND rowid < {(number + 1) * SLICE}"""
    )
    linker.table_management.register_blocked_pairs_for_predict(linker._db_api.register("slice"))
    found = linker.inference.predict(threshold_match_weight=KEPT)
    database.execute(f"CREATE OR REPLACE TABLE fresh AS SELECT * FROM {found.physical_name}")
    found.drop_table_from_database_and_remove_from_cache()


def keep(database: duckdb.DuckDBPyConnection, features: list[Feature]) -> None:
    """Adds `fresh` to the table `weighed`: left_rid < right_rid, weight in bits over even odds, and of each feature its level `g_…` (-1
    unknown, 0 different) and its weight `w_…`; `t_…` is what the value's frequency added to it.
    """
    parts = []
    for feature in features:
        name, counted = feature.name, any(level.tf for level in feature.levels)
        added = f"mw_tf_adj_{name}" if counted else "0"
        parts.append(
            f"gamma_{name}::TINYINT AS g_{name}, (mw_{name} + {added})::FLOAT AS w_{name}, ({added})::FLOAT AS t_{name}"
        )
    select = f"SELECT rid_l AS left_rid, rid_r AS right_rid, match_weight AS weight, {', '.join(parts)} FROM fresh"
    database.execute(f"CREATE TABLE IF NOT EXISTS weighed AS {select} LIMIT 0")
    database.execute(f"INSERT INTO weighed {select}")


def prior(database: duckdb.DuckDBPyConnection, rows: int, assumed: float) -> float:
    """Makes the view `scored`: `weighed` with all weights shifted to how common matches are among all pairs, which is found by expectation
    maximisation; returns that share.

    The first guess is `assumed`, the share that the model was built with. Weights are counted in steps of 1/256 bit: what is learned from
    hundreds of millions of pairs then takes no more memory than from some, and no pair is written again.
    """
    found = database.execute(
        f"SELECT round(weight * {_STEPS}) / {_STEPS} AS weight, count(*) AS pairs FROM weighed GROUP BY 1 ORDER BY 1"
    ).fetchnumpy()
    counts = np.asarray(found["pairs"], dtype=float)
    evidence = np.asarray(found["weight"], dtype=float) - _bits(assumed)
    pairs = max(rows * (rows - 1) / 2, 1.0)
    share = assumed
    for _ in range(200):
        before = share
        odds = np.clip(evidence + _bits(share), -100, 100)
        likely = float((counts / (1 + np.exp2(-odds))).sum())
        share = float(np.clip(likely / pairs, 1 / pairs, 0.5)) if len(counts) else assumed
        if abs(_bits(share) - _bits(before)) < 1e-4:
            break
    shift = _bits(share) - _bits(assumed)
    database.execute(
        f"CREATE OR REPLACE VIEW scored AS SELECT * REPLACE (weight + CAST({shift!r} AS DOUBLE) AS weight) FROM weighed"
    )
    return share


def _bits(share: float) -> float:
    share = min(max(share, 1e-18), 1 - 1e-9)
    return math.log2(share / (1 - share))
