"""When the user's own code raises: which frames of the traceback are worth showing.

Who calls it catches `BaseException`: neither a `sys.exit()` nor a `CancelledError` in there may end this program,
nor the rest of a batch, as if all had gone well. Ctrl-C goes on: `domain_failed` raises it again.
"""

import os
import traceback
from typing import Any

from cqrs_cli.errors import DomainFailed

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PYTHON = os.path.dirname(os.__file__) + os.sep
_SHOWN = 5


def shortened(error: BaseException) -> str:
    """The traceback without the frames of this package, of installed libraries and of Python on the way to the
    user's own; the last five at most."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if (not frame.filename.startswith(_OURS) or f"{os.sep}_samples{os.sep}" in frame.filename)
        and "site-packages" not in frame.filename
        and not frame.filename.startswith("<frozen")
    ]
    while frames and frames[0].filename.startswith(_PYTHON):
        del frames[0]
    lines = traceback.format_list(frames[-_SHOWN:]) + traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def domain_failed(error: BaseException, where: str, **details: Any) -> DomainFailed:
    """What the user's code raised in `where`, as the typed error. `details` say for which event or command."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    try:
        told = str(error)
    except Exception:
        told = "its text can't be made"
    return DomainFailed(
        f"{where} raised {type(error).__name__}: {told}",
        hint="the domain's code has a bug, or meets data that it did not expect",
        traceback=shortened(error),
        **details,
    )
