"""Search, whose contact points are, and the export of all customers: reads of many rows in few statements."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from marque.customer.v1 import customer_look_up_pb2, customer_pb2, customer_service_pb2
from servicekit.db.engine import Reader
from servicekit.errors import InvalidArgument
from servicekit.paging import Page, moment, page_key
from servicekit.paging import page_of as token_page
from servicekit.rpc.call import Call
from tradekit import search as trade

from marque_customer.mapping import customers as mapping
from marque_customer.mapping.times import moment as moment_of
from marque_customer.repository import reads
from marque_customer.repository import search as repository
from marque_customer.repository.sight import Sight, sight_of
from marque_customer.rules import contacts, matching
from marque_customer.rules.kinds import EMAIL, LISTED, PHONE
from marque_customer.usecases.look_up import HOME_REGION

DEFAULT_RESULTS = 20
EXPORT_PART = 500
MOST_MATCHES = 10
_BEGINNING = (datetime(1970, 1, 1, tzinfo=UTC), uuid.UUID(int=0))


async def search(*, reader: Reader, call: Call, request: Any) -> customer_service_pb2.SearchCustomersResponse:
    """Returns the best of a bounded set of candidates, best first. Raises InvalidArgument for a query of separators only."""
    query = trade.query(request.query)
    if query.is_empty:
        raise InvalidArgument.of("query", "QUERY_EMPTY", "Give a name, a number or a key of two characters at least.")
    sight, size = sight_of(call.principal), request.page_size or DEFAULT_RESULTS
    most = repository.most(query, size)
    found = await repository.named(reader, sight, query, request.kind, most)
    if len(found) <= most:
        known = {row["customer_id"] for row in found}
        others = await repository.candidates(reader, sight, query, request.kind, most)
        found = [*found, *(row for row in others if row["customer_id"] not in known)]
    if not found:
        found = await repository.near(reader, sight, query, request.kind, most)
    scored = ((matching.score(query.text, row["search_text"]), row["customer_id"], row["card"]) for row in found)
    ranked = sorted(scored, key=lambda one: (-one[0], one[1]))
    answer = customer_service_pb2.SearchCustomersResponse(truncated=len(found) > most or len(ranked) > size)
    hidden = {name for name, kind in matching.CLASSES.items() if not call.principal.sees(kind)}
    for score, _, card in ranked[:size]:
        matched = matching.matched_fields(query, customer_pb2.Customer.FromString(card))
        if set(matched) <= hidden and matched:
            continue  # what a caller may not read is not searched
        answer.results.add(
            customer=mapping.shown(call, card),
            score=score,
            matched_fields=[name for name in matched if name not in hidden],
        )
    return answer


async def match(
    *, reader: Reader, sight: Sight, phones: Sequence[str], emails: Sequence[str]
) -> customer_look_up_pb2.MatchContactPointsResponse:
    """Returns whose phone numbers and e-mail addresses are, of those in sight, in the order asked; one statement whatever their number."""
    answer = customer_look_up_pb2.MatchContactPointsResponse()
    told: list[Any] = []
    keys: list[tuple[int, str]] = []
    for kind, texts, answers in ((PHONE, phones, answer.phones), (EMAIL, emails, answer.emails)):
        for text in texts:
            one = answers.add()
            try:
                keys.append((kind, contacts.normalise(kind, text, region=HOME_REGION).match_key))
                told.append(one)
            except contacts.ContactError:
                one.malformed = True
    for place, people in (await reads.match(reader, sight, keys)).items():
        told[place].customer_ids.extend(str(one) for one in people[:MOST_MATCHES])
    return answer


async def export(*, reader: Reader, request: Any) -> AsyncIterator[customer_service_pb2.ExportCustomersResponse]:
    """Yields all customers in the order of their last change, to services: as they are, unmasked. Raises InvalidArgument."""
    page = _cursor(request)
    after = page_key(page, moment, uuid.UUID) or _first(request)
    while True:
        rows = await reads.export(reader, after, list(LISTED), EXPORT_PART)
        if not rows:
            return
        after = (rows[-1]["update_time"], rows[-1]["customer_id"])
        yield customer_service_pb2.ExportCustomersResponse(
            customers=[customer_pb2.Customer.FromString(row["card"]) for row in rows],
            cursor=page.token((after[0], str(after[1]))),
        )


def _cursor(request: Any) -> Page:
    """Reads a cursor as a page token: it belongs to the question without it."""
    question = customer_service_pb2.ListCustomersRequest(page_token=request.cursor)
    if request.HasField("updated_after_time"):
        question.tag = request.updated_after_time.ToJsonString()
    return token_page(question)


def _first(request: Any) -> tuple[datetime, uuid.UUID]:
    if not request.HasField("updated_after_time"):
        return _BEGINNING
    return moment_of(request.updated_after_time, "updated_after_time"), uuid.UUID(int=(1 << 128) - 1)
