"""What people answer: each answer kept as it is given, a response ended once, scored and judged in the same transaction."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation, InvalidArgument

from marque_survey import events
from marque_survey.errors import SurveyFinished, SurveyIncomplete, SurveyLinkExpired, SurveyLinkUnknown
from marque_survey.models import Invitation, SurveyAlarm
from marque_survey.repository import factors, questionnaires, results
from marque_survey.repository import invitations as repository
from marque_survey.repository.scope import EVERYTHING
from marque_survey.rules import document as documents
from marque_survey.rules import flow, kinds, scores
from marque_survey.usecases import gaming, queueing

LATE_DAYS = 30
"""Who began in time may end this long after it: what they gave is never lost, and is marked."""


def is_open(row: Any, now: Any) -> bool:
    """Tells whether an invitation can be answered; `row` is read or a model."""
    if row["state"] not in kinds.ANSWERABLE or row["customer_id"] is None:
        return False
    end = row["expire_time"]
    if end is None or now <= end:
        return bool(row["state"] != kinds.EXPIRED)
    return row["first_answer_time"] is not None and bool(now <= end + timedelta(days=LATE_DAYS))


async def save(
    *, uow: UnitOfWork, invitation_id: uuid.UUID, code: str, value: dict[str, Any], submission: tuple[str, int]
) -> Any:
    """Keeps an answer. Raises SurveyLinkUnknown, SurveyLinkExpired, SurveyFinished, InvalidArgument."""
    async with uow:
        row, document = await _opened(uow, invitation_id)
        question = document.by_code.get(code)
        if question is None:
            raise InvalidArgument.of("answer.question_code", "QUESTION_UNKNOWN", "There is no such question.")
        if value and not flow.is_valid(question, value):
            raise InvalidArgument.of("answer", "ANSWER_INVALID", "This is no answer to the question.")
        kept = await repository.keep_answer(
            uow.session,
            {
                "invitation_id": invitation_id, "question_code": code, "value": value, "submission_id": submission[0],
                "sequence": submission[1], "save_time": uow.now,
            },
        )  # fmt: skip
        if kept:
            row.saved(uow.now)
            await uow.flush()
        return await uow.answer((row, document, await repository.answers_of(uow.session, invitation_id)))


async def finish(*, uow: UnitOfWork, invitation_id: uuid.UUID) -> Any:
    """Ends a response with what is kept. One that has ended answers as then. Raises what `save` does, SurveyIncomplete."""
    async with uow:
        return await uow.answer(await end(uow=uow, invitation_id=invitation_id))


async def end(*, uow: UnitOfWork, invitation_id: uuid.UUID) -> tuple[Invitation, documents.Document, dict[str, Any]]:
    """Does what `finish` does, in a unit of work that answers something else."""
    async with uow:
        row, document = await _opened(uow, invitation_id, again=True)
        answers = await repository.answers_of(uow.session, invitation_id)
        if row.state == kinds.FINISHED:
            return row, document, answers
        if wrong := flow.faults(document, answers):
            raise SurveyIncomplete(violations=[FieldViolation(code, reason, _WORDS[reason]) for code, reason in wrong])
        shown = set(flow.shown(document, answers))
        if hidden := sorted(answers.keys() - shown):
            await repository.drop_answers(uow.session, invitation_id, hidden)
        answers = {code: value for code, value in answers.items() if code in shown}
        row.finish(uow.now, flow.alarms(document, answers))
        await uow.flush()
        await _judge(uow, row, document, answers)
        await queueing.answered(uow, row)
        return row, document, answers


async def _judge(uow: UnitOfWork, row: Invitation, document: documents.Document, answers: flow.Answers) -> None:
    """Scores a response by every set of weights, and raises its alarms."""
    sets = await results.weights_for(uow.session, document.index, document.market) if document.index else []
    found, values = scores.scores(document, answers, sets), flow.counted(document, answers)
    await gaming.look(uow, row, document, values)
    await factors.keep(uow.session, row, scores.steps(document, values))
    await gaming.watch(uow, row, found)
    await results.keep_scores(uow.session, results.score_rows(row, found))
    uow.emit(events.survey_answered(row), of=row)
    if found:
        uow.emit(events.survey_scored(row, found), of=row)
    if reasons := flow.lost_reasons(document, values):
        uow.emit(events.survey_lost_reason_told(row, reasons), of=row)
    if row.alarms:
        uow.add(
            SurveyAlarm(
                invitation_id=row.invitation_id,
                rules=row.alarms,
                about_handling=row.about_handling,
                raise_time=uow.now,
                dealer_id=row.dealer_id,
            )
        )
        uow.emit(events.survey_alarmed(row), of=row)
    uow.audit("finish", "invitation", str(row.invitation_id))


_WORDS = {
    flow.MISSING: "An answer is needed.",
    flow.INVALID: "This is no answer to the question.",
    flow.REFUSED: "The answer cannot be taken.",
}


async def _opened(
    uow: UnitOfWork, invitation_id: uuid.UUID, *, again: bool = False
) -> tuple[Invitation, documents.Document]:
    row = await repository.lock(uow.session, EVERYTHING, invitation_id)
    if row is None or (row.state in (kinds.NOT_SENT, kinds.PLANNED) and not row.send_count):
        raise SurveyLinkUnknown()
    if row.state == kinds.FINISHED and not again:
        raise SurveyFinished()
    facts = {name: getattr(row, name) for name in ("state", "customer_id", "expire_time", "first_answer_time")}
    if row.state != kinds.FINISHED and not is_open(facts, uow.now):
        raise SurveyLinkExpired()
    asked = await questionnaires.version(uow.session, row.questionnaire_id, row.questionnaire_number)
    assert asked is not None  # versions are never deleted
    return row, documents.frozen(row.questionnaire_id, row.questionnaire_number, asked.document)
