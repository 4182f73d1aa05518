"""Between rows and messages of contacts at dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from marque.network.v1 import dealer_contact_pb2 as pb
from marque.network.v1 import dealer_contact_service_pb2 as service_pb
from marque.type.v1 import person_name_pb2
from servicekit.masking import show
from servicekit.paging import Page, moment, page_key
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_network.mapping.parts import Faults, stamp, text_of, uuid_of
from marque_network.mapping.patches import patched
from marque_network.mapping.staff import person_values
from marque_network.models import Change, DealerContact

_NAME = ("family_name", "given_name", "full_name", "latin_name")
_COLUMNS = {"name": _NAME, "primary": ("is_primary",)}


def contact_values(message: pb.DealerContact) -> dict[str, Any]:
    """Returns the columns of a contact. Raises InvalidArgument for what the contract's rules cannot see."""
    faults = Faults()
    person = person_values(*(getattr(message.name, part) for part in _NAME))
    if not person["full_name"]:
        faults.add("contact.name", "FIELD_REQUIRED", "A value is needed here.")
    faults.check()
    return {
        **person,
        "dealer_id": uuid.UUID(message.dealer_id),
        "position": message.position,
        "topics": list(message.topics),
        "phone": message.phone,
        "email": message.email,
        "staff_id": uuid_of(message.staff_id),
        "is_primary": message.primary and not message.former,
        "former": message.former,
    }


def contact_patch(request: service_pb.UpdateDealerContactRequest) -> Callable[[DealerContact], Change]:
    """Returns what an update request does to the contact that it finds."""

    def change(row: DealerContact) -> Change:
        merged, fields = patched(contact_message(row), request.contact, request.update_mask, prefix="contact")
        if {"name.family_name", "name.given_name"} & set(request.update_mask.paths):
            merged.name.ClearField("full_name")  # its parts were changed, so the whole is composed anew
        values = contact_values(merged) if fields else {}
        columns = {column for field in fields for column in _COLUMNS.get(field, (field,))}
        return Change({name: value for name, value in values.items() if name in columns}, fields)

    return change


def contact_message(row: Any) -> pb.DealerContact:
    """Returns the whole message of a contact; who may see what is judged by `contact_for`."""
    message = pb.DealerContact(
        contact_id=str(row.contact_id),
        dealer_id=str(row.dealer_id),
        name=person_name_pb2.PersonName(**{part: getattr(row, part) for part in _NAME}),
        position=row.position,
        topics=row.topics,
        phone=row.phone,
        email=row.email,
        staff_id=text_of(row.staff_id),
        primary=row.is_primary,
        former=row.former,
    )
    found: pb.DealerContact = stamp(message, row)
    return found


def contact_for(call: Call) -> Callable[[Any], pb.DealerContact]:
    """Returns the rendering of a contact for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> pb.DealerContact:
        message = contact_message(row)
        found: pb.DealerContact = show(call, message, "dealer_contact", message.contact_id, visible)
        return found

    return render


def contact_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the sort values after which a page starts."""
    return page_key(page, moment, uuid.UUID)


def contact_page(rows: Sequence[Any], page: Page, call: Call) -> service_pb.ListDealerContactsResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (row.create_time, str(row.contact_id)))
    render = contact_for(call)
    return service_pb.ListDealerContactsResponse(contacts=[render(row) for row in shown], next_page_token=token)
