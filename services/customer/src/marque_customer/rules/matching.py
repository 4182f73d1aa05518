"""How well a customer matches a search, and by which fields."""

from __future__ import annotations

from marque.customer.v1 import customer_pb2
from marque.options.v1 import options_pb2 as data
from tradekit import search
from tradekit.names import PersonName, fold, script_of

from marque_customer.rules import documents
from marque_customer.rules.kinds import EMAIL, FAX, PHONE

# The kind of data of each field that is searched; other fields are open to whoever sees the row.
CLASSES = {
    "name": data.DATA_CLASS_IDENTITY,
    "organisation_name": data.DATA_CLASS_IDENTITY,
    "contact_points": data.DATA_CLASS_CONTACT,
    "vehicles": data.DATA_CLASS_PERSON,
}


def score(query: str, text: str) -> float:
    """Returns how well a document's text (entries apart by line feeds, the name first) fits a folded query, 0 to 1.

    A whole entry counts 1, its beginning nearly as much, a part the more the less is left over; what was found by tokens alone, such as
    words in another order or a slip, counts 0.4. The name wins over other entries.
    """
    bare = query.replace(" ", "")
    best = 0.4
    for place, entry in enumerate(text.split("\n")):
        if bare not in entry and query not in entry:
            continue
        share = len(bare) / max(len(entry), 1)
        if entry in (query, bare):
            found = 1.0
        elif entry.startswith((query, bare)):
            found = 0.85 + 0.1 * share
        else:
            found = 0.5 + 0.3 * share
        best = max(best, min(1.0, found - (0.02 if place else 0.0)))
    return round(best, 4)


def matched_fields(query: search.SearchQuery, message: customer_pb2.Customer) -> list[str]:
    """Returns the fields of a customer that hold the query or one of its words; `vehicles` where it was found by a car."""
    found = [name for name, document in _documents(message) if _holds(document, query)]
    if not found and not _near(query, message):
        return ["vehicles"]
    return found or ["name"]


def _documents(message: customer_pb2.Customer) -> list[tuple[str, search.SearchDocument]]:
    name, organisation = message.name, message.organisation_name
    points = message.contact_points
    known = []
    if name.full_name:
        known.append(documents.person_name(name.family_name, name.given_name, name.full_name))
    if name.latin_name:
        known.append(documents.person_name("", "", name.latin_name))
    keys = [form for item in message.source_references for form in documents.key_forms(item.source_key)]
    contact = search.document(
        phones=[documents.phone_of(point.value) for point in points if point.kind in (PHONE, FAX)],
        emails=[documents.email_of(point.value) for point in points if point.kind == EMAIL],
    )
    return [
        ("name", search.document(names=known)),
        (
            "organisation_name",
            search.document(names=[PersonName("", "", organisation, script_of(organisation))] if organisation else []),
        ),
        ("contact_points", contact),
        ("source_references", search.SearchDocument("\n".join(keys), keys)),
    ]


def _holds(document: search.SearchDocument, query: search.SearchQuery) -> bool:
    if any(token in document.tokens for token in query.tokens):
        return True
    return any(pattern.strip("%").replace("\\", "") in document.text for pattern in query.patterns)


def _near(query: search.SearchQuery, message: customer_pb2.Customer) -> bool:
    """Tells whether a slip in a name explains the match: the query is of letters only, as no VIN or plate is."""
    return (
        query.kind is search.QueryKind.LATIN
        and fold(query.text).replace(" ", "").isalpha()
        and bool(message.name.full_name)
    )
