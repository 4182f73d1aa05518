"""Rows of text → the comparable features of each record, as a DuckDB table `people`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from marque_customer.linking import people, words
from marque_customer.linking.columns import Columns, Role

BATCH = 20_000
MAX_VALUES = 6  # phones, e-mail addresses, numbers of one record
_LIST = pa.list_(pa.string())
_FIXED = {
    "rid": pa.int64(), "id": pa.string(),
    "family": pa.string(), "given": pa.string(), "name_key": pa.string(), "words": _LIST, "forms": _LIST, "further": _LIST,
    "further_heads": _LIST, "written": pa.string(),
    "org_key": pa.string(), "org_words": _LIST, "org_short": pa.string(),
    "birth": pa.string(), "phone": pa.string(), "phones": _LIST, "email": pa.string(), "emails": _LIST,
    "identity": pa.string(), "identities": _LIST,
    "address_key": pa.string(), "address_words": _LIST, "address_numbers": _LIST,
    "street_kinds": _LIST,
    "postcode": pa.string(), "place": pa.string(),
}  # fmt: skip
_DATE = re.compile(r"^(\d{4})\D?(\d{2})\D?(\d{2})(?:\D.*)?$")
_LONG_DATE = re.compile(r"^(\d{4})\D+(\d{1,2})\D+(\d{1,2})\D*$")
_DAY_FIRST = re.compile(r"^(\d{1,2})\D(\d{1,2})\D(\d{4})$")


def schema(columns: Columns) -> pa.Schema:
    """Returns the table's shape: the fixed features, then a value and its words for each other column."""
    others = columns.of(Role.OTHER)
    extra = {f"other_{index}": pa.string() for index in range(len(others))}
    lists = {f"other_{index}_words": _LIST for index in range(len(others))}
    return pa.schema(list({**_FIXED, **extra, **lists}.items()))


def fill(database: duckdb.DuckDBPyConnection, rows: Iterable[Sequence[Mapping[str, Any]]], columns: Columns) -> int:
    """Makes the table `people` from batches of rows and returns their number."""
    shape, number = schema(columns), 0
    empty = shape.empty_table()
    database.register("arriving", empty)
    database.execute("CREATE OR REPLACE TABLE people AS SELECT * FROM arriving")
    for batch in rows:
        features = [record(row, columns, number + offset) for offset, row in enumerate(batch)]
        number += len(features)
        database.register("arriving", pa.Table.from_pylist(features, schema=shape))
        database.execute("INSERT INTO people SELECT * FROM arriving")
    database.unregister("arriving")
    return number


def record(row: Mapping[str, Any], columns: Columns, rid: int) -> dict[str, Any]:
    """Returns the features of one row; what is not known is None, so that no comparison takes it for agreement."""

    def text(role: Role) -> str:
        return " ".join(filter(None, (words.clean(row.get(column)) for column in columns.of(role))))

    def each(role: Role) -> list[str]:
        return [str(row[column]) for column in columns.of(role) if row.get(column)]

    name = people.name(text(Role.FAMILY), text(Role.GIVEN), text(Role.FULL))
    firm = words.organisation(text(Role.ORGANISATION))
    address_words, address_numbers = words.address(text(Role.ADDRESS))
    phones = numbers(each(Role.PHONE), phone)
    emails = numbers(each(Role.EMAIL), email)
    identities = numbers(each(Role.IDENTITY), identity)
    found: dict[str, Any] = {
        "rid": rid, "id": str(row[columns.key]),
        "family": name.family, "given": name.given, "name_key": name.key, "words": name.words, "forms": name.forms,
        "further": name.further,
        "further_heads": _heads(name.further),
        "written": name.written,
        "org_key": " ".join(firm), "org_words": firm, "org_short": "".join(word[0] for word in firm) if len(firm) > 1 else "",
        "birth": birth(text(Role.BIRTH)), "phone": phones[0] if phones else None, "phones": phones,
        "email": emails[0] if emails else None,
        "emails": emails, "identity": identities[0] if identities else None, "identities": identities,
        "address_key": " ".join((*address_numbers, *address_words)), "address_words": address_words,
        "address_numbers": address_numbers, "street_kinds": words.street_kinds(text(Role.ADDRESS)),
        "postcode": re.sub(r"[^0-9a-z]", "", text(Role.POSTCODE)), "place": text(Role.PLACE),
    }  # fmt: skip
    for index, column in enumerate(columns.of(Role.OTHER)):
        value = words.clean(row.get(column))
        found[f"other_{index}"], found[f"other_{index}_words"] = value, words.plain(value)
    return {key: value if value or key == "rid" else None for key, value in found.items()}


def _heads(further: Sequence[str]) -> list[str]:
    """The beginnings by which further names are alike: of three letters, or of one where one of them is but an initial."""
    initials = any(len(word) == 1 for word in further)
    return sorted({word[:3] for word in further} | {word[0] for word in further if initials})


def numbers(values: Sequence[str], read: Any) -> list[str]:
    """Returns the comparable forms of several values, each once, first come first; at most MAX_VALUES."""
    return list(dict.fromkeys(filter(None, map(read, values))))[:MAX_VALUES]


@lru_cache(maxsize=65_536)
def birth(text: str) -> str:
    """Returns a date as YYYY-MM-DD where three parts can be read, possible or not (a slip of a digit must stay comparable)."""
    for shape in (_DATE, _LONG_DATE):
        if hit := shape.match(text):
            year, month, day = hit.groups()
            return f"{year}-{int(month):02d}-{int(day):02d}"
    if hit := _DAY_FIRST.match(text):
        first, second, year = hit.groups()
        day, month = (first, second) if int(second) <= 12 else (second, first)
        return f"{year}-{int(month):02d}-{int(day):02d}"
    return ""


def phone(text: str) -> str:
    """Returns the last ten digits of a number without leading zeros: with or without country code it is the same."""
    digits = "".join(char for char in words.clean(text) if char.isdigit()).lstrip("0")
    return digits[-10:] if len(digits) >= 5 and len(set(digits)) > 1 else ""


def email(text: str) -> str:
    """Returns an address in lower case without what its owner may add behind a plus sign; empty for what has no @."""
    local, at, domain = words.clean(text).replace(" ", "").rpartition("@")
    local = local.partition("+")[0]
    return f"{local}@{domain}" if at and local and domain else ""


def identity(text: str) -> str:
    """Returns letters and digits of a number of identity; empty for a filler such as 000000."""
    bare = "".join(char for char in words.clean(text) if char.isalnum())
    return bare if len(bare) >= 4 and len(set(bare)) > 1 else ""
