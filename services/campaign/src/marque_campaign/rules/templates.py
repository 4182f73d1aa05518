"""Templates of messages: a small part of Jinja, checked when they are saved and rendered in its sandbox. Pure.

What a template may do is a list of what is allowed, by its syntax tree: output, conditions, comparison, a few filters. There is no loop, no
call, no attribute and no arithmetic, so rendering takes time in proportion to the template and its values, and reaches nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from servicekit.mail.plain import text_of as plain_of

from marque_campaign.rules.kinds import EMAIL, POST, SMS, WITH_SUBJECT

SYNTAX, NOT_ALLOWED, UNDECLARED = "TEMPLATE_SYNTAX", "TEMPLATE_NOT_ALLOWED", "VARIABLE_UNDECLARED"
VALUE_MISSING, TOO_LONG = "VARIABLE_MISSING", "MESSAGE_TOO_LONG"
FILTERS = frozenset({"upper", "lower", "capitalize", "title", "trim", "default", "e"})
_TESTS = frozenset({"defined", "undefined"})
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Test,
)  # fmt: skip
# What of a campaign's event or offer a variable stands for, as the contract numbers it.
REGISTRATION_LINK, EVENT_NAME, EVENT_PLACE, SESSION_TIME, OFFER_NAME, OFFER_CODE = range(1, 7)
EVENT_FACTS = frozenset({REGISTRATION_LINK, EVENT_NAME, EVENT_PLACE, SESSION_TIME})
OFFER_FACTS = frozenset({OFFER_NAME, OFFER_CODE})
# Characters of what leaves, by channel. A text message of 10 parts; a messenger's and a phone's usual limits; a mail that is read; two
# pages of a letter.
LONGEST = {SMS: 670, EMAIL: 200_000, POST: 8_000}
_OTHERS = 4_000
_SUBJECT = 400


NOTHING: Mapping[int, str] = MappingProxyType({})


def _environment(escaped: bool) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        autoescape=escaped, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    made.filters = {name: made.filters[name] for name in FILTERS}
    made.tests = {name: made.tests[name] for name in _TESTS}
    made.globals = {}
    return made


_PLAIN, _ESCAPED = _environment(False), _environment(True)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a template: a constant of this module, the line from 1, and what stands there."""

    reason: str
    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that a template declares: what of a person it stands for (0: the campaign gives it) and what stands there without.

    `campaign_fact`: what of the campaign's event or offer it stands for (0: nothing).
    """

    name: str
    person_field: int = 0
    fallback: str = ""
    campaign_fact: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """A template in one language."""

    language: str
    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What leaves."""

    language: str
    subject: str
    text: str
    html: str = ""


