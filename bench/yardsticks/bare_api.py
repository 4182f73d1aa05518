"""Yardstick (a): one file, FastAPI and asyncpg, the same two reads from the same tables in the same JSON, and nothing else.

It checks the same bearer token with joserfc and remembers a verified one by its hash, as our services do. What it leaves out is what the
platform adds: contracts, validation, scope, masking, audit, tracing, rate limits, the hop between gateway and service.

Run by granian: `BARE_DATABASE=… BARE_JWKS=… BARE_ISSUER=… granian --interface asgi bench.yardsticks.bare_api:app`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import orjson
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

_COLUMNS = """
c.customer_id, c.version, c.create_time, c.update_time, c.kind, c.status, c.merged_into, c.family_name, c.given_name, c.full_name,
c.latin_name, c.organisation_name, c.birth_date, c.gender, c.language, c.preferred_channel, c.time_zone, c.occupation, c.income_band,
c.interests, c.industry, c.tags, c.addresses,
(SELECT json_agg(p ORDER BY p.create_time, p.contact_point_id) FROM contact_points p WHERE p.customer_id = c.customer_id) AS points,
(SELECT json_agg(s ORDER BY s.source, s.source_key) FROM source_references s WHERE s.customer_id = c.customer_id) AS sources"""
GET = f"SELECT {_COLUMNS} FROM customers c WHERE c.customer_id = $1"
PAGE = f"""SELECT {_COLUMNS} FROM customers c WHERE c.status = ANY('{{1,4}}')
ORDER BY c.update_time DESC, c.customer_id DESC LIMIT $1"""

_KINDS = ("UNSPECIFIED", "PERSON", "ORGANISATION")
_STATUSES = ("UNSPECIFIED", "ACTIVE", "MERGED", "ERASED", "RESTRICTED")
_GENDERS = ("UNSPECIFIED", "FEMALE", "MALE", "OTHER", "UNDISCLOSED")
_CHANNELS = ("UNSPECIFIED", "PHONE", "SMS", "EMAIL", "POST", "MESSAGING", "PUSH", "IN_PERSON", "WEB", "FAX")
_POINTS = ("UNSPECIFIED", "PHONE", "EMAIL", "MESSAGING", "FAX")
_METHODS = ("UNSPECIFIED", "CODE", "CALL", "DOCUMENT", "IDENTITY_PROVIDER")


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    async def no_reset(connection: asyncpg.Connection) -> None:
        return

    app.state.keys = KeySet.import_key_set(json.loads(os.environ["BARE_JWKS"]))
    app.state.pool = await asyncpg.create_pool(os.environ["BARE_DATABASE"], min_size=1, max_size=10, reset=no_reset)
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=_life, openapi_url=None)
_known: dict[bytes, dict[str, Any]] = {}


async def caller(request: Request) -> dict[str, Any]:
    """Returns the claims of the request's bearer token, or refuses it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401)
    digest = hashlib.sha256(token.encode()).digest()
    claims = _known.get(digest)
    if claims is None:
        try:
            claims = jwt.decode(token, app.state.keys, algorithms=["ES256", "RS256"]).claims
        except (JoseError, ValueError):
            raise HTTPException(401) from None
        if claims.get("iss") != os.environ["BARE_ISSUER"] or claims.get("aud") != "marque":
            raise HTTPException(401)
        _known[digest] = claims
    if claims["exp"] < time.time():
        raise HTTPException(401)
    if "oem.manager" not in claims.get("roles", ()):
        raise HTTPException(403)
    return claims


Caller = Annotated[dict[str, Any], Depends(caller)]


@app.get("/v1/customers/{customer_id}")
async def get_customer(customer_id: uuid.UUID, claims: Caller) -> Response:
    """Returns one customer."""
    row = await app.state.pool.fetchrow(GET, customer_id)
    if row is None:
        raise HTTPException(404)
    return Response(orjson.dumps(_customer(row)), media_type="application/json")


@app.get("/v1/customers")
async def list_customers(
    claims: Caller, page_size: Annotated[int, Query(alias="pageSize", ge=1, le=1000)] = 50
) -> Response:
    """Returns the customers that changed last."""
    rows = await app.state.pool.fetch(PAGE, page_size + 1)
    token = ""
    if len(rows) > page_size:
        last = rows[page_size - 1]
        token = base64.urlsafe_b64encode(f"{last['update_time'].isoformat()} {last['customer_id']}".encode()).decode()
    page = {"customers": [_customer(row) for row in rows[:page_size]], "nextPageToken": token}
    return Response(orjson.dumps(page), media_type="application/json")


def _customer(row: asyncpg.Record) -> dict[str, Any]:
    found: dict[str, Any] = {
        "customerId": str(row["customer_id"]),
        "kind": f"CUSTOMER_KIND_{_KINDS[row['kind']]}",
        "status": f"CUSTOMER_STATUS_{_STATUSES[row['status']]}",
        "mergedIntoCustomerId": str(row["merged_into"] or ""),
        "organisationName": row["organisation_name"],
        "contactPoints": [_point(one) for one in orjson.loads(row["points"] or "[]")],
        "addresses": [_address(one) for one in orjson.loads(row["addresses"])],
        "gender": f"GENDER_{_GENDERS[row['gender']]}",
        "language": row["language"],
        "preferredChannel": f"CHANNEL_{_CHANNELS[row['preferred_channel']]}",
        "timeZone": row["time_zone"],
        "occupation": row["occupation"],
        "incomeBand": row["income_band"],
        "interests": row["interests"],
        "industry": row["industry"],
        "tags": row["tags"],
        "sourceReferences": [
            {"source": one["source"], "sourceKey": one["source_key"], "lastSeenTime": _time(one["last_seen_time"])}
            for one in orjson.loads(row["sources"] or "[]")
        ],
        "createTime": _moment(row["create_time"]),
        "updateTime": _moment(row["update_time"]),
        "etag": f"v{row['version']}",
        "maskedFields": [],
    }
    if row["full_name"]:
        found["name"] = {
            "familyName": row["family_name"],
            "givenName": row["given_name"],
            "fullName": row["full_name"],
            "latinName": row["latin_name"],
        }
    if row["birth_date"]:
        day = row["birth_date"]
        found["birthDate"] = {"year": day // 10000, "month": day // 100 % 100, "day": day % 100}
    return found


def _point(one: dict[str, Any]) -> dict[str, Any]:
    found = {
        "contactPointId": one["contact_point_id"],
        "kind": f"CONTACT_POINT_KIND_{_POINTS[one['kind']]}",
        "value": one["value"],
        "provider": one["provider"],
        "label": one["label"],
        "primary": one["is_primary"],
        "source": one["source"],
        "verificationMethod": f"VERIFICATION_METHOD_{_METHODS[one['verification_method']]}",
        "createTime": _time(one["create_time"]),
    }
    if one["verify_time"]:
        found["verifyTime"] = _time(one["verify_time"])
    return found


def _address(one: dict[str, Any]) -> dict[str, Any]:
    place = one["address"]
    return {
        "address": {
            "countryCode": place.get("country_code", ""),
            "province": place.get("province", ""),
            "city": place.get("city", ""),
            "district": place.get("district", ""),
            "lines": place.get("lines", []),
            "postalCode": place.get("postal_code", ""),
        },
        "label": one["label"],
        "primary": one["primary"],
        "source": one["source"],
    }


def _time(text: str) -> str:
    return text.replace("+00:00", "Z")


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
