"""Migrations read as the SQL that they would run, and judged: none may hold up traffic, or break the image that still runs beside it.

The rules that every PostgreSQL knows are squawk's; those of this house are below it. What squawk may be told to pass over, it is told in
the migration, in a comment that says why (`-- squawk-ignore <rule>`).

A migration that takes something away says so with a module constant `contracts`, whose text tells why no image still uses it.
`python -m servicekit.testing.migrations services/*/src/*/migrations` prints the fingerprints of landed migrations.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from servicekit.db.migrate import config

# Matters of taste, and what `servicekit.db.migrate.upgrade` sees to itself (time limits, running a migration once).
_NOT_ASKED = (
    "prefer-text-field", "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity", "prefer-robust-stmts",
    "require-timeout-settings", "prefer-repack",
)  # fmt: skip
_JUDGED_HERE = ("ban-drop-column", "ban-drop-table", "ban-drop-constraint")
# What squawk cannot know, by a pattern of one statement: what is wrong with it.
_HOUSE: dict[str, str] = {
    r"SET (SESSION |LOCAL )?lock_timeout\b(?! = ('1s'|0)$)": "sets a lock timeout of its own",
    r"LOCK (TABLE )?\w+": "locks a table",
    r"TRUNCATE\b": "empties a table",
    r"(VACUUM FULL|CLUSTER)\b": "writes a table anew under a lock",
    r"UPDATE (?!.*\b(LIMIT|ctid)\b)": "updates a whole table in one statement: do it in steps (servicekit.db.migrate.backfill)",
    r"DELETE FROM (?!.*\b(LIMIT|ctid)\b)": "deletes from a whole table in one statement: do it in steps",
    r"ALTER TABLE .* DROP (COLUMN|CONSTRAINT)\b": "takes away what an image beside it may still use",
    r"DROP (TABLE|VIEW|FUNCTION|TRIGGER|TYPE)\b": "takes away what an image beside it may still use",
    r"ALTER TABLE .* ADD (COLUMN )?.*\b(gen_random_uuid|uuidv[47]|random|clock_timestamp|nextval)\s*\(": "writes every row anew",
    r"ALTER TABLE .* ADD (COLUMN )?.*\b(BIG)?SERIAL\b": "writes every row anew",
    r"ALTER TABLE .* ADD (COLUMN )?.*GENERATED ALWAYS AS .* STORED": "writes every row anew",
}
_TAKES_AWAY = re.compile(r"(ALTER TABLE .* DROP (COLUMN|CONSTRAINT)|DROP (TABLE|VIEW|FUNCTION|TRIGGER|TYPE))\b", re.I)
_CONTRACTS = re.compile(r"^contracts = ", re.MULTILINE)
_CREATES = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.I)
_ABOUT = re.compile(r"(?:UPDATE|DELETE FROM|LOCK TABLE|LOCK|TRUNCATE TABLE|TRUNCATE|ALTER TABLE(?: ONLY)?) (\w+)", re.I)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a service's schema: its SQL, in order, and its source."""

    service: str
    revision: str
    path: Path
    sql: str

    @property
    def name(self) -> str:
        """As failures and the list of landed ones name it."""
        return f"{self.service}/{self.path.name}"

    @property
    def digest(self) -> str:
        """A fingerprint of what it does, whatever its source looks like."""
        return hashlib.sha256(" ".join(self.sql.split()).encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """Its statements, each on one line."""
        return [" ".join(one.split()) for one in _split(self.sql)]


def found_in(folders: Iterable[Path]) -> list[Migration]:
    """Returns the migrations of services' `migrations` folders, each service's from the first on."""
    return [one for folder in folders for one in migrations(folder.parent.name.removeprefix("marque_"), folder)]


def migrations(service: str, folder: Path) -> list[Migration]:
    """Returns the migrations of a service's folder, the first one first."""
    script = ScriptDirectory.from_config(config(folder))
    found = [one for one in script.walk_revisions("base", "heads") if one.path]
    return [Migration(service, one.revision, Path(one.path), _sql(one.module)) for one in reversed(found)]


def _sql(module: object) -> str:
    """Returns what a migration would run, without a database."""
    out = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": out, "transactional_ddl": True}
    )
    with Operations.context(context), context.begin_transaction():
        module.upgrade()  # type: ignore[attr-defined]
    return out.getvalue()


def faults(migration: Migration) -> list[str]:
    """Returns what is dangerous in a migration; the first one of a service makes everything new and is not judged by this."""
    return [*_squawk(migration), *_house(migration)]


def _squawk(migration: Migration) -> list[str]:
    """What squawk says. Taking away is judged below, by what the migration says of itself."""
    command = [str(Path(sys.executable).parent / "squawk"), "--reporter", "json", "--pg-version", "15.0"]
    command += [f"--exclude={name}" for name in (*_NOT_ASKED, *_JUDGED_HERE)]
    told = subprocess.run(  # noqa: S603 - a linter of ours
        command, input=migration.sql, capture_output=True, text=True, timeout=60, check=False
    )
    if told.returncode not in (0, 1) or not told.stdout.strip():
        raise RuntimeError(f"squawk: {told.stderr.strip()}")
    return [
        f"{migration.name}: line {one['line'] + 1}: {one['rule_name']}: {one['message']}"
        for one in json.loads(told.stdout)
    ]


def _house(migration: Migration) -> list[str]:
    statements = migration.statements
    own = {name for one in statements for name in _CREATES.findall(one)}
    said = bool(_CONTRACTS.search(migration.path.read_text()))
    wrong = []
    for one in statements:
        about = _ABOUT.match(one)
        if about is not None and about[1] in own:
            continue  # nobody else has seen a table that this migration makes
        if said and _TAKES_AWAY.match(one):
            continue
        wrong += [
            f"{migration.name}: {why}: {one[:120]}" for pattern, why in _HOUSE.items() if re.match(pattern, one, re.I)
        ]
    return wrong


def _split(sql: str) -> list[str]:
    """Splits a script into statements; text between quotes or dollars is not looked into."""
    token = re.compile(r"(\$\w*\$).*?\1|'(?:[^']|'')*'|--[^\n]*|;", re.DOTALL)
    found, begins = [], 0
    for match in token.finditer(sql):
        if match[0] == ";":
            found.append(sql[begins : match.start()].strip())
            begins = match.end()
    found.append(sql[begins:].strip())
    return [one for one in found if one]


if __name__ == "__main__":
    listed = {one.name: one.digest for one in found_in(Path(name) for name in sys.argv[1:])}
    sys.stdout.write(json.dumps(listed, indent=2, sort_keys=True) + "\n")
