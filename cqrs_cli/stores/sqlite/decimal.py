"""Decimal columns: digits in TEXT, compared as numbers through a key that sorts as bytes do."""

from __future__ import annotations

_MIDDLE = 2**61
"""Added to an exponent, so that none is negative: Decimal has them from -2 * 10**18 to 10**18."""
_INVERTED = bytes(255 - byte for byte in range(256))


def decimal_key(digits: str | None) -> bytes | None:
    """Bytes that sort as the numbers do, equal for equal numbers; None for what is no finite number.

    A sign, then for positive numbers the exponent of the first digit and the digits without their
    trailing zeros; for negative ones the same, inverted and closed with 0xFF.
    """
    from decimal import Decimal, InvalidOperation

    if digits is None:
        return None
    try:
        number = Decimal(digits)
    except (InvalidOperation, ValueError, TypeError):
        return None
    if not number.is_finite():
        return None
    if not number:
        return b"\1"
    figures = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    key = (number.adjusted() + _MIDDLE).to_bytes(8, "big") + figures.encode()
    return b"\0" + key.translate(_INVERTED) + b"\xff" if number.is_signed() else b"\2" + key
