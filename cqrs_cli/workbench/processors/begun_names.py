"""Under which of its names a reaction goes on a store: the one under which it began there.

Its checkpoint, rows, deadlines, letters, streams and the ids of its commands go by that name, so that nothing has to be
moved, and a runner with the code of before the renaming is one more runner of the same reaction.
"""

from __future__ import annotations

from cqrs_cli.domain.domain import Domain
from cqrs_cli.domain.process_manager import ReactionType
from cqrs_cli.errors import Conflict, CqrsError, Misuse
from cqrs_cli.stores.rows import Checkpoint, RowReader
from cqrs_cli.workbench.processors.definitions import answer_the_same, known_beside


def as_begun(domain: Domain, rows: RowReader) -> Domain:
    """The domain, its reactions under the names under which they began; today's if they did not yet, or did too."""
    renamed = [reaction for reaction in domain.reactions.values() if reaction.other_names]
    if not renamed:
        return domain
    begun = {one.name for one in rows.checkpoints()}
    names = {one.name: name for one in renamed if one.name not in begun for name in one.other_names if name in begun}
    return domain.going_by(names) if names else domain


def begun_otherwise(reaction: ReactionType, rows: RowReader, own: bool) -> CqrsError | None:
    """Why a reaction can't go by its name here: it began under another one too, or did so meanwhile.

    own: it began under this name.
    """
    other = next((name for name in reaction.other_names if rows.checkpoint(name) is not None), None)
    if other is None:
        return None
    if not own:
        said = f"{reaction.name} was begun meanwhile as {other}, by code of before or after its renaming"
        return Conflict(said, code="begun-meanwhile", hint="try again: it goes on as that")
    return Misuse(
        f"{reaction.name} and {other} both began on this store, and are names of {reaction.cls.__name__}: "
        "what one of them has answered is not known to the other",
        code="begun-twice",
        hint=f"leave {other!r} out of the aliases: what waits under that name stays, and is not sent",
    )


def ahead_of(domain: Domain, checkpoint: Checkpoint, definition: str, rows: RowReader) -> Checkpoint | None:
    """That of a reaction which the domain has not, which answers the same and has come further than this one.

    So it is where a class was renamed, ran under its new name, and got the old one back.
    """
    known = {name for one in domain.reactions.values() for name in (one.name, *one.other_names)}
    known |= known_beside(checkpoint.definition)
    for other in rows.checkpoints():
        is_ahead = other.position > checkpoint.position and other.name not in known and "~" not in other.name
        if is_ahead and answer_the_same(other.definition, definition):
            return other
    return None


def answered_by(checkpoint: Checkpoint, other: Checkpoint) -> Misuse:
    """What a reaction must be told that was overtaken by this other one."""
    return Misuse(
        f"{checkpoint.name} stands at @{checkpoint.position}, and {other.name}, which answers the same and is not in "
        f"the domain, at @{other.position}: what that answered would be answered again",
        code="answered-elsewhere",
        reaction=checkpoint.name,
        other=other.name,
        at=max(checkpoint.position, 1),
        reached=other.position,
    )


def renamed(domain: Domain, begun: Domain) -> dict[str, str]:
    """By their names in the domain: the names of those reactions that go on under another one."""
    pairs = zip(domain.reactions, begun.reactions, strict=True)
    return {name: other for name, other in pairs if name != other}
