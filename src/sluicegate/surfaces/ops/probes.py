"""Readiness: every part is asked at once, each with a time-out, and answers in words."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.ops.schemas import ReadyBody

__all__ = ["Probe", "check_readiness"]

Probe = Callable[[], Awaitable[str]]
"""Returns an empty text when its part is ready, else a sentence about what is missing (free of secrets)."""

_SECONDS: Final = 3.0
_log: Final = logging.getLogger(__name__)


async def check_readiness(probes: Mapping[str, Probe], seconds: float = _SECONDS) -> ReadyBody:
    """Asks all probes; one that fails or hangs makes its part, and nothing else, not ready."""
    answers = await asyncio.gather(*(_ask(name, probe, seconds) for name, probe in probes.items()))
    checks = {name: answer or "ok" for name, answer in zip(probes, answers, strict=True)}
    return ReadyBody("not ready" if any(answers) else "ready", checks)


async def _ask(name: str, probe: Probe, seconds: float) -> str:
    try:
        async with asyncio.timeout(seconds):
            return await probe()
    except TimeoutError:
        return f"It did not answer within {seconds:g} seconds."
    except SluicegateError as error:
        return error.detail
    except Exception:  # noqa: BLE001 - a probe that breaks is a finding about its part
        _log.exception("The readiness probe '%s' failed.", name)
        return "It could not be asked; the log says why."
