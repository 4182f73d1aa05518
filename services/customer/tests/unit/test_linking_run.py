"""The linker whole: a made-up set with a known truth, rows that mean harm, a run that is killed and goes on."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections import Counter

import polars as pl
import pytest
from marque_customer.linking import score
from marque_customer.linking.columns import columns_of
from marque_customer.linking.run import Run
from servicekit.testing import lookalikes

COUNT, SEED = 1_500, 20_261
ROLES = {"n": "full", "b": "birth", "p": "phone", "e": "email", "a": "address", "x": "other"}


def pairs_in(labels):
    return sum(count * (count - 1) // 2 for count in Counter(labels).values())


@pytest.fixture(scope="module")
def made_up():
    return list(lookalikes.rows(COUNT, SEED))


def dies_at_the_second_slice(linker, database, number):
    if number == 1:
        raise KeyboardInterrupt
    score.score.__wrapped__(linker, database, number)


@pytest.fixture(scope="module")
def linked(made_up, tmp_path_factory):
    """The made-up rows linked once, by a run that was killed between two slices; and the truth by key."""
    columns, folder = columns_of("key", **lookalikes.COLUMNS), tmp_path_factory.mktemp("linking")
    scoring, dying = score.score, functools.wraps(score.score)(dies_at_the_second_slice)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(score, "SLICE", 4_000)
        patched.setattr(score, "score", dying)
        broken = Run(folder, columns)
        with broken, pytest.raises(KeyboardInterrupt):
            broken.link(lambda: [made_up])
        patched.setattr(score, "score", scoring)
        with Run(folder, columns) as run:
            run.link(lambda: pytest.fail("the rows were read already"))
            yield run, {row["key"]: row["entity"] for row in made_up}


def person(n):
    """A name that few others have."""
    return f"{chr(97 + n % 26) * 4} {chr(97 + n // 26 % 26) * 5}x{chr(97 + n // 700) * 3}"


def link(rows, folder, **roles):
    with Run(folder, columns_of("k", **(roles or ROLES))) as run:
        return run.link(lambda: [rows]), list(run.pairs()), run.clusters()


class TestQuality:
    def test_clusters_reach_the_floor(self, linked):
        run, truth = linked
        places = {key: run.clusters().get(key, key) for key in truth}
        right, found = pairs_in((places[key], truth[key]) for key in truth), pairs_in(places.values())

        assert right / found >= 0.93, "precision"
        assert right / pairs_in(truth.values()) >= 0.93, "recall"

    def test_merges_without_asking_are_right_and_many(self, linked):
        run, truth = linked
        merged = list(run.pairs(merge=True))
        right = sum(truth[pair.left] == truth[pair.right] for pair in merged)

        assert right / len(merged) >= 0.995
        assert right / pairs_in(truth.values()) >= 0.5

    def test_every_pair_has_reasons_whose_codes_are_told_once(self, linked):
        for pair in linked[0].pairs():
            codes = [reason["code"] for reason in pair.reasons]

            assert codes
            assert len(codes) == len(set(codes))
            assert 0 <= pair.score <= 1

    def test_pairs_come_likeliest_first_and_merges_are_together(self, linked):
        pairs = list(linked[0].pairs())

        assert [pair.weight for pair in pairs] == sorted((pair.weight for pair in pairs), reverse=True)
        assert all(pair.together for pair in pairs if pair.merge)


class TestHostileRows:
    @pytest.mark.parametrize("count", [0, 1, 2, 300])
    def test_empty_rows_are_nobody(self, count, tmp_path):
        rows = [{"k": str(number), **dict.fromkeys(ROLES)} for number in range(count)]

        assert link(rows, tmp_path) == (count, [], {})

    def test_rows_that_are_all_equal_end_soon_and_merge_nobody(self, tmp_path):
        same = {"n": "王伟", "b": "1980-01-01", "p": "13812345678", "e": "a@b.org", "a": "1 Oak", "x": "y"}
        rows = [{"k": str(number), **same} for number in range(800)]
        count, pairs, _ = link(rows, tmp_path)

        assert (count, [pair for pair in pairs if pair.merge]) == (800, [])

    def test_giant_block_does_not_hide_the_doubles_in_it(self, tmp_path):
        rows = [
            {"k": str(n), "n": person(n), "b": "1900-01-01", "p": f"1380000{n:04d}", "x": "\x00;DROP"}
            for n in range(1_000)
        ]
        for n in range(0, 80, 2):
            rows[n + 1] |= {"n": rows[n]["n"], "p": rows[n]["p"], "a": "x" * 10_000}
        _, _, clusters = link(rows, tmp_path)

        assert sum(clusters.get(str(n)) == clusters.get(str(n + 1)) is not None for n in range(0, 80, 2)) == 40


class TestKilled:
    def test_killed_run_went_on_and_looked_at_every_candidate_once(self, linked):
        run, _ = linked
        stages = run.seconds()
        twice = run.database.execute(
            "SELECT count(*) FROM (SELECT left_rid FROM scored GROUP BY left_rid, right_rid HAVING count(*) > 1)"
        )

        assert {"score 0", "score 1", "score 2"} <= set(stages)
        assert twice.fetchall() == [(0,)]


class TestCommand:
    def test_file_is_linked_by_a_process_of_its_own(self, tmp_path):
        rows = [{"id": str(n), "who": person(n), "tel": f"1390000{n:04d}"} for n in range(200)]
        rows[7] |= {"who": rows[3]["who"], "tel": rows[3]["tel"]}
        pl.DataFrame(rows).write_csv(tmp_path / "rows.csv")
        argv = [sys.executable, "-m", "marque_customer.linking", str(tmp_path / "rows.csv"), "--key", "id"]
        argv += ["--role", "who=full", "--role", "tel=phone"]
        done = subprocess.run(
            [*argv, "--folder", str(tmp_path / "run"), "--language", "zh-CN"],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout.splitlines()[-1])["rows"] == 200
        pairs = [json.loads(line) for line in (tmp_path / "run" / "pairs.jsonl").read_text().splitlines()]
        assert ["3", "7"] in [[pair["left"], pair["right"]] for pair in pairs]
        assert "姓氏" in "".join(pairs[0]["texts"])

    def test_mapping_that_does_not_fit_is_refused_with_its_column(self, tmp_path):
        (tmp_path / "rows.csv").write_text("id,who\n1,x\n")
        argv = [
            sys.executable,
            "-m",
            "marque_customer.linking",
            str(tmp_path / "rows.csv"),
            "--key",
            "id",
            "--folder",
            str(tmp_path),
        ]
        done = subprocess.run([*argv, "--role", "whom=full"], capture_output=True, text=True, check=False)

        assert done.returncode == 2
        assert "no such column: whom" in done.stderr
