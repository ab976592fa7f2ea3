"""Addresses that take forms only: whoever loads one again, after a form was answered there, is led to its page."""

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from sluicegate.surfaces.dashboard.frame import go

__all__ = ["returning"]


def returning(levels: int, *paths: str) -> HTTPRouteHandler:
    """A handler for GET that goes up ``levels`` parts of the path, and does nothing else."""

    @get(list(paths))
    async def back(request: Request[Any, Any, Any]) -> Redirect:
        return go(request.url.path.rsplit("/", levels)[0])

    return back
