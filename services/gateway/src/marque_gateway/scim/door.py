"""The routes of the SCIM door: users, groups, and what it says of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    NotFoundException,
    ResourceType,
    Schema,
    SCIMException,
)
from servicekit.errors import PermissionDenied, Unauthenticated
from servicekit.rpc.principal import ANONYMOUS
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.refusals import MEDIA_TYPE, refused
from marque_gateway.scim.asked import Asked
from marque_gateway.scim.groups import Groups
from marque_gateway.scim.resources import PROVIDER
from marque_gateway.scim.users import Users
from marque_gateway.upstream import Upstreams

PERMISSION = "network.staff.provision"


Action = Callable[[Asked, str], Awaitable[Response]]


class Door:
    """Finds what a request is about. `subject` names the attribute that is the subject of people's tokens."""

    def __init__(self, upstreams: Upstreams, subject: str) -> None:
        self._upstreams = upstreams
        users, groups = Users(subject), Groups()
        self._collections: dict[str, dict[str, Action]] = {
            "Users": {"GET": users.find, "POST": users.create},
            "Groups": {"GET": groups.find, "POST": groups.create},
        }
        self._single: dict[str, dict[str, Action]] = {
            "Users": {"GET": users.get, "PUT": users.put, "PATCH": users.patch, "DELETE": users.delete},
            "Groups": {"GET": groups.get, "PUT": groups.put, "PATCH": groups.patch, "DELETE": groups.delete},
        }
        self._described: dict[str, Callable[[Asked, str], Response]] = {
            "ServiceProviderConfig": _config,
            "ResourceTypes": _resource_types,
            "Schemas": _schemas,
        }

    async def answer(self, request: Request) -> Response:
        """Answers a request below /scim/v2."""
        endpoint, _, key = request.path_params["path"].strip("/").partition("/")
        known = endpoint in self._collections or endpoint in self._described
        route = f"/scim/v2/{endpoint if known else '{path}'}{'/{id}' if key and known else ''}"
        request.scope["state"]["route"] = route
        request.scope["state"]["span"].rename(f"{request.method} {route}")
        try:
            return await self._served(Asked(request, self._upstreams), endpoint, key)
        except SCIMException as error:
            return refused(error.status, error.detail, error.scim_type)
        except ValidationError as error:
            told = Error.from_validation_errors(error)[0]
            return refused(told.status or 400, told.detail or "", told.scim_type)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))

    async def _served(self, asked: Asked, endpoint: str, key: str) -> Response:
        principal = asked.request.scope["state"]["principal"]
        if principal is ANONYMOUS:
            raise Unauthenticated(why="it is missing")
        if not principal.may(PERMISSION):
            raise PermissionDenied(permission=PERMISSION)
        if endpoint in self._described:
            if asked.request.method != "GET":
                raise HTTPException(405, headers={"allow": "GET"})
            return self._described[endpoint](asked, key)
        actions = (self._single if key else self._collections).get(endpoint)
        if actions is None:
            raise NotFoundException(detail="There is no such endpoint")
        action = actions.get(asked.request.method)
        if action is None:
            raise HTTPException(405, headers={"allow": ", ".join(sorted(actions))})
        return await action(asked, key)


def _config(asked: Asked, key: str) -> Response:
    if key:
        raise NotFoundException(detail="There is one configuration only")
    config = PROVIDER.config.model_copy(deep=True)  # type: ignore[union-attr]
    return _described(asked, config.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE), "ServiceProviderConfig", "")


def _resource_types(asked: Asked, key: str) -> Response:
    return _listed(asked, PROVIDER.resource_types, key, ResourceType, "ResourceType", lambda one: str(one.name))


def _schemas(asked: Asked, key: str) -> Response:
    return _listed(asked, PROVIDER.schemas, key, Schema, "Schema", lambda one: str(one.id))


def _listed(asked: Asked, found: Any, key: str, model: Any, kind: str, name: Callable[[Any], str]) -> Response:
    documents = {name(one): one.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE) for one in found}
    if "filter" in asked.request.query_params:  # RFC 7644, section 4: these are not searched
        raise HTTPException(403)
    if key:
        one = next((document for title, document in documents.items() if title.lower() == key.lower()), None)
        if one is None:
            raise NotFoundException(detail=f"There is no such {kind}")
        return _described(asked, one, kind, key)
    shown = [_dressed(asked, document, kind, title) for title, document in documents.items()]
    document = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": len(shown),
        "startIndex": 1,
        "itemsPerPage": len(shown),
        "Resources": shown,
    }
    return Response(orjson.dumps(document), 200, {"content-type": MEDIA_TYPE})


def _described(asked: Asked, document: dict[str, Any], kind: str, key: str) -> Response:
    return Response(orjson.dumps(_dressed(asked, document, kind, key)), 200, {"content-type": MEDIA_TYPE})


def _dressed(asked: Asked, document: dict[str, Any], kind: str, key: str) -> dict[str, Any]:
    endpoint = kind if kind == "ServiceProviderConfig" else f"{kind}s"
    location = f"{asked.base}/{endpoint}" + (f"/{key}" if key else "")
    return {**document, "meta": {"resourceType": kind, "location": location}}
