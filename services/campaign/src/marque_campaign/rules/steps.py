"""The steps of a campaign: from the document as it is kept to steps that can be gone through, or what is wrong with it and where. Pure.

Steps only lead forward: what a step names as the next one stands after it. So whoever goes through them comes to an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradekit.cel import INT, STRING, CelError, ListOf

from marque_campaign.rules import kinds
from marque_campaign.rules.again import EXPIRE_DAYS
from marque_campaign.rules.segments import tree
from marque_campaign.rules.segments.catalogue import CAR, HOLDING, Attribute, Entity
from marque_campaign.rules.segments.check import read

PERSON, VIN, REPAIR_ORDER, OF_HOLDING = range(1, 5)
STEP_DOUBLE, STEP_UNKNOWN, STEP_BACKWARDS, WAIT_EMPTY, WAIT_BOTH, NOT_NEXT, SENDS_NOTHING = (
    "STEP_DOUBLE", "STEP_UNKNOWN", "STEP_BACKWARDS", "WAIT_EMPTY", "WAIT_BOTH", "NEXT_NOT_ALLOWED", "STEPS_SEND_NOTHING",
)  # fmt: skip
OF_CALLS = ("reached", "not_reached", "refused", "call_later")
OUTCOMES = ("sent", "opened", "clicked", "replied", "responded", "bounced", "suppressed", *OF_CALLS)
"""What a rule may ask of earlier messages of a run: lists of the codes of their steps; the last of them of calls alone."""
_RUN = Entity(
    "run",
    {
        **{name: Attribute(name, ListOf(STRING), name, name, name) for name in OUTCOMES},
        "days": Attribute("days", INT, "days", "Days since it began", "已进行天数"),
    },
    many=False,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: the path below the campaign, a constant, and words."""

    path: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Send:
    """A message; `next` is the place of the step after it. A call is waited for until its outcome is told, so many days at most."""

    code: str
    next: int
    calls: bool = False
    expire_days: int = EXPIRE_DAYS


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait, of hours and days or until a date (0 for none), and then until a minute of the day (None for any)."""

    code: str
    next: int
    hours: int = 0
    days: int = 0
    local_minute: int | None = None
    date: int = 0
    offset_days: int = 0


@dataclass(frozen=True, slots=True)
class Branch:
    """A fork."""

    code: str
    rule: tree.Condition
    then: int
    otherwise: int


@dataclass(frozen=True, slots=True)
class Exit:
    """An end."""

    code: str
    reason: str


Step = Send | Wait | Branch | Exit


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run goes through; `exit` is looked at before every step."""

    steps: tuple[Step, ...]
    exit: tree.Condition | None = None


ONLY = "message"
"""The step of a campaign without steps that a date or a calendar brings about: one message."""


def plan_of(document: Sequence[Mapping[str, Any]], exit_rule: str, subject: int, channel: int = 0) -> Plan:
    """Returns the plan of a document in which `faults` finds nothing; `channel` is that of steps that name none."""
    if not document:
        return Plan((Send(ONLY, 1, channel == kinds.PHONE),), _exit(exit_rule, subject))
    places = {one["code"]: place for place, one in enumerate(document)}
    made: list[Step] = []
    for place, one in enumerate(document):
        after = places[one["next"]] if one.get("next") else place + 1
        if "send" in one:
            told = one["send"]
            calls = (told["channel"] or channel) == kinds.PHONE
            made.append(Send(one["code"], after, calls, told.get("expire_days") or EXPIRE_DAYS))
        elif "wait" in one:
            made.append(Wait(one["code"], after, **one["wait"]))
        elif "branch" in one:
            fork = one["branch"]
            ways = [places[fork[name]] if fork[name] else place + 1 for name in ("then", "otherwise")]
            made.append(Branch(one["code"], read(fork["rule"], names_for(subject)).condition, ways[0], ways[1]))
        else:
            made.append(Exit(one["code"], one["exit"]["reason"] or "EXIT"))
    return Plan(tuple(made), _exit(exit_rule, subject))


