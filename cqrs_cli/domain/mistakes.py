"""Mistakes in the user's classes that any of them can have."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import cached_property

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticUserError

from cqrs_cli.domain.factories import gives_others
from cqrs_cli.domain.renamed import refuse_older_names
from cqrs_cli.errors import DefinitionError


def refuse_keywords(cls: type, unknown: Mapping[str, object], known: str) -> None:
    """Raise `DefinitionError` for class keywords that mean nothing (`verion=2` would vanish)."""
    for keyword in unknown:
        others = ", and pydantic's own" if issubclass(cls, BaseModel) else ""
        raise DefinitionError(f"{cls.__name__}: unknown class keyword {keyword!r}", hint=f"known: {known}{others}")


def check_version(owner: str, version: object) -> None:
    """Raise `DefinitionError` for a `version=` that is no whole number from 1 on."""
    if type(version) is not int or version < 1:
        raise DefinitionError(
            f"{owner}: version={version!r}, but versions are 1, 2, 3 …", hint="the first version is 1"
        )


def check_name(owner: str, name: str, what: str) -> None:
    """Raise `DefinitionError` for what can't be the name of a category or table."""
    if not name.isascii() or not name.replace("_", "a").isalnum() or name[0].isdigit() or len(name) > 100:
        raise DefinitionError(f"{owner}: {name!r} can't be a {what}", hint="ASCII letters, digits and _, at most 100")


def as_aliases(cls: type, aliases: object) -> tuple[str, ...]:
    """The older names of a class, as a tuple. Raises `DefinitionError` for a text, which is one name, not several."""
    if isinstance(aliases, str) or not isinstance(aliases, tuple | list):
        raise DefinitionError(
            f"{cls.__name__}: aliases={aliases!r} is not several names", hint=f"aliases=({str(aliases)!r},)"
        )
    return tuple(aliases)


def check_aliases(owner: str, name: str, aliases: tuple[str, ...], what: str) -> None:
    """Raise `DefinitionError` for a name and older ones that can't be those of a category or table, or come twice."""
    for text in (name, *aliases):
        if not isinstance(text, str) or not text:
            raise DefinitionError(f"{owner}: {text!r} can't be a {what}", hint="a name is a text")
        check_name(owner, text, what)
    if len({name, *aliases}) <= len(aliases):
        raise DefinitionError(f"{owner}: aliases={aliases!r} names one twice, or today's", hint="each older name once")


def complete(cls: type[BaseModel]) -> None:
    """Resolve what the class's annotations left open. Raises `DefinitionError` with the remedy."""
    try:
        cls.model_rebuild()
    except (PydanticUserError, NameError) as error:
        raise DefinitionError(
            f"{cls.__name__} has an annotation that can't be resolved: {str(error).splitlines()[0]}",
            hint="import it where the class is defined; an import under `if TYPE_CHECKING:` is not there at run time",
        ) from None


def refuse_private(cls: type[BaseModel]) -> None:
    """Raise `DefinitionError` for private attributes: they are not part of what is stored."""
    for name in cls.__private_attributes__:
        raise DefinitionError(
            f"{cls.__name__}.{name}: a private attribute is lost when it is stored", hint="make it a field"
        )


def refuse_taken(cls: type[BaseModel], *taken: str) -> None:
    """Raise `DefinitionError` for fields with a name that the engine keeps on the class."""
    for name in taken:
        if name in cls.model_fields:
            raise DefinitionError(
                f"{cls.__name__}.{name}: {name!r} is taken",
                hint=f"rename the field; Field(alias={name!r}) keeps it in JSON",
            )


def check_folded(cls: type[BaseModel], key: tuple[str, ...], version: object, first: str) -> None:
    """Raise `DefinitionError` for what the class of a fold can't be or have. first: why it begins with defaults."""
    check_version(cls.__name__, version)
    refuse_older_names(cls, cls.__name__)
    if len(set(key)) < len(key):
        raise DefinitionError(f"{cls.__name__}: key= names a field twice", hint=f"key={tuple(dict.fromkeys(key))!r}")
    for name, field in cls.model_fields.items():
        if name not in key and field.is_required():
            raise DefinitionError(
                f"{cls.__name__}.{name} has no default", hint=f"{first}: all but the key need defaults"
            )
        if name in key and (field.alias, field.validation_alias) != (None, None):  # the engine fills it in by its name
            raise DefinitionError(
                f"{cls.__name__}.{name}: a key can't have an alias", hint="rename the field; commands may have aliases"
            )
    _refuse_what_is_lost(cls)


def _refuse_what_is_lost(cls: type[BaseModel]) -> None:
    """Raise `DefinitionError` for what a state has beside its fields, or a default has beside its values."""
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if isinstance(value, cached_property):
                raise DefinitionError(
                    f"{cls.__name__}.{name}: a cached property keeps what the state was before later events",
                    hint="@property",
                )
    for name, field in cls.model_fields.items():
        if field.default_factory is not None and gives_others(field.default_factory):  # type: ignore[arg-type]
            raise DefinitionError(
                f"{cls.__name__}.{name}: its default_factory gives another value each time, so that no two folds of "
                "the same events would come to the same",
                hint="a default that stays, and an event that says the value (made where the command is decided)",
            )
        if isinstance(field.default, deque) and field.default.maxlen is not None:
            raise DefinitionError(
                f"{cls.__name__}.{name}: the maxlen of a deque is lost when it is stored",
                hint="a deque without maxlen, which the evolve keeps short",
            )


def first_complaint(error: ValidationError) -> str:
    """The first thing pydantic says, with its place: `items.0.quantity: Input should be …`."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