class Unrenderable(Exception):
    """Nothing can be made of a template for somebody: VALUE_MISSING or TOO_LONG, and the variable or part that it is about."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(f"{reason}: {what}")
        self.reason = reason
        self.what = what


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it is frozen with a campaign."""

    channel: int
    default_language: str
    variables: tuple[Variable, ...] = ()
    contents: tuple[Content, ...] = field(default_factory=tuple)

    def content_for(self, language: str) -> Content:
        """Returns the words for a language: that one, its shorter forms (zh-CN, zh), a region of it, else the template's own."""
        known = {content.language.lower(): content for content in self.contents}
        wanted = language.lower()
        while wanted:
            near = [found for name, found in sorted(known.items()) if name == wanted or name.startswith(f"{wanted}-")]
            if near:
                return near[0]
            wanted = wanted.rpartition("-")[0]
        return known[self.default_language.lower()]

    def values(
        self, person: Mapping[int, str], given: Mapping[str, str], carried: Mapping[int, str] = NOTHING
    ) -> dict[str, str]:
        """Returns the values of all variables for somebody: of the person by field, of the campaign by name or fact, else the fallback.

        Raises Unrenderable with VALUE_MISSING.
        """
        found = {}
        for one in self.variables:
            value = person.get(one.person_field, "") if one.person_field else given.get(one.name, "")
            if one.campaign_fact and not one.person_field:
                value = carried.get(one.campaign_fact, "")
            if not (value or one.fallback):
                raise Unrenderable(VALUE_MISSING, one.name)
            found[one.name] = value or one.fallback
        return found

    def lacks(self, given: Iterable[str], facts: Collection[int] = ()) -> tuple[str, ...]:
        """Returns the variables for which the campaign gives no value, by name or by the facts that it has, and that have no fallback."""
        names = set(given)
        return tuple(
            one.name
            for one in self.variables
            if not (one.person_field or one.fallback)
            and not (one.campaign_fact in facts if one.campaign_fact else one.name in names)
        )

    def render(self, language: str, values: Mapping[str, str]) -> Message:
        """Returns the message in a language. Raises Unrenderable."""
        content = self.content_for(language)
        plain = {name: _tidy(value) for name, value in values.items()}
        subject = " ".join(_fill(_PLAIN, content.subject, plain).split())
        text, html = _fill(_PLAIN, content.text, plain), _fill(_ESCAPED, content.html, plain)
        if not text.strip() and html:
            text = plain_of(html)
        most = LONGEST.get(self.channel, _OTHERS)
        for part, value, limit in (("subject", subject, _SUBJECT), ("text", text, most), ("html", html, most)):
            if len(value) > limit:
                raise Unrenderable(TOO_LONG, part)
        return Message(content.language, subject, text, html)


def faults(source: str, declared: Iterable[str]) -> list[Fault]:
    """Returns what is wrong with the source of one part of a template, given the names of its variables."""
    names = set(declared)
    try:
        tree = _PLAIN.parse(source)
    except jinja2.TemplateSyntaxError as error:
        return [Fault(SYNTAX, error.lineno, error.message or "")]
    except RecursionError:
        return [Fault(NOT_ALLOWED, 1, "too deeply nested")]
    found = list(_walk(tree, names))
    if not found:
        try:
            _PLAIN.from_string(source)
        except (SyntaxError, RecursionError, MemoryError):  # Python's own limits of the code that Jinja makes of it
            return [Fault(NOT_ALLOWED, 1, "too deeply nested")]
    return found


def _walk(tree: nodes.Node, declared: set[str]) -> Iterable[Fault]:
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        line = getattr(node, "lineno", 1) or 1
        if not isinstance(node, _NODES):
            yield Fault(NOT_ALLOWED, line, type(node).__name__)
            continue
        if (isinstance(node, nodes.Filter) and node.name not in FILTERS) or (
            isinstance(node, nodes.Test) and node.name not in _TESTS
        ):
            yield Fault(NOT_ALLOWED, line, node.name)
        elif isinstance(node, nodes.Name) and node.name not in declared:
            yield Fault(UNDECLARED, line, node.name)
        waiting.extend(node.iter_child_nodes())


def missing_part(channel: int, contents: Sequence[Content]) -> int | None:
    """Returns the place of the first content without a subject where the channel needs one."""
    if channel in WITH_SUBJECT:
        return next((place for place, one in enumerate(contents) if not one.subject.strip()), None)
    return None


def _fill(environment: ImmutableSandboxedEnvironment, source: str, values: Mapping[str, str]) -> str:
    if not source:
        return ""
    try:
        return _compiled(environment is _ESCAPED, source).render(**values)
    except jinja2.UndefinedError as error:  # a preview in which a value was left out
        raise Unrenderable(VALUE_MISSING, error.message or "") from None


@lru_cache(maxsize=512)
def _compiled(escaped: bool, source: str) -> jinja2.Template:
    """The code that Jinja makes of a part of a template, made once: a campaign says the same words to everybody."""
    return (_ESCAPED if escaped else _PLAIN).from_string(source)


def _tidy(value: Any) -> str:
    """A value without line breaks and control characters: nothing that a person is called may begin a header or a line."""
    return "".join(one if one.isprintable() else " " for one in str(value))
