"""The OpenAPI document of the data plane, made from the table of operations and the wire shapes themselves."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from sluicegate.core.gateway import PROVIDERS, JobKind
from sluicegate.surfaces.gateway.envelope import Debug, FragmentMeta, Meta
from sluicegate.surfaces.gateway.operations import OPERATIONS, Route
from sluicegate.surfaces.gateway.problems import Problem
from sluicegate.surfaces.gateway.proxy import METHODS

__all__ = ["describe"]

_REFUSED: Final[Mapping[str, str]] = {
    "400": "The request's shape is wrong: providers, tokens, kind or body.",
    "401": "A credential is missing or not valid.",
    "403": "The user of this key does not let this add-on or address in, or the call came in plain HTTP.",
    "404": "No such path.",
    "405": "The path does not take this method.",
    "408": "The body did not come.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "429": "Too many requests.",
    "500": "Our fault.",
}
_HEADERS: Final = {
    "X-Request-Id": {"schema": {"type": "string", "format": "uuid"}, "description": "The call's id in the audit."},
    "Server-Timing": {
        "schema": {"type": "string"},
        "description": "Our own time, turns', the providers', each one's.",
    },
}
_QUERY: Final[Mapping[str, dict[str, Any]]] = {
    "kind": {"type": "string", "enum": [str(kind) for kind in JobKind]},
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000},
    "offset": {"type": "integer", "minimum": 0, "maximum": 100000, "default": 0},
    "deadline_ms": {"type": "integer", "minimum": 1, "maximum": 30000, "default": 10000},
}
_CREDENTIALS: Final[list[dict[str, list[str]]]] = [
    {"addon_id": [], "addon_secret": [], "proxy_key": []},
    {"addon_id": [], "addon_secret": [], "provider_tokens": []},
]


_NEEDED: Final[Mapping[JobKind, str]] = {
    JobKind.TORRENT: "magnet",
    JobKind.USENET: "url",
    JobKind.WEB_FETCH: "url",
}
"""What names the content of a new job."""


@cache
def describe() -> dict[str, Any]:
    """OpenAPI 3.1; paths are whole, so that the document serves clients from the server's root."""
    shapes = list(dict.fromkeys([Problem, Debug, FragmentMeta, Meta, *_shapes(OPERATIONS)]))
    _, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    components["CreateRequest"] = _by_kind(components["CreateRequest"])
    paths: dict[str, dict[str, Any]] = {}
    for route in OPERATIONS:
        paths.setdefault(f"/api/v0.6-beta{route.path}", {})[route.method.lower()] = _operation(route)
    paths["/api/v0.6-beta/proxy/{path}"] = {method.lower(): _proxied(method) for method in sorted(METHODS)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Canonical gateway", "version": "0.6-beta", "description": describe.__doc__ or ""},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _schemes()},
    }


def _shapes(routes: Sequence[Route]) -> list[type]:
    return [shape for route in routes for shape in (route.answer, route.body) if shape is not None]


def _by_kind(request: dict[str, Any]) -> dict[str, Any]:
    """``jobs.create`` as one shape for each kind, as each needs another member and does not look at the others'."""
    properties: dict[str, Any] = request["properties"]
    shared = {name: properties[name] for name in ("name", "password")}
    shapes = []
    for kind, needed in _NEEDED.items():
        own = {"kind": {"const": str(kind)}, needed: properties[needed]["anyOf"][0]}
        shapes.append({"type": "object", "properties": own | shared, "required": ["kind", needed]})
    return {"title": request["title"], "description": request["description"], "oneOf": shapes}


def _operation(route: Route) -> dict[str, Any]:
    ids = re.findall(r"\{(\w+)\}", route.path)
    operation: dict[str, Any] = {
        "operationId": str(route.operation),
        "summary": route.summary,
        "tags": ["gateway"],
        "security": _CREDENTIALS,
        "parameters": [
            _provider_parameter(),
            {
                "name": "X-Relaygate-Include-Provider-Response",
                "in": "header",
                "description": "'true' adds debug.upstream to successes; anything else does nothing.",
                "schema": {"type": "string"},
            },
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
                for name in ids
            ),
            *_query_parameters((*route.query, "deadline_ms")),
        ],
        "responses": {"200": _success(route), **_refusals()},
    }
    if route.body is not None:
        shape: dict[str, Any] = {"$ref": f"#/components/schemas/{route.body.__name__}"}
        if route.body_optional:
            shape = {"anyOf": [shape, {"type": "null"}]}
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": shape}},
        }
    return operation


def _query_parameters(names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "required": name == "kind", "schema": _QUERY[name]} for name in names]


def _provider_parameter() -> dict[str, Any]:
    return {
        "name": "X-Relaygate-Provider",
        "in": "header",
        "required": True,
        "description": "A comma list; spaces around commas do no harm.",
        "style": "simple",
        "schema": {"type": "array", "items": {"enum": list(PROVIDERS)}, "minItems": 1, "uniqueItems": True},
    }


def _success(route: Route) -> dict[str, Any]:
    fragment = {
        "type": "object",
        "required": ["data", "meta"],
        "properties": {
            "data": {"$ref": f"#/components/schemas/{route.answer.__name__}"},
            "meta": {"$ref": "#/components/schemas/FragmentMeta"},
            "debug": {"$ref": "#/components/schemas/Debug"},
        },
        "additionalProperties": False,
    }
    failure = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"$ref": "#/components/schemas/Problem"}},
        "additionalProperties": False,
    }
    envelope = {
        "type": "object",
        "required": ["data", "meta"],
        "properties": {
            "data": {
                "type": "object",
                "propertyNames": {"enum": list(PROVIDERS)},
                "additionalProperties": {"oneOf": [fragment, failure]},
            },
            "meta": {"$ref": "#/components/schemas/Meta"},
        },
    }
    return {
        "description": "One value or error under each requested slug.",
        "headers": _HEADERS,
        "content": {"application/json": {"schema": envelope}},
    }


def _refusals() -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": words, "headers": _HEADERS, "content": problem} for status, words in _REFUSED.items()
    }


def _proxied(method: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"proxy.{method.lower()}",
        "summary": "One call at exactly one provider, answered as the provider answers",
        "tags": ["gateway"],
        "security": _CREDENTIALS,
        "parameters": [
            _provider_parameter(),
            {
                "name": "path",
                "in": "path",
                "required": True,
                "description": "From the provider's own API root, version included; it may hold slashes.",
                "schema": {"type": "string", "minLength": 1},
            },
        ],
        "responses": {
            "default": {
                "description": "The provider's own JSON and status, or a problem.",
                "content": {
                    "application/json": {"schema": {}},
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
                },
            }
        },
    }
    if method != "GET":
        operation["requestBody"] = {
            "required": False,
            "content": {"application/json": {"schema": {}}, "application/x-www-form-urlencoded": {"schema": {}}},
        }
    return operation


def _schemes() -> dict[str, Any]:
    def in_header(name: str, description: str) -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": name, "description": description}

    return {
        "addon_id": in_header("X-Relaygate-Addon-Id", "Identifier of an approved add-on."),
        "addon_secret": in_header("X-Relaygate-Addon-Secret", "Its developer secret, as_…"),
        "proxy_key": {"type": "http", "scheme": "bearer", "description": "The end user's proxy key, pk_…"},
        "provider_tokens": in_header(
            "X-Relaygate-Provider-Api-Key", "Tokens of the providers themselves, one per provider, in order."
        ),
    }
