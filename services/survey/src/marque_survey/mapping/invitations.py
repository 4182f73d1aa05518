"""Between invitations, responses and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marque.survey.v1 import invitation_pb2, invitation_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.masking import mask, show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_survey.mapping import answers
from marque_survey.rules.scores import NO_SET

_PLAIN = ("questionnaire_number", "vin", "trigger", "state", "reason", "channel", "late", "alarms", "wave", "signs")
_IDS = ("invitation_id", "plan_id", "questionnaire_id", "customer_id", "dealer_id")
_MOMENTS = ("due_time", "send_time", "expire_time", "first_answer_time", "finish_time", "create_time", "update_time")


def invitation_for(call: Call, *, knows_persons: bool) -> Callable[..., invitation_pb2.Invitation]:
    """Returns the rendering of an invitation for a caller; `knows_persons` is that of the caller's scope."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any, link: str = "") -> invitation_pb2.Invitation:
        message = invitation_message(row, link)
        if row["anonymous"] and not knows_persons:
            message.ClearField("customer_id")
            message.ClearField("vin")
        shown: invitation_pb2.Invitation = show(call, message, "invitation", message.invitation_id, visible)
        return shown

    return render


def invitation_message(row: Any, link: str = "") -> invitation_pb2.Invitation:
    """Returns an invitation as it is, nothing withheld."""
    told: dict[str, Any] = {name: row[name] for name in _PLAIN}
    told |= {name: fields.text(row[name]) for name in _IDS}
    message = invitation_pb2.Invitation(**told, link=link, etag=etag_of(row["version"]))
    for name in _MOMENTS:
        fields.set_moment(message, name, row[name])
    return message


def response(
    call: Call,
    invitation: invitation_pb2.Invitation,
    given: Mapping[str, Any],
    order: Sequence[str],
    scores: Sequence[Any],
) -> invitation_service_pb2.SurveyResponse:
    """Returns a response: answers in the order of the questions."""
    made = invitation_service_pb2.SurveyResponse(invitation=invitation)
    for code in order:
        if code in given:
            made.answers.append(answers.answer_message(code, given[code]["value"], given[code]))
    for row in scores:
        weights = str(row["weight_set_id"])
        made.scores.add(measure=row["measure"], weight_set_id="" if weights == NO_SET else weights, value=row["value"])
    mask(made, visible_classes(call.principal.roles))
    return made


def filters(request: invitation_service_pb2.ListInvitationsRequest) -> dict[str, Any]:
    """Returns what a list request narrows by, the customer apart."""
    return {
        "state": request.state,
        "dealer_id": fields.uuid_or_none(request.dealer_id),
        "plan_id": fields.uuid_or_none(request.plan_id),
    }


def new_invitation(request: invitation_service_pb2.CreateInvitationRequest) -> dict[str, Any]:
    """Returns the columns of an invitation by hand, without the dealer."""
    return {
        "questionnaire_id": uuid.UUID(request.questionnaire_id),
        "customer_id": uuid.UUID(request.customer_id),
        "vin": request.vin,
        "channel": request.channel,
    }
