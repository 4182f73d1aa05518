"""Questionnaires: checked when saved, frozen when published, read from plain text, the same out as in."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from servicekit.testing.client import RpcFailure


def document_of(made: Any) -> dict[str, Any]:
    return json_format.MessageToDict(made.document, preserving_proto_field_name=True)


class TestDrafts:
    async def test_a_version_is_frozen_while_the_draft_goes_on(self, desk: Any) -> None:
        made = await desk.published()
        changed = document_of(made) | {"titles": {"zh-CN": "另一个", "en": "Another"}}
        later = await desk.call(
            "UpdateQuestionnaire",
            questionnaire={"questionnaire_id": made.questionnaire_id, "document": changed, "etag": made.etag},
        )
        second = await desk.call("PublishQuestionnaire", questionnaire_id=made.questionnaire_id)
        first = await desk.call("GetQuestionnaire", questionnaire_id=made.questionnaire_id, number=1)

        assert (made.number, later.number, later.changed, second.number, second.changed) == (1, 1, True, 2, False)
        assert first.document.titles["en"] == "After your visit"
        with pytest.raises(RpcFailure) as caught:
            await desk.call("PublishQuestionnaire", questionnaire_id=made.questionnaire_id)
        assert caught.value.reason == "QUESTIONNAIRE_UNCHANGED"

    async def test_what_is_wrong_is_told_all_at_once_with_its_place(self, desk: Any) -> None:
        document = copy.deepcopy(document_of(await desk.make()))
        document["questions"][1]["show_if"] = "answers.nps <= 6 && answers.clean == 'good'"
        document["questions"][0]["scale_max"] = 9
        document["questions"][5]["options"][1]["code"] = "tea"
        document["alarm_rules"][0]["condition"] = "answers.nps <"
        with pytest.raises(RpcFailure) as caught:
            await desk.call("CreateQuestionnaire", questionnaire={"name": "Wrong", "document": document})

        assert set(caught.value.fields.items()) == {
            ("questionnaire.document.questions[1].show_if", "CEL_NAME"),
            ("questionnaire.document.questions[0].measure", "MEASURE_INVALID"),
            ("questionnaire.document.questions[5].options", "CODE_DOUBLE"),
            ("questionnaire.document.alarm_rules[0].condition", "CEL_SYNTAX"),
        }

    async def test_what_was_exported_is_imported_as_the_same_and_a_copy_is_its_own(self, desk: Any) -> None:
        made = await desk.published()
        again = await desk.call("CreateQuestionnaire", questionnaire={"name": "B", "document": document_of(made)})
        copied = await desk.call("DuplicateQuestionnaire", questionnaire_id=made.questionnaire_id, number=1)

        assert document_of(again) == document_of(copied) == document_of(made)
        assert (copied.state, copied.number, copied.name) == (1, 0, "Visit")


class TestImport:
    async def test_the_real_questionnaire_becomes_a_draft_that_can_be_published(
        self, desk: Any, marque_data: Path
    ) -> None:
        text = (marque_data / "questionnaires_cn" / "bmw_4s_aftersales_csat.txt").read_text(encoding="utf-8")
        read = await desk.call("ImportQuestionnaire", text=text)
        published = await desk.call("PublishQuestionnaire", questionnaire_id=read.questionnaire.questionnaire_id)

        kinds = [one.kind for one in published.document.questions]
        assert kinds == [1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 3, 4]
        assert not read.remarks
        assert published.name == "怀化宝利汽车售后市场调研分析"

    async def test_what_only_was_read_is_not_kept_and_a_text_without_a_question_is_refused(self, desk: Any) -> None:
        read = await desk.call("ImportQuestionnaire", text="T\n1. Clean?[single]\nYes\nNo", language="en", dry_run=True)
        with pytest.raises(RpcFailure) as caught:
            await desk.call("ImportQuestionnaire", text="Nothing is asked here.")

        assert read.questionnaire.questionnaire_id == ""
        assert [one.code for one in read.questionnaire.document.questions[0].options] == ["o1", "o2"]
        assert caught.value.fields == {"text": "QUESTIONNAIRE_UNREADABLE"}


class TestPreview:
    async def test_it_tells_what_is_shown_what_is_wrong_and_which_alarms_hold(self, desk: Any) -> None:
        document = document_of(await desk.make())
        answers = [{"question_code": "nps", "number": 3}, {"question_code": "clean", "choices": ["x"]}]
        found = await desk.call("PreviewQuestionnaire", document=document, answers=answers)

        assert list(found.shown) == ["nps", "why", "clean", "advice", "work", "liked"]
        assert {(one.question_code, one.reason) for one in found.faults} == {
            ("why", "ANSWER_MISSING"),
            ("clean", "ANSWER_INVALID"),
        }
        assert list(found.alarms) == ["LOW_NPS"]
        assert [(one.measure, one.value) for one in found.scores] == [(1, -100.0)]
