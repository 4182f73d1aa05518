"""Mapping files: YAML that says which column is which field. `docs` of the format: the package's README.

Nothing is dropped in silence: a column that is neither read nor listed under `ignore` is an error, and so is a mapping that names a
column that the file does not have or a field that the contract does not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from marquectl.contract import KINDS, Kind, message_of
from marquectl.errors import UsageError
from marquectl.mapping.plan import KindPlan, Plan, Target
from marquectl.mapping.template import Template, parse
from marquectl.mapping.values import date_pattern

_TOP = {"source", "encoding", "delimiter", "header", "ignore", "nulls", "tables", "kinds"}
_SECTIONS = {"columns", "constants", "dates", "values", "compose", "once"}
_MAPPINGS = Path(__file__).resolve().parent.parent / "mappings"
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


def load_plan(kind: str, path: Path | None, columns: Sequence[str] | None, *, source: str = "") -> Plan:
    """Reads a mapping file, or without one takes columns by the names of fields. Raises UsageError that names the fault.

    `columns` are those of the file; None where each row names its own (JSON lines).
    """
    document = _read(path) if path is not None else {}
    try:
        plan = _plan(kind, document, columns, source)
    except ValueError as error:
        place = path.name if path is not None else "the file"
        raise UsageError(f"{place}: {error}") from None
    return plan


def _read(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({type(error).__name__})") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path.name} is no YAML: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path.name} must be a YAML mapping")
    return found


def _plan(kind: str, document: dict[str, Any], columns: Sequence[str] | None, source: str) -> Plan:
    _no_others(document, _TOP | _SECTIONS, "the mapping file")
    tables = {str(name): _texts(table, f"tables.{name}") for name, table in _mapping(document, "tables").items()}
    sections = _mapping(document, "kinds") or {kind: {name: document[name] for name in _SECTIONS if name in document}}
    if document.get("kinds") and (stray := sorted(_SECTIONS & set(document))):
        raise ValueError(f"with `kinds`, {', '.join(stray)} must stand under a kind")
    if kind not in sections:
        raise ValueError(f"it has nothing for {kind}, only for {', '.join(map(str, sections))}")
    # What others refer to goes first, whatever the order of the file.
    sections = {name: sections[name] for name in sorted(sections, key=lambda name: [*KINDS, name].index(name))}
    nulls = frozenset(str(text) for text in document.get("nulls") or ())
    plans = []
    for name, section in sections.items():
        if name not in KINDS:
            raise ValueError(f"there is no kind {name!r} (known: {', '.join(KINDS)})")
        automatic = columns if len(sections) == 1 else ()
        plans.append(_kind_plan(KINDS[name], section or {}, automatic, tables, nulls))
    used = {column for plan in plans for _, template in plan.templates for column in template.columns}
    used |= {column for plan in plans for column in plan.whole}
    ignored = {str(name).strip() for name in document.get("ignore") or ()}
    header = tuple(str(name).strip() for name in document.get("header") or ())
    if columns is not None:
        ignored -= set(header) - set(columns)  # a layout's later columns, which older files do not have
    plan = Plan(
        source=source or str(document.get("source") or ""),
        kinds=plans,
        encoding=str(document.get("encoding") or ""),
        delimiter=str(document.get("delimiter") or ""),
        known_columns=frozenset(used | ignored),
        header=header,
    )
    _same_columns(plan, used | ignored, columns)
    return plan


def _same_columns(plan: Plan, named: set[str], columns: Sequence[str] | None) -> None:
    if columns is None:
        return
    if unknown := plan.unknown_columns(columns):
        raise ValueError(f"these columns are neither mapped nor under `ignore`: {', '.join(unknown)}")
    if missing := sorted(named - set(columns)):
        raise ValueError(f"the file has no column {', '.join(missing)}")


def _kind_plan(
    kind: Kind,
    section: dict[str, Any],
    columns: Sequence[str] | None,
    tables: Mapping[str, Mapping[str, str]],
    nulls: frozenset[str],
) -> KindPlan:
    _no_others(section, _SECTIONS, kind.name)
    templates: dict[str, tuple[Target, Template]] = {}
    whole: dict[str, Target] = {}

    def put(field: str, template: Template) -> None:
        target = target_of(kind, field)
        if target is None:
            raise ValueError(f"{kind.name} has no field {field!r}")
        if target.name in templates:
            raise ValueError(f"{kind.name}: the field {field} is given twice")
        templates[target.name] = (target, template)

    mapped = _texts(section.get("columns"), f"{kind.name}.columns")
    for column, field in mapped.items():
        put(field, Template(((column, ()),)))
    for field, text in _texts(section.get("constants"), f"{kind.name}.constants").items():
        put(field, _constant(text))
    for field, text in _texts(section.get("compose"), f"{kind.name}.compose").items():
        put(field, parse(text, tables))
    read = {column for _, template in templates.values() for column in template.columns}
    for column in columns if columns is not None else _field_names(kind):
        target = target_of(kind, column)
        if target is None or column in read or target.name in templates:
            continue
        if columns is None:
            whole[column] = target
        else:
            put(column, Template(((column, ()),)))
    for part in ("dates", "values"):
        for field in _mapping(section, part):
            if target_of(kind, field) is None:
                raise ValueError(f"{kind.name}.{part}: there is no field {field!r}")
    return KindPlan(
        kind=kind,
        templates=tuple(templates.values()),
        whole=whole,
        dates={field: _patterns(formats) for field, formats in _mapping(section, "dates").items()},
        values={
            field: _texts(table, f"{kind.name}.values.{field}") for field, table in _mapping(section, "values").items()
        },
        nulls=nulls,
        once=bool(section.get("once")),
    )


def target_of(kind: Kind, name: str) -> Target | None:
    """Returns the place that a name means: a field, a line's field, `names.zh-CN`, or as a column `name_zh_cn`."""
    plain = name.strip().lower().replace(" ", "_")
    row = kind.row.fields_by_name
    if plain in row and plain != "row":
        return Target(row[plain])
    if kind.lines:
        line = message_of(row[kind.lines]).fields_by_name
        bare = plain.removeprefix(f"{kind.lines}.")
        if bare in line:
            return Target(line[bare], line=True)
    for prefix, field in (("names.", "names"), ("name_", "names")):
        if field in row and plain.startswith(prefix) and _LANGUAGE.fullmatch(plain.removeprefix(prefix)):
            return Target(row[field], key=_language(plain.removeprefix(prefix)))
    return None


