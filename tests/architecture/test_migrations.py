"""No migration holds up traffic or breaks the image beside it; one that has landed never changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from servicekit.testing.migrations import Migration, faults, found_in

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(ROOT.glob("services/*/src/marque_*/migrations"))
ALL = found_in(FOLDERS)
LANDED: dict[str, str] = json.loads((Path(__file__).parent / "landed_migrations.json").read_text())
FIRST = """
from alembic import op
revision = "0001"
down_revision = None
def upgrade():
    op.execute("CREATE TABLE things (thing_id uuid PRIMARY KEY, name text, size integer)")
"""
Made = Callable[..., Migration]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Makes the second migration of a service, which runs some statements, or has a body of its own."""

    def make(*statements: str, body: str = "", head: str = "") -> Migration:
        versions = tmp_path / "marque_suite" / "migrations" / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        (versions / "0001_first.py").write_text(FIRST)
        lines = body or "\n".join(f"    op.execute({statement!r})" for statement in statements)
        (versions / "0002_second.py").write_text(
            "from alembic import op\nfrom servicekit.db.migrate import backfill, build_indexes\n"
            f'revision = "0002"\ndown_revision = "0001"\n{head}\ndef upgrade():\n{lines}\n'
        )
        return found_in([versions.parent])[1]

    return make


@pytest.mark.parametrize("migration", [one for one in ALL if one.revision != "0001"], ids=lambda one: one.name)
def test_a_migration_is_safe_beside_traffic(migration: Migration) -> None:
    assert faults(migration) == []


class TestLanded:
    def test_a_landed_migration_does_what_it_did(self) -> None:
        present = {one.name: one.digest for one in ALL}
        changed = [name for name, digest in LANDED.items() if present.get(name) != digest]

        assert changed == [], "a database that ran it would never hear of the change: write a new migration"

    def test_every_services_first_migration_has_landed(self) -> None:
        missing = [one.name for one in ALL if one.revision == "0001" and one.name not in LANDED]

        assert missing == [], "add it to landed_migrations.json (python -m servicekit.testing.migrations FOLDERS)"

    def test_each_service_has_one_line_of_migrations(self) -> None:
        for folder in FOLDERS:
            mine = [one.revision for one in found_in([folder])]
            assert mine == [f"{number:04}" for number in range(1, len(mine) + 1)], folder

    def test_what_is_run_is_fingerprinted_and_not_how_it_is_written(self, made: Made) -> None:
        first = made("ALTER TABLE things ADD COLUMN  a text")
        assert made("ALTER TABLE things\n ADD COLUMN a text").digest == first.digest
        assert made("ALTER TABLE things ADD COLUMN b text").digest != first.digest


class TestLint:
    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE INDEX ix_things_name ON things (name)",
            "CREATE UNIQUE INDEX uq_things_name ON things (name)",
            "CREATE INDEX CONCURRENTLY ix_things_name ON things (name)",  # inside the migration's transaction
            "ALTER TABLE things ALTER COLUMN size TYPE bigint",
            "ALTER TABLE things ADD COLUMN place text NOT NULL",
            "ALTER TABLE things ALTER COLUMN name SET NOT NULL",
            "ALTER TABLE things ADD COLUMN key uuid DEFAULT gen_random_uuid()",
            "ALTER TABLE things ADD COLUMN number bigserial",
            "ALTER TABLE things ADD COLUMN loud text GENERATED ALWAYS AS (upper(name)) STORED",
            "ALTER TABLE things ADD CONSTRAINT ck_things_size CHECK (size > 0)",
            "ALTER TABLE things ADD CONSTRAINT fk_things_other FOREIGN KEY (thing_id) REFERENCES others",
            "ALTER TABLE things ADD CONSTRAINT uq_things_name UNIQUE (name)",
            "ALTER TABLE things RENAME COLUMN name TO title",
            "ALTER TABLE things RENAME TO objects",
            "ALTER TABLE things DROP COLUMN size",
            "DROP TABLE things",
            "DROP INDEX ix_things_name",
            "UPDATE things SET size = 0",
            "DELETE FROM things WHERE size IS NULL",
            "TRUNCATE things",
            "LOCK TABLE things",
            "VACUUM FULL things",
            "SET lock_timeout = '60s'",
            "SET LOCAL lock_timeout TO 0",
        ],
    )
    def test_what_would_hold_up_traffic_or_break_the_old_image_is_refused(self, made: Made, statement: str) -> None:
        assert faults(made(statement))

    @pytest.mark.parametrize(
        "statements",
        [
            ["ALTER TABLE things ADD COLUMN place text"],
            ["ALTER TABLE things ADD COLUMN place text NOT NULL DEFAULT ''"],
            ["ALTER TABLE things ADD CONSTRAINT ck_things_size CHECK (size > 0) NOT VALID"],
            ["ALTER TABLE things VALIDATE CONSTRAINT ck_things_size"],
            ["CREATE TABLE others (other_id uuid PRIMARY KEY, at timestamptz NOT NULL)", "CREATE INDEX ix_others_at ON others (at)"],
            ["UPDATE things SET size = 0 WHERE ctid = ANY(ARRAY(SELECT ctid FROM things WHERE size IS NULL LIMIT 1000))"],
        ],
        ids=lambda statements: statements[-1][:60],
    )  # fmt: skip
    def test_an_expansion_passes(self, made: Made, statements: list[str]) -> None:
        assert faults(made(*statements)) == []

    def test_indexes_and_fillings_by_the_kit_pass(self, made: Made) -> None:
        body = (
            '    build_indexes({"ix_things_name": "things (name)"})\n'
            '    backfill("UPDATE things SET size = 0 WHERE ctid = ANY(ARRAY('
            'SELECT ctid FROM things WHERE size IS NULL LIMIT 1000))")'
        )
        assert faults(made(body=body)) == []

    def test_taking_away_passes_where_the_migration_says_why_nobody_needs_it(self, made: Made) -> None:
        assert (
            faults(made("ALTER TABLE things DROP COLUMN size", head='contracts = "No image since 0002 reads it."'))
            == []
        )

    def test_every_service_runs_its_migrations_by_the_kit(self) -> None:
        """It sets the time limit for locks; alembic alone would wait for ever, and all traffic behind it."""
        assert [folder for folder in FOLDERS if "run_env(" not in (folder / "env.py").read_text()] == []
