"""A loop of the engine's own, in a thread, for `decide` methods that are coroutine functions.

In a thread so that it also serves callers who are inside a running loop themselves.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any


@cache  # one a process: threads do not survive a fork
def _loop(process: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="cqrs-decide", daemon=True).start()
    return loop


async def _ended(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    """The result, or what was raised: much of it would end the loop too, or be taken for its own."""
    try:
        return await coroutine, None
    except BaseException as stop:
        return None, stop


def wait_for(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The coroutine's result, or what it raised."""
    result, stop = asyncio.run_coroutine_threadsafe(_ended(coroutine), _loop(os.getpid())).result()
    if stop is not None:
        raise stop
    return result