def _language(tag: str) -> str:
    first, *rest = tag.replace("_", "-").split("-")
    return "-".join([first, *(part.title() if len(part) == 4 else part.upper() for part in rest)])


def _field_names(kind: Kind) -> list[str]:
    lines = [field.name for field in message_of(kind.row.fields_by_name[kind.lines]).fields] if kind.lines else []
    return [field.name for field in kind.row.fields if field.name != "row"] + lines


def _constant(text: str) -> Template:
    return Template((text,))


def _patterns(formats: Any) -> list[re.Pattern[str]]:
    return [date_pattern(str(text)) for text in (formats if isinstance(formats, list) else [formats])]


def _mapping(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name) or {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} must be a mapping")
    return found


def _texts(found: Any, place: str) -> dict[str, str]:
    if not isinstance(found or {}, dict):
        raise ValueError(f"{place} must be a mapping")
    for value in (found or {}).values():
        if isinstance(value, (dict, list)) or value is None:
            raise ValueError(f"{place} must hold texts only")
    return {str(key).strip(): str(value) for key, value in (found or {}).items()}


def _no_others(found: Any, known: set[str], place: str) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{place} must be a mapping")
    if others := sorted(str(name) for name in found if name not in known):
        raise ValueError(f"{place} has unknown entries: {', '.join(others)} (known: {', '.join(sorted(known))})")


def layout_file(name: str) -> Path | None:
    """Returns the mapping file of a layout that this package knows, or the file that is named; None for no name. Raises UsageError."""
    if not name:
        return None
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    found = _MAPPINGS / f"{name}.yaml"
    if found.parent != _MAPPINGS or not found.is_file():
        known = ", ".join(sorted(path.stem for path in _MAPPINGS.glob("*-*.yaml")))
        raise UsageError(f"there is no layout {name} (known: {known}; or name a mapping file)")
    return found
