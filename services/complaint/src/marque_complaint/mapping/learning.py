"""Between the taxonomies, what was learned, reports, and their messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from google.type import date_pb2
from marque.complaint.v1 import case_count_service_pb2, case_taxonomy_service_pb2, case_term_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument

MOST_MONTHS = 120


def told_terms(messages: Iterable[case_term_pb2.CaseTerm]) -> list[tuple[dict[str, Any], str]]:
    """Returns the columns of terms with their etags."""
    return [
        (
            {
                "scheme": one.scheme,
                "code": one.code.strip(),
                "names": dict(one.names),
                "aliases": list(one.aliases),
                "product": one.product,
                "retired": one.retired,
            },
            one.etag,
        )
        for one in messages
    ]


def term_message(row: fields.Row, names: dict[str, str]) -> case_term_pb2.CaseTerm:
    """Returns a term, from a read row and its names."""
    made = case_term_pb2.CaseTerm(
        **{name: row[name] for name in ("scheme", "code", "aliases", "product", "retired")},
        names=names,
        etag=etag_of(row["version"]),
    )
    for name in ("create_time", "update_time"):
        fields.set_moment(made, name, row[name])
    return made


def put_answer(terms: Sequence[Any]) -> case_taxonomy_service_pb2.PutCaseTermsResponse:
    """Returns the terms that were written."""
    made = [term_message(fields.row_of(term), term.names) for term in terms]
    return case_taxonomy_service_pb2.PutCaseTermsResponse(terms=made)


def suggester_message(row: fields.Row, measures: Sequence[dict[str, Any]]) -> case_taxonomy_service_pb2.CaseSuggester:
    """Returns a version of what was learned."""
    made = case_taxonomy_service_pb2.CaseSuggester(
        version=row["version"],
        too_few=row["too_few"],
        measures=[case_taxonomy_service_pb2.CaseSuggesterMeasure(**one) for one in measures],
    )
    for name in ("create_time", "train_time"):
        fields.set_moment(made, name, row[name])
    return made


def asked_suggester(made: Any) -> case_taxonomy_service_pb2.CaseSuggester:
    """Returns the version that was asked for."""
    return suggester_message(fields.row_of(made), made.measures)


def suggestions(
    version: int, categories: Sequence[tuple[str, float]], components: Sequence[tuple[str, float]]
) -> case_taxonomy_service_pb2.SuggestCaseTermsResponse:
    """Returns what is proposed."""
    made = case_taxonomy_service_pb2.SuggestCaseTermsResponse(suggester_version=version)
    for found, place in ((categories, made.categories), (components, made.components)):
        for term, score in found:
            place.add(term=term, score=score)
    return made


def months(
    request: case_count_service_pb2.CountCasesRequest | case_count_service_pb2.CompareChurnRequest,
) -> tuple[date, date]:
    """Returns the first days of the first and the last month. Raises InvalidArgument."""
    first, last = (fields.as_day(request, name, name) for name in ("month_from", "month_to"))
    assert first is not None  # the contract's rules ask for both
    assert last is not None
    first, last = first.replace(day=1), last.replace(day=1)
    if last < first:
        raise InvalidArgument.of("month_to", "RANGE_REVERSED", "The last month is before the first.")
    if (last.year - first.year) * 12 + last.month - first.month >= MOST_MONTHS:
        raise InvalidArgument.of("month_to", "RANGE_TOO_LONG", f"Ask for at most {MOST_MONTHS} months.")
    return first, last


def count_filters(request: case_count_service_pb2.CountCasesRequest) -> dict[str, Any]:
    """Returns what a report is narrowed by."""
    plain = ("kind", "region_code", "make", "model", "model_year", "system", "given_only")
    return {"dealer_id": fields.uuid_or_none(request.dealer_id), **{name: getattr(request, name) for name in plain}}


def churn_message(row: fields.Row) -> case_count_service_pb2.ChurnLine:
    """Returns a group of people."""
    values = dict(row.items())
    return case_count_service_pb2.ChurnLine(**values, lost_share=row["lost_count"] / row["customer_count"])


def count_message(row: Mapping[str, Any]) -> case_count_service_pb2.CaseCount:
    """Returns a line of a report."""
    values = dict(row)
    if (month := values.pop("month", None)) is not None:
        values["month"] = date_pb2.Date(year=month.year, month=month.month, day=1)
    if "dealer_id" in values:
        values["dealer_id"] = fields.text(values["dealer_id"])
    return case_count_service_pb2.CaseCount(**values)
