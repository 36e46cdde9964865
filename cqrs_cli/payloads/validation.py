"""One way to a validated model, whatever its configuration says."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cqrs_cli.domain.pydantic_fast import from_python
from cqrs_cli.errors import DomainFailed
from cqrs_cli.failure import domain_failed

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], payload: Any) -> Model:
    """One validation: Python's lax mode whatever the model says; fields go by their names or aliases.

    Raises `ValidationError`, and `DomainFailed` for anything else that a validator of the user's raises.
    """
    try:
        return from_python(model)(payload)
    except (ValidationError, DomainFailed):
        raise
    except BaseException as error:
        raise domain_failed(error, f"a validator of {model.__name__}") from error
