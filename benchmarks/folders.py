"""Where stores are made while something is measured."""

from pathlib import Path


class Folders:
    """New paths in one folder, which the caller removes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = 0

    def new(self, name: str) -> Path:
        """A path where there is nothing yet."""
        self._made += 1
        return self.folder / f"{self._made:03}-{name}"
