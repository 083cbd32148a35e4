"""OpenAPI from a table of calls: what is not in the table is not there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

PROBLEM_TYPE: Final = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A refusal (RFC 9457). ``reasons`` and ``reference`` come with a rejection.

    ``challenge`` and ``expires_at`` come with ``address_changed``: the code that was sent for it.
    """

    type: str
    title: str
    status: int
    code: str
    reasons: list[str] = []
    reference: str | None = None
    challenge: str | None = None
    expires_at: datetime | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call: ``answers`` by status (None: no JSON body), ``problems`` the refusals' statuses.

    ``auth`` is ``session`` (bearer token or cookie of a signed-in voter), ``receipt`` (the code of
    a receipt in ``Authorization``) or None; ``headers`` are required ones with what they mean, ``offered``
    those that may be sent.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[int, Any]
    problems: Sequence[int] = ()
    body: Any = None
    auth: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    offered: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    tag: str = "voting"


def document(calls: Sequence[Call], *, title: str, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these calls."""
    types = [Problem]
    for call in calls:
        types += [kind for kind in (call.body, *call.answers.values()) if kind is not None]
    unique = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(
        unique, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(unique, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "http", "scheme": "bearer"},
                "receipt": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(call: Call, by_type: Mapping[Any, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _path_parameters(call.path)
    ]
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": name in call.headers,
            "description": meaning,
            "schema": {"type": "string"},
        }
        for name, meaning in (*call.headers.items(), *call.offered.items())
    ]
    parameters += [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": meaning,
            "schema": {"type": "integer"},
        }
        for name, meaning in call.query.items()
    ]
    responses: dict[str, Any] = {}
    for status, kind in call.answers.items():
        responses[str(status)] = {"description": "done"}
        if kind is not None:
            responses[str(status)]["content"] = {"application/json": {"schema": by_type[kind]}}
    for status in call.problems:
        responses[str(status)] = {
            "description": "refused",
            "content": {PROBLEM_TYPE: {"schema": by_type[Problem]}},
        }
    operation: dict[str, Any] = {
        "summary": call.summary,
        "tags": [call.tag],
        "responses": responses,
    }
    if parameters:
        operation["parameters"] = parameters
    if call.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": by_type[call.body]}},
        }
    if call.auth:
        operation["security"] = [{call.auth: []}]
    return operation


def _path_parameters(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
