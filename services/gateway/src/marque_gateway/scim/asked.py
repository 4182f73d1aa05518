"""One SCIM request: read, passed on to network in the caller's name, and answered."""

from __future__ import annotations

from typing import Any

import orjson
from marque.network.v1 import provisioning_service_pb2 as rpc
from scim2_models import Context, InvalidSyntaxException, ListResponse, SearchRequest
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.refusals import MEDIA_TYPE
from marque_gateway.routes import metadata_of
from marque_gateway.scim.resources import MAX_RESULTS, TOLERANT
from marque_gateway.upstream import Upstreams, method_of

_SERVICE = "/marque.network.v1.ProvisioningService/"


class Asked:
    """One request: its caller's token for network, its body, and how it wants to be answered."""

    def __init__(self, request: Request, upstreams: Upstreams) -> None:
        self.request = request
        self._upstreams = upstreams
        self.base = str(request.base_url).rstrip("/") + "/scim/v2"

    async def call(self, name: str, message: Any) -> Any:
        """Calls network in the caller's name."""
        path = _SERVICE + name
        method = method_of(path)
        assert method is not None
        if method.idempotent:
            message.request_id = self.request.headers.get("idempotency-key", "")
        return await self._upstreams.call(
            path, message, metadata_of(self.request), deserialize=method.output.FromString
        )

    async def body(self, model: Any, context: Context) -> Any:
        """Reads the body as a resource."""
        try:
            document = orjson.loads(await self.request.body())
        except orjson.JSONDecodeError:
            raise InvalidSyntaxException(detail="the body is not JSON") from None
        if not isinstance(document, dict):
            raise InvalidSyntaxException(detail="the body is not an object")
        return model.model_validate(document, scim_ctx=context, scim_policy=TOLERANT)

    @property
    def if_match(self) -> str:
        """The condition of a change."""
        return self.request.headers.get("if-match", "")

    def locate(self, endpoint: str, key: str) -> str:
        """Where a resource is."""
        return f"{self.base}/{endpoint}/{key}"

    def search(self) -> SearchRequest[Any]:
        """Reads the query of a search."""
        known = {"filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy", "sortOrder"}
        given = {name: value for name, value in self.request.query_params.items() if name in known}
        return SearchRequest.model_validate(given, scim_policy=TOLERANT)

    def resource(self, found: Any, context: Context, status: int = 200) -> Response:
        """Answers with one resource."""
        query = self.request.query_params
        shown = SearchRequest.model_validate(
            {name: query[name] for name in ("attributes", "excludedAttributes") if name in query}
        )
        headers = {"content-type": MEDIA_TYPE}
        if found.meta is not None and found.meta.version:
            headers |= {"etag": found.meta.version, "location": found.meta.location}
        document = found.model_dump(scim_ctx=context, response_parameters=shown)
        return Response(orjson.dumps(document), status, headers)

    def page(self, model: Any, found: list[Any], total: int, search: SearchRequest[Any]) -> Response:
        """Answers with a page of resources."""
        listed = ListResponse[model](
            total_results=total, start_index=search.start_index or 1, items_per_page=len(found), resources=found
        )
        document = listed.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=search)
        document.setdefault("Resources", [])
        return Response(orjson.dumps(document), 200, {"content-type": MEDIA_TYPE})


def span_of(search: SearchRequest[Any], request: rpc.FindProvisionedStaffRequest | rpc.FindStaffGroupsRequest) -> None:
    """Writes the page that is asked for into network's request."""
    request.start_index = min(search.start_index or 1, 10_000_000)
    if search.count is not None:
        request.count = min(search.count, MAX_RESULTS)
    request.filter = str(search.filter or "")
