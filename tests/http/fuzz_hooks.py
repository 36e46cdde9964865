"""What schemathesis is told beside the document: how lines of JSON are written, and what no schema can say."""

import re
from typing import Any

import schemathesis  # pyright: ignore[reportMissingImports]

UNSAID = re.compile(
    r"digits (in total|before)|decimal places"  # of a number: `multipleOf` and bounds count in floats
    r"|more than 64 bits|more than 1000 digits|beyond the years"  # of what an event holds, which is not what was sent
    r"|valid decimal \(got '[^']*[eE]"  # an exponent that no number has: how many digits are too many depends on the rest
    r"|should match pattern '[^']*\\s"  # U+0085 is white space to pydantic, and none to JSON Schema
)


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """A text as it is; bytes, too."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.check
def what_fits_is_taken(_: Any, response: Any, case: Any) -> None:
    """What fits the document is not answered with 422. A rule of the domain may say no: 400, 404, 409, 412."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 422:
        return
    told = response.json()
    if told["code"] == "command-id-reused":  # the key "0" comes with many bodies
        return
    details = [one["detail"] for one in told.get("errors", ())] or [told["detail"]]
    unsaid = [one for one in details if not UNSAID.search(one)]
    assert not unsaid, f"it fits the document, and is refused: {unsaid[:5]}"
