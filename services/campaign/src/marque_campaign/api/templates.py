"""marque.campaign.v1.MessageTemplateService."""

from __future__ import annotations

from typing import Any

from marque.campaign.v1 import message_template_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.errors import MessageTooLong, TemplateNotFound, TemplateValueMissing
from marque_campaign.mapping import templates as mapping
from marque_campaign.models import templates as models
from marque_campaign.repository import lists as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.rules import templates as rules
from marque_campaign.usecases import templates as usecases


class MessageTemplateApi:
    """marque.campaign.v1.MessageTemplateService."""

    service = "marque.campaign.v1.MessageTemplateService"

    def __init__(self, work: Work) -> None:
        self._work = work

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
        template = models.frozen_template(_columns(await self._seen(request.template_id, call)))
        values = dict(one.split("=", 1) for one in request.values)
        fallbacks = {one.name: one.fallback for one in template.variables if one.fallback}
        try:
            return mapping.preview(template.render(request.language, {**fallbacks, **values}))
        except rules.Unrenderable as refused:
            if refused.reason == rules.TOO_LONG:
                raise MessageTooLong(part=refused.what) from None
            raise TemplateValueMissing(name=refused.what) from None

    async def _seen(self, template_id: str, call: Call) -> Any:
        return await seen(self._work, call, repository.TEMPLATES, template_id, TemplateNotFound)

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.template_message(fields.row_of(made)))


def _columns(row: Any) -> dict[str, Any]:
    plain = {name: row[name] for name in ("channel", "default_language")}
    return {**plain, **{name: mapping.document(row, name) for name in ("variables", "contents")}}
