"""What a fold may not depend on, made another: hash seed, time zone, locale, clock."""

from __future__ import annotations

import contextlib
import gc
import locale
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple


class Surroundings(NamedTuple):
    """Those of one process. shift: by which the clock is ahead, in seconds. locales: the first that is there."""

    seed: str
    zone: str
    locales: tuple[str, ...]
    shift: float

    def environ(self) -> dict[str, str]:
        """The variables of a process that begins in these."""
        return {**os.environ, "PYTHONHASHSEED": self.seed, "TZ": self.zone}


# The zones are more than a day apart, so that `date.today()` is never the same in both; no database of zones is needed.
ONE = Surroundings("1", "XAA11:30", ("C",), 0.0)
OTHER = Surroundings(
    "2", "XBB-13:45", ("tr_TR.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8", "en_US.UTF-8", "C.UTF-8"), 400 * 86_400 + 25_860.5
)


def enter(shift: float, locales: tuple[str, ...]) -> bool:
    """Change what is not changed by variables; whether the clock is shifted now (or was not to be)."""
    for category in (locale.LC_TIME, locale.LC_NUMERIC, locale.LC_COLLATE, locale.LC_MONETARY):
        for name in locales:
            with contextlib.suppress(locale.Error):
                locale.setlocale(category, name)
                break
    if not shift:
        return True
    before, real = datetime.now(UTC), time.time
    _set_clock(lambda: real() + shift)
    return datetime.now(UTC) - before >= timedelta(seconds=shift)


def stop_clock(moment: float) -> None:
    """Let it be one and the same moment for all code in Python; seconds since 1970."""
    _set_clock(lambda: moment)


def _set_clock(clock: Callable[[], float]) -> None:
    more: Mapping[str, Callable[..., Any]] = {name: getattr(time, name) for name in ("localtime", "gmtime", "ctime")}
    time.time = clock
    time.time_ns = lambda: int(clock() * 1_000_000_000)
    for name, function in more.items():
        setattr(time, name, lambda seconds=None, function=function: function(clock() if seconds is None else seconds))
    strftime, local = time.strftime, time.localtime
    time.strftime = lambda text, when=None: strftime(text, local() if when is None else when)
    _set_datetime(clock)


def _set_datetime(clock: Callable[[], float]) -> None:
    """`datetime.now` and `utcnow`, which ask the system and not `time`: in the class itself, as code may hold it."""

    def now(cls: type[datetime], tz: Any = None) -> datetime:
        return cls.fromtimestamp(clock(), tz)

    def utcnow(cls: type[datetime]) -> datetime:
        return cls.fromtimestamp(clock(), UTC).replace(tzinfo=None)

    with contextlib.suppress(ImportError, AttributeError, ValueError, TypeError):  # another Python
        import ctypes

        (methods,) = (one for one in gc.get_referents(vars(datetime)) if isinstance(one, dict) and "now" in one)
        methods["now"], methods["utcnow"] = classmethod(now), classmethod(utcnow)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))
