"""Loops of the engine's own, in threads, for `decide` methods that are coroutine functions.

In threads so that they also serve callers who are inside a running loop themselves: a user's, or one of these, when
a service of an async decide sends a command. That one is waited for while its loop stands still, so the command's own
coroutine runs in a loop of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any

_LOOPS = "cqrs-decide"


@cache  # one a process: threads do not survive a fork
def _loop(process: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=_LOOPS, daemon=True).start()
    return loop


async def _ended(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    """The result, or what was raised: much of it would end the loop too, or be taken for its own."""
    try:
        return await coroutine, None
    except BaseException as stop:
        return None, stop


def wait_for(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The coroutine's result, or what it raised."""
    if threading.current_thread().name == _LOOPS:
        ended: list[tuple[Any, BaseException | None]] = []
        thread = threading.Thread(target=lambda: ended.append(asyncio.run(_ended(coroutine))), name=_LOOPS)
        thread.start()
        thread.join()
        result, stop = ended[0]
    else:
        result, stop = asyncio.run_coroutine_threadsafe(_ended(coroutine), _loop(os.getpid())).result()
    if stop is not None:
        raise stop
    return result
