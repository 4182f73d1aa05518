"""Between what is done with several cases and its messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from marque.complaint.v1 import case_relation_service_pb2 as messages
from servicekit import fields
from servicekit.errors import FieldViolation, InvalidArgument

# What each verb takes of an action, and which of it must be stated.
_TAKES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "acknowledge": ((), ()),
    "assess": (("severity", "category", "components"), ("severity",)),
    "investigate": ((), ()),
    "propose": (("text",), ("text",)),
    "resolve": (("text", "remedy", "cause"), ("text",)),
    "close": ((), ()),
    "reopen": (("reason",), ("reason",)),
    "escalate": (("reason", "escalation"), ("reason",)),
    "wait": (("waiting", "reason"), ("waiting",)),
    "resume": ((), ()),
    "assign": (("staff_id",), ()),
    "tell": (("text",), ("text",)),
    "note": (("text",), ("text",)),
}
# As the use cases name what is said.
_CALLED = {("propose", "text"): "proposal", ("resolve", "text"): "resolution"}
PERMISSIONS = {"tell": "complaint.messages.add", "note": "complaint.notes.add"}
"""Of verbs whose permission is not `complaint.cases.<verb>`."""


def actions_of(told: Iterable[Any], path: str = "actions") -> list[tuple[str, dict[str, Any], str]]:
    """Returns verbs with their arguments, and the template that says what they say (empty for none).

    Raises InvalidArgument where one misses what it needs.
    """
    found, wrong = [], []
    for place, action in enumerate(told):
        verb = messages.CaseVerb.Name(action.verb).removeprefix("CASE_VERB_").lower()
        taken, needed = _TAKES[verb]
        wrong += [
            FieldViolation(f"{path}[{place}].{name}", "ACTION_INCOMPLETE", "The verb needs this.")
            for name in needed
            if not getattr(action, name) and not (name == "text" and action.template)
        ]
        template = action.template if "text" in taken else ""
        found.append((verb, {_CALLED.get((verb, name), name): _value(action, name) for name in taken}, template))
    if wrong:
        raise InvalidArgument(violations=wrong)
    return found


def permission_of(verb: str) -> str:
    """Returns what a caller needs for a verb."""
    return PERMISSIONS.get(verb, f"complaint.cases.{verb}")


def _value(action: Any, name: str) -> Any:
    if name == "staff_id":
        return fields.uuid_or_none(action.staff_id)
    value = getattr(action, name)
    return list(value) if name == "components" else value


def outcomes(made: Sequence[Any]) -> messages.RunCaseActionsResponse:
    """Returns what became of cases."""
    found = [
        messages.CaseActionOutcome(
            case_id=str(one.case_id),
            done=one.done,
            refused_action=one.refused,
            reason=one.reason,
            message=one.message,
            state=one.state,
        )
        for one in made
    ]
    return messages.RunCaseActionsResponse(outcomes=found, done_count=sum(one.done for one in made))


def second_matter(request: messages.SplitCaseRequest) -> dict[str, Any]:
    """Returns what is told of a case that is split off."""
    return {
        "kind": request.kind,
        "subject": request.subject.strip(),
        "description": request.description,
        "remedy_asked": request.remedy_asked,
    }