def names_for(subject: int) -> dict[str, Entity]:
    """What a rule may ask beside the person, by what the runs are about."""
    found = {"run": _RUN}
    if subject == VIN:
        found["car"] = Entity("car", CAR.attributes, many=False)
    elif subject == OF_HOLDING:
        found["holding"] = Entity("holding", HOLDING.attributes, many=False)
    return found


def _exit(text: str, subject: int) -> tree.Condition | None:
    return read(text, names_for(subject)).condition if text else None


def faults(document: Sequence[Mapping[str, Any]], exit_rule: str, subject: int) -> list[Fault]:
    """Returns what is wrong with the steps and the exit rule of a campaign."""
    places: dict[str, int] = {}
    found: list[Fault] = []
    for place, one in enumerate(document):
        if one["code"] in places:
            found.append(Fault(f"steps[{place}].code", STEP_DOUBLE, f"{one['code']} stands there before."))
        places.setdefault(one["code"], place)
    sends = [one["code"] for one in document if "send" in one]
    for place, one in enumerate(document):
        found += _ways(one, place, places)
        if "wait" in one:
            found += _wait(one["wait"], place)
        if "branch" in one:
            # Of a message that comes later nothing can be known yet.
            known = [code for code in sends if places[code] < place]
            found += _rule(one["branch"]["rule"], f"steps[{place}].branch.rule", subject, known)
    if document and not sends:
        found.append(Fault("steps", SENDS_NOTHING, "None of the steps sends anything."))
    if exit_rule:
        found += _rule(exit_rule, "exit_rule", subject, sends or [ONLY])
    return found


def _ways(one: Mapping[str, Any], place: int, places: Mapping[str, int]) -> Iterable[Fault]:
    named = [("next", one.get("next", ""))]
    if "branch" in one:
        named += [(f"branch.{name}", one["branch"][name]) for name in ("then", "otherwise")]
    for path, code in named:
        if not code:
            continue
        at = f"steps[{place}].{path}"
        if path == "next" and ("branch" in one or "exit" in one):
            yield Fault(at, NOT_NEXT, "A branch says itself where it leads, and an exit leads nowhere.")
        elif code not in places:
            yield Fault(at, STEP_UNKNOWN, f"There is no step {code}.")
        elif places[code] <= place:
            yield Fault(at, STEP_BACKWARDS, f"{code} does not come after this step; steps only lead forward.")


def _wait(wait: Mapping[str, Any], place: int) -> Iterable[Fault]:
    plain = wait["hours"] or wait["days"]
    if wait["date"] and plain:
        yield Fault(f"steps[{place}].wait.date", WAIT_BOTH, "It waits until a date, or for hours and days, not both.")
    if not (plain or wait["date"] or wait["local_minute"] is not None):
        yield Fault(f"steps[{place}].wait", WAIT_EMPTY, "Say how long it waits, or until when.")
    if wait["offset_days"] and not wait["date"]:
        yield Fault(f"steps[{place}].wait.offset_days", WAIT_EMPTY, "Say of which date.")


def _rule(text: str, path: str, subject: int, known: Sequence[str]) -> Iterable[Fault]:
    try:
        rule = read(text, names_for(subject)).condition
    except CelError as fault:
        return [Fault(path, fault.reason, str(fault))]
    if any(True for _ in tree.members(rule)):
        return [Fault(path, "CEL_OUTSIDE", "This rule names no segments and lists.")]
    asked = {str(one.term.value) for one in _asked(rule) if isinstance(one.term, tree.Lit)}
    if wrong := sorted(asked - set(known)):
        names = ", ".join(known) or "none"
        text = f"{wrong[0][:60]} is no message before this; there are {names}."
        return [Fault(path, STEP_UNKNOWN, text)]
    return []


def _asked(rule: tree.Condition) -> Iterable[tree.Holds]:
    """Every question about the messages of a run."""
    if isinstance(rule, tree.Holds):
        if rule.attribute.of == _RUN.name:
            yield rule
    elif isinstance(rule, tree.Logic):
        yield from (*_asked(rule.left), *_asked(rule.right))
    elif isinstance(rule, tree.Not):
        yield from _asked(rule.part)
    elif isinstance(rule, tree.If):
        yield from (*_asked(rule.test), *_asked(rule.then), *_asked(rule.other))
    elif isinstance(rule, tree.Loop):
        yield from _asked(rule.body)
