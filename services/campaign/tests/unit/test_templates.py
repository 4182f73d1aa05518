"""Templates: what they may not do, and what leaves."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import kinds, templates
from marque_campaign.rules.templates import Content, Template, Unrenderable, Variable, faults

TEXTS = st.text(max_size=40)


def reasons(source: str) -> list[str]:
    return sorted({one.reason for one in faults(source, ["name", "code"])})


class TestFaults:
    @pytest.mark.parametrize(
        "source",
        [
            "{% for one in name %}{{ one }}{% endfor %}",
            "{% for a in 'xxxxxxxxxx' %}{% for b in 'xxxxxxxxxx' %}x{% endfor %}{% endfor %}",
            "{{ range(999999999) }}",
            "{{ name.__class__.__mro__ }}",
            "{{ name['x'] }}",
            "{{ name() }}",
            "{{ 'x' * 999999999 }}",
            "{{ 9 ** 9 ** 9 }}",
            "{{ name ~ name }}",
            "{{ name | center(999999999) }}",
            "{{ name | format(name) }}",
            "{{ name | attr('x') }}",
            "{{ name is divisibleby(3) }}",
            "{% set name = 1 %}",
            "{% macro m() %}{% endmacro %}",
            "{% include 'x' %}",
            "{% import 'x' as y %}",
            "{% extends 'x' %}",
            "{% filter upper %}x{% endfilter %}",
            "{% if name %}" * 150 + "{% endif %}" * 150,
            "{{ " + "(" * 3_000 + "name" + ")" * 3_000 + " }}",
        ],
        ids=lambda source: source[:30],
    )
    def test_what_could_loop_reach_out_or_swell_is_refused(self, source: str) -> None:
        assert reasons(source) == [templates.NOT_ALLOWED]

    @pytest.mark.parametrize("source", ["{{ name", "{% if name %}", "{{ }}", "{% nonsense %}", "{{ name | }}"])
    def test_what_is_no_template_is_refused_with_its_line(self, source: str) -> None:
        (found,) = faults(f"One\nTwo {source}", ["name"])

        assert (found.reason, found.line) == (templates.SYNTAX, 2)

    def test_a_variable_that_is_not_declared_is_named_with_its_line(self) -> None:
        (found,) = faults("Dear {{ name }},\n\n{{ password }}", ["name"])

        assert (found.reason, found.line, found.what) == (templates.UNDECLARED, 3, "password")

    @pytest.mark.parametrize(
        "source",
        [
            "Dear {{ name }}, {{ code | upper | trim }}",
            "{% if code %}Code {{ code }}{% elif name == 'x' %}a{% else %}none{% endif %}",
            "{{ name | default('you') if not code else code }}",
            "100 % of {braces} and {# a comment #}",
        ],
    )
    def test_what_writers_need_passes(self, source: str) -> None:
        assert reasons(source) == []


def made(**more: object) -> Template:
    contents = (Content("en", "For {{ name }}", "Dear {{ name }}", "<p title='{{ name }}'>{{ name }}</p>"),)
    values: dict[str, object] = {"variables": (Variable("name", 1),), "contents": contents, **more}
    return Template(channel=kinds.EMAIL, default_language="en", **values)  # type: ignore[arg-type]


class TestRender:
    @given(TEXTS)
    def test_what_a_person_is_called_begins_no_header_no_line_and_no_tag(self, name: str) -> None:
        message = made().render("en", {"name": name})
        tags: list[str] = []
        reader = HTMLParser()
        reader.handle_starttag = lambda tag, attributes: tags.append(f"{tag}{len(attributes)}")  # type: ignore[method-assign]
        reader.feed(message.html)

        assert tags == ["p1"]
        assert len(message.subject.splitlines()) == 1
        assert len(message.text.splitlines()) == 1

    def test_somebody_without_a_needed_value_is_held_back_by_its_name(self) -> None:
        with pytest.raises(Unrenderable) as refused:
            made().values({1: ""}, {})

        assert (refused.value.reason, refused.value.what) == (templates.VALUE_MISSING, "name")

    def test_a_fallback_stands_where_nothing_is_known(self) -> None:
        found = made(variables=(Variable("name", 1, "friend"),))

        assert found.render("en", found.values({}, {})).text == "Dear friend"

    def test_what_is_too_long_for_its_channel_does_not_leave(self) -> None:
        short = Template(kinds.SMS, "en", (), (Content("en", "", "x" * 671),))
        with pytest.raises(Unrenderable, match=templates.TOO_LONG):
            short.render("en", {})

    def test_values_that_a_campaign_must_give_are_known_before_it_is_submitted(self) -> None:
        found = made(variables=(Variable("name", 1), Variable("code"), Variable("gift", 0, "none")))

        assert (found.lacks([]), found.lacks(["code"])) == (("code",), ())


class TestLanguage:
    @pytest.mark.parametrize(
        ("asked", "got"),
        [
            ("zh-CN", "zh-CN"),
            ("ZH-cn", "zh-CN"),
            ("zh", "zh-CN"),
            ("zh-Hans-CN", "zh-CN"),
            ("de-AT", "de"),
            ("fr", "en"),
            ("", "en"),
            ("d", "en"),
        ],
    )
    def test_the_nearest_language_is_taken_else_the_templates_own(self, asked: str, got: str) -> None:
        contents = tuple(Content(language, "", language) for language in ("en", "zh-CN", "de"))

        assert made(variables=(), contents=contents).render(asked, {}).language == got
