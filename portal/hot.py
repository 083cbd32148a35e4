"""The calls of a voter, found without a router: a rush is made of these few.

Trying one route after the other, and the layer that turns exceptions into answers, cost a fifth of
a voter. Everything else goes the usual way.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class HotPath:
    """Answers ``calls`` itself, by method and path; a path may end in one ``{parameter}``."""

    def __init__(self, app: ASGIApp, calls: Mapping[tuple[str, str], Endpoint]) -> None:
        self._app = app
        self._calls = calls
        self._endings = {
            (method, path.partition("{")[0]): (path.partition("{")[2][:-1], endpoint)
            for (method, path), endpoint in calls.items()
            if path.endswith("}")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        endpoint = self._endpoint(scope) if scope["type"] == "http" else None
        if endpoint is None:
            await self._app(scope, receive, send)
        else:
            answer = await endpoint(Request(scope, receive))
            await answer(scope, receive, send)

    def _endpoint(self, scope: Scope) -> Endpoint | None:
        method, path = scope["method"], scope["path"]
        endpoint = self._calls.get((method, path))
        if endpoint is not None:
            return endpoint
        start, slash, last = path.rpartition("/")
        parameter, endpoint = self._endings.get((method, start + slash), ("", None))
        if endpoint is None or not last:
            return None
        scope["path_params"] = {parameter: last}
        return endpoint
