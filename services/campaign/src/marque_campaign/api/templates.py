"""marque.campaign.v1.MessageTemplateService."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from marque.campaign.v1 import message_template_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.clients import Provider
from marque_campaign.errors import MessageTooLong, TemplateNotFound, TemplateValueMissing, TestMessageNotPossible
from marque_campaign.mapping import templates as mapping
from marque_campaign.models import templates as models
from marque_campaign.repository import lists as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.rules import templates as rules
from marque_campaign.rules.kinds import EMAIL
from marque_campaign.rules.trials import is_own
from marque_campaign.usecases import templates as usecases
from marque_campaign.usecases import trials


class MessageTemplateApi:
    """marque.campaign.v1.MessageTemplateService."""

    service = "marque.campaign.v1.MessageTemplateService"

    def __init__(self, work: Work, mail: Provider | None = None, test_domains: Collection[str] = ()) -> None:
        self._work = work
        self._mail = mail
        self._test_domains = test_domains

    async def CreateMessageTemplate(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        values = mapping.new_template(request.template)
        values["dealer_id"] = await owner_of(self._work, scope, request.template.dealer_id, "template.dealer_id")
        return await usecases.create(uow=self._write(call), values=values)

    async def GetMessageTemplate(self, request: Any, call: Call) -> Any:
        return mapping.template_message(await self._seen(request.template_id, call))

    async def ListMessageTemplates(self, request: Any, call: Call) -> Any:
        rows, token = await page_of_rows(self._work, call, repository.TEMPLATES, request)
        found = [mapping.template_message(row) for row in rows]
        return messages.ListMessageTemplatesResponse(templates=found, next_page_token=token)

    async def UpdateMessageTemplate(self, request: Any, call: Call) -> Any:
        named = mapping.changes(request.template, request.update_mask)
        row = await self._seen(request.template.template_id, call)
        mapping.checked({**_columns(row), **named})
        return await usecases.update(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            template_id=row["template_id"],
            values=named,
            version=row["version"],
            etag=request.template.etag,
        )

    async def PreviewMessageTemplate(self, request: Any, call: Call) -> Any:
        return mapping.preview(_rendered(await self._seen(request.template_id, call), request))

    async def SendTestMessage(self, request: Any, call: Call) -> Any:
        row = await self._seen(request.template_id, call)
        if not is_own(request.address, self._test_domains):
            raise InvalidArgument.of("address", "TEST_ADDRESS_FOREIGN", "Name an address of the maker's own domains.")
        if row["channel"] != EMAIL or self._mail is None:
            raise TestMessageNotPossible()
        message = _rendered(row, request)
        uow = self._work(call, lambda made: mapping.test_message(fields.row_of(made)))
        test_id, answer = await trials.begin(uow=uow, template_id=row["template_id"])
        await trials.send(self._mail, test_id, "EMAIL", request.address, message)
        return answer

    async def _seen(self, template_id: str, call: Call) -> Any:
        return await seen(self._work, call, repository.TEMPLATES, template_id, TemplateNotFound)

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.template_message(fields.row_of(made)))


def _rendered(row: Any, request: Any) -> rules.Message:
    """Returns a template with the values of a request. Raises MessageTooLong, TemplateValueMissing."""
    template = models.frozen_template(_columns(row))
    values = dict(one.split("=", 1) for one in request.values)
    fallbacks = {one.name: one.fallback for one in template.variables if one.fallback}
    try:
        return template.render(request.language, {**fallbacks, **values})
    except rules.Unrenderable as refused:
        if refused.reason == rules.TOO_LONG:
            raise MessageTooLong(part=refused.what) from None
        raise TemplateValueMissing(name=refused.what) from None


def _columns(row: Any) -> dict[str, Any]:
    plain = {name: row[name] for name in ("channel", "default_language")}
    return {**plain, **{name: mapping.document(row, name) for name in ("variables", "contents")}}
