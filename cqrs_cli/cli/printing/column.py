"""A column of a table, as a command declares it."""

from typing import NamedTuple

_WHOLE = frozenset(
    {"id", "stream", "position", "version", "type", "projection", "key", "category", "name", "path", "code"}
)


class Column(NamedTuple):
    """A column of a table.

    whole: never cut or dropped, and folded only before other columns are dropped, the first of them not even then;
        None: decided by the name (ids, streams, positions …).
    drop: where there is no room, columns with the highest number go first; of equals the one furthest right.
    """

    name: str
    title: str | None = None
    whole: bool | None = None
    drop: int = 0

    @property
    def keeps(self) -> bool:
        """Whether the column stays whole on a narrow terminal."""
        if self.whole is not None:
            return self.whole
        name = self.name
        return name in _WHOLE or name.endswith(("_id", "_no", "_code", "_key"))
