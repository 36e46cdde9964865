"""From an object out of JSON to a model, with all complaints at once."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from cqrs_cli.payloads import complaints
from cqrs_cli.payloads.complaints import Complaint
from cqrs_cli.payloads.jsontypes import Fits, checker, misfits, numbers_for_times
from cqrs_cli.payloads.normalisation import needs_normalising, normalised
from cqrs_cli.payloads.shapes import Record, record_of
from cqrs_cli.payloads.validation import validate

Model = TypeVar("Model", bound=BaseModel)


class ModelReader(NamedTuple, Generic[Model]):
    """A class with what reading its data needs. record: its fields. denormal: normalise the data first.

    fits: whether its values have the types that they have in JSON.
    """

    cls: type[Model]
    record: Record
    denormal: bool
    fits: Fits | None

    def read(self, data: dict[str, Any], as_text: bool = False) -> tuple[Model | None, list[Complaint]]:
        """The model, and what is wrong: without complaints there is a model. as_text: what looks like text may be so.

        Raises `DomainFailed` for what a validator of the user's raises.
        """
        named = normalised(self.record, data) if self.denormal else data
        typed: list[Complaint] = []
        if as_text:
            typed += [complaints.misfit(*misfit) for misfit in numbers_for_times(self.record, named)]
        elif self.fits is not None and not self.fits(named):
            typed += [complaints.misfit(*misfit) for misfit in misfits(self.record, named)]
        try:
            return validate(self.cls, named), typed
        except ValidationError as error:
            return None, typed + complaints.of(error, self.record, data, complaints.Typed(known=typed))


def model_reader(cls: type[Model]) -> ModelReader[Model]:
    """What reads this class."""
    record = record_of(cls)
    return ModelReader(cls, record, needs_normalising(record), checker(record))
