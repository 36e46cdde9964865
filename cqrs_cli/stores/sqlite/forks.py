"""What becomes of open stores when the process forks: docs/decisions/0015-a-fork-finds-nothing-open.md says why.

What is idle is closed before, and opened anew on both sides when it is asked for. What is in use goes on in the parent;
the child is kept from the file, for nothing that it could do with it is safe.
"""

from __future__ import annotations

import os
import threading

from cqrs_cli.stores.sqlite import connection
from cqrs_cli.stores.sqlite.file import SQLiteFile, open_files

_forking = threading.RLock()  # one fork at a time
_set_aside: list[SQLiteFile] = []


def _before() -> None:
    _forking.acquire()
    for file in sorted(open_files, key=id):  # in one order, for two threads may fork
        if file.set_aside():
            _set_aside.append(file)
    connection.hold()


def _after_in_parent() -> None:
    connection.release()
    while _set_aside:
        _set_aside.pop().go_on()
    _forking.release()


def _after_in_child() -> None:
    global _forking
    _forking = threading.RLock()
    _set_aside.clear()
    connection.inherit()
    for file in list(open_files):
        file.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
