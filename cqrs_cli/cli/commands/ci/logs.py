"""The logs that parts look at: a store named by hand, else corpora, else the store of the settings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cqrs_cli.cli.commands.corpus import FOLDER
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, StoreNotFound

if TYPE_CHECKING:
    from cqrs_cli.workbench.workbench import Workbench


class Log:
    """A log that is opened when a part first wants it, and once. name: as it is shown; store: its path or URL.

    is_named: somebody said it by name, so it has to be there.
    """

    def __init__(self, session: Session, name: str, store: str, is_named: bool) -> None:
        self._session, self.name, self._store, self._is_named = session, name, store, is_named
        self._bench: Workbench | None = None
        self._why: str | None = None

    def opened(self) -> tuple[Workbench | None, str]:
        """The domain on it, or None and why there is none.

        What it raises when it is opened it raises once; afterwards there is none.
        """
        if self._bench is None and self._why is None:
            self._why = f"{self.name} could not be opened"
            try:
                self._bench = self._session.workbench(store=self._store)
            except StoreNotFound as error:
                self._why = error.message
                if self._is_named:
                    raise
            except CqrsError:
                raise
        return self._bench, self._why or ""


def logs(session: Session, corpora: Sequence[str]) -> list[Log]:
    """The logs to look at, one at least. corpora: folders that the settings name."""
    settings = session.settings
    if settings.store_is_named:
        return [Log(session, session.store_shown, settings.store, True)]
    if corpora:
        return [Log(session, path, path, True) for path in corpora]
    found = os.path.relpath(os.path.join(settings.folder, FOLDER), settings.cwd)
    if _is_corpus(found):
        return [Log(session, os.path.join(found, ""), found, True)]
    return [Log(session, session.store_shown, settings.store, False)]


def _is_corpus(folder: str) -> bool:
    if not os.path.isdir(folder):
        return False
    from cqrs_cli.transfer.corpus import files_of

    return bool(files_of(folder))
