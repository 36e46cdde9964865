"""Texts that are shown masked, and still lead to what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Sealed = Callable[[str], str]


class HiddenText(str):
    """What is shown in the place of a text. In a link it is a word that means the text to this server alone."""

    def __new__(cls, shown: str, meant: str, sealed: Sealed) -> HiddenText:
        """meant: the text. sealed: makes the word."""
        made = super().__new__(cls, shown)
        made._meant, made._sealed = meant, sealed
        return made

    _meant: str
    _sealed: Sealed

    @property
    def word(self) -> str:
        """What stands for it in a link."""
        return self._sealed(self._meant)


def leading(shown: Any, meant: Any, sealed: Sealed) -> Any:
    """Plain JSON values as they are shown, in which texts that were masked know what they were."""
    if isinstance(shown, dict) and isinstance(meant, dict):
        return {name: leading(one, meant.get(name), sealed) for name, one in shown.items()}
    if isinstance(shown, list) and isinstance(meant, list) and len(shown) == len(meant):
        return [leading(one, other, sealed) for one, other in zip(shown, meant, strict=True)]
    if isinstance(shown, str) and isinstance(meant, str) and shown != meant:
        return HiddenText(shown, meant, sealed)
    return shown
