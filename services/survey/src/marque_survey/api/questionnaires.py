"""marque.survey.v1.QuestionnaireService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.survey.v1 import questionnaire_service_pb2 as rpc
from servicekit.db.query import Order
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call

from marque_survey.errors import QuestionnaireNotFound
from marque_survey.mapping import answers
from marque_survey.mapping import questionnaires as mapping
from marque_survey.repository import questionnaires as repository
from marque_survey.repository import results
from marque_survey.rules import document, flow, plaintext, scores
from marque_survey.usecases import questionnaires as usecases

_LANGUAGE = "zh-CN"


class QuestionnaireApi:
    """marque.survey.v1.QuestionnaireService."""

    service = "marque.survey.v1.QuestionnaireService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateQuestionnaire(self, request: Any, call: Call) -> Any:
        values = mapping.new_questionnaire(request.questionnaire)
        return await usecases.create(uow=self._write(call), values=values)

    async def GetQuestionnaire(self, request: Any, call: Call) -> Any:
        return mapping.message_of(await self._found(request.questionnaire_id, request.number))

    async def ListQuestionnaires(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        order = Order.of(request.order_by, "create_time desc", "questionnaire_id")
        after = page_key(page, moment, uuid.UUID)
        rows = await repository.list_rows(self._work.reader, request.state, order, page, after)
        found, token = page.cut(rows, lambda row: (row["create_time"], str(row["questionnaire_id"])))
        return rpc.ListQuestionnairesResponse(
            questionnaires=[mapping.message_of(row) for row in found], next_page_token=token
        )

    async def UpdateQuestionnaire(self, request: Any, call: Call) -> Any:
        return await usecases.update(
            uow=self._write(call),
            questionnaire_id=uuid.UUID(request.questionnaire.questionnaire_id),
            values=mapping.changes(request),
            etag=request.questionnaire.etag,
        )

    async def PublishQuestionnaire(self, request: Any, call: Call) -> Any:
        questionnaire_id = uuid.UUID(request.questionnaire_id)
        return await usecases.publish(uow=self._write(call), questionnaire_id=questionnaire_id, etag=request.etag)

    async def DuplicateQuestionnaire(self, request: Any, call: Call) -> Any:
        row = await self._found(request.questionnaire_id, request.number)
        values = {"name": request.name.strip() or row["name"], "document": row["document"]}
        return await usecases.create(uow=self._write(call), values=values, action="duplicate")

    async def ImportQuestionnaire(self, request: Any, call: Call) -> Any:
        read = plaintext.read(request.text, request.language or _LANGUAGE)
        if not read.document:
            raise InvalidArgument.of("text", "QUESTIONNAIRE_UNREADABLE", "No question was found in the text.")
        mapping.check(read.document, "document")
        title = next(iter(read.document["titles"].values()))
        values = {"name": (request.name.strip() or title)[:200], "document": read.document}
        remarks = [rpc.ImportRemark(line=line, reason=reason) for line, reason in read.remarks]

        def render(made: Any) -> rpc.ImportQuestionnaireResponse:
            return rpc.ImportQuestionnaireResponse(questionnaire=mapping.rendered(made), remarks=remarks)

        if not request.dry_run:
            return await usecases.create(uow=self._work(call, render), values=values, action="import")
        answer = rpc.ImportQuestionnaireResponse(remarks=remarks)
        answer.questionnaire.name = values["name"]
        answer.questionnaire.document.CopyFrom(mapping.document_message(read.document))
        return answer

    async def PreviewQuestionnaire(self, request: Any, call: Call) -> Any:
        read = document.read(mapping.kept(request.document, "document"))
        given = answers.answers_of(request.answers, "answers")
        found = rpc.PreviewQuestionnaireResponse(shown=flow.shown(read, given), alarms=flow.alarms(read, given))
        for code, reason in flow.faults(read, given):
            found.faults.add(question_code=code, reason=reason)
        async with self._work.read() as session:
            sets = await results.weights_for(session, read.index, read.market) if read.index else []
        for (measure, weights), value in sorted(scores.scores(read, given, sets).items()):
            named = "" if weights == scores.NO_SET else weights
            found.scores.add(measure=measure, weight_set_id=named, value=value)
        return found

    async def _found(self, questionnaire_id: str, number: int) -> dict[str, Any]:
        row = await repository.get(self._work.reader, uuid.UUID(questionnaire_id), number)
        if row is None:
            raise QuestionnaireNotFound()
        return row

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, mapping.rendered)
