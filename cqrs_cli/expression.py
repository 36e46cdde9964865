"""The one language of conditions: `hotel != 'Adlon' and taken > 3`, `data.amount < 0 or user = "till-1"`.

It reads like Python and forgives SQL (`=`, `<>`, `AND`, `is null`, `like`, a bare word for a text). Python's own parser
reads it, what is allowed is a short list, and what is left is compiled once, to code that can call nothing but the
functions here. An absent field is null, and null compares with nothing but by `is null`, `= null` and `!= null`.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from cqrs_cli.errors import Misuse
from cqrs_cli.near_names import did_you_mean

MOST_LETTERS, MOST_NODES, MOST_DIGITS = 2_000, 300, 60
HINT = "as in: hotel != 'Adlon' and taken > 3, data.amount < 0 or user = till-1, status in (paid, shipped), x is null"

Scope = Callable[[str], Any]
"""From the first part of a name to its value; None for what is absent."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+)|(?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")"""
    r"""|(?P<value>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)"""
    r"""|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>[^\W\d][\w-]*\w|[^\W\d])|(?P<sign><>|<=|>=|==|!=|[-+*/%<>=().,\[\]])""",
    re.DOTALL,
)
_WORDS = {"null": "None", "none": "None", "true": "True", "false": "False"}
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "like", "for", "if"})
_SIGNS = {"=": "==", "<>": "!="}
_ESCAPED = re.compile(r"""\\(['"\\])|(['"])\2""")


class Comparison(NamedTuple):
    """A field and what it is compared with, as it was typed. operator: = != < <= > >= in. value: None for null."""

    name: str
    operator: str
    value: str | tuple[str, ...] | None


class Expression(NamedTuple):
    """A condition, compiled. names: the first parts of the names in it.

    comparisons: what must all hold, if that is all there is to it; then a store can select by it.
    """

    text: str
    names: frozenset[str]
    comparisons: tuple[Comparison, ...] | None
    value: Callable[[Scope], Any]

    def matches(self, scope: Scope) -> bool:
        """Whether it holds. Raises `Misuse` for values that can't be reckoned with."""
        try:
            return bool(self.value(scope))
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise _wrong(self.text, 0, len(self.text), f"this can't be reckoned: {error}") from error


def expression(text: str, names: Collection[str]) -> Expression:
    """Read a condition. names: the first parts that a name may have.

    Raises `Misuse` (code `expression`) with the place marked: for what is no condition, not allowed, too large, or a
    name that is none of `names`, unless it stands where a text is compared.
    """
    if len(text) > MOST_LETTERS:
        raise Misuse(f"a condition has at most {MOST_LETTERS} letters", code="expression", hint=HINT)
    source, places = _as_python(text)
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, MemoryError, RecursionError, ValueError) as error:
        at = (getattr(error, "offset", None) or 1) - 1
        at = min(_place(places, at), len(text))
        raise _wrong(text, at, at + 1, "this is no condition") from None
    checked = _Checked(text, places, source, names)
    comparisons = _Comparisons(source, names).of(tree.body)
    body = checked.visit(tree.body)
    if not checked.used:
        raise _wrong(text, 0, len(text), "this names no field")
    code = ast.fix_missing_locations(
        ast.Expression(
            ast.Lambda(ast.arguments([], [ast.arg("_scope")], None, [], [], None, []), body),
        )
    )
    known = {"__builtins__": {}, **_FUNCTIONS, **checked.constants}
    function: Callable[[Scope], Any] = eval(compile(code, "<condition>", "eval"), known)
    return Expression(text, frozenset(checked.used), comparisons, function)


# ── from what was typed to Python ─────────────────────────────────────────────────────────────


def _as_python(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text in Python's spelling, and for each part of it where it stands: (there, in the text)."""
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    at = length = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(text, at, at + 1, "this is not understood")
        kind, word = str(match.lastgroup), match.group()
        places.append((length, at))
        if kind == "word":
            word = _spelled(word)
        elif kind == "value":
            word = repr(word)
        elif kind == "text":
            word = repr(_ESCAPED.sub(lambda escaped: escaped[1] or escaped[2], word[1:-1]))
        elif kind == "sign":
            word = _SIGNS.get(word, word)
        elif kind == "number" and sum(map(str.isdigit, word)) > MOST_DIGITS:
            raise _wrong(text, at, match.end(), "this number is too long")
        elif kind == "blank":
            word = " "
        parts.append(word)
        length += len(word.encode())
        at = match.end()
    return "".join(parts), places


def _spelled(word: str) -> str:
    low = word.lower()
    if low in _KEYWORDS:
        return "in _like @" if low == "like" else low
    if low in _WORDS:
        return _WORDS[low]
    return f"_text({word!r})" if "-" in word else word  # a bare word with dashes: an id, a stream


def _place(places: list[tuple[int, int]], at: int) -> int:
    index = bisect_right(places, (at, 1 << 60)) - 1
    return places[index][1] + max(0, at - places[index][0]) if index >= 0 else 0


def _wrong(text: str, start: int, end: int, what: str, hint: str | None = None) -> Misuse:
    marked = f"{text[:start]}»{text[start:end]}«{text[end:]}"
    return Misuse(f"{what}: {marked}", code="expression", hint=hint or HINT, expression=text, at=start)


# ── what is allowed ───────────────────────────────────────────────────────────────────────────

_COMPARED = {
    ast.Eq: "_equal",
    ast.NotEq: "_unequal",
    ast.Lt: "_less",
    ast.LtE: "_at_most",
    ast.Gt: "_more",
    ast.GtE: "_at_least",
    ast.In: "_in",
    ast.NotIn: "_not_in",
    ast.Is: "_equal",
    ast.IsNot: "_unequal",
}
_SPELLED = {
    ast.Eq: "=",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.Is: "=",
    ast.IsNot: "!=",
}
_RECKONED = {ast.Add: "_plus", ast.Sub: "_minus", ast.Mult: "_times", ast.Div: "_divided", ast.Mod: "_rest"}


class _Checked(ast.NodeTransformer):
    """Turns a tree into one that calls the functions here; refuses everything that is not on the list."""

    def __init__(self, text: str, places: list[tuple[int, int]], source: str, names: Collection[str]) -> None:
        self._text, self._places, self._source, self._names = text, places, source, names
        self.used: set[str] = set()
        self.constants: dict[str, Any] = {}
        self._own: list[str] = []  # of the generators that are open
        self._nodes = 0

    def visit(self, node: ast.AST) -> Any:
        """One node; what has no method of its own is refused."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise Misuse("the condition is too long", code="expression", hint="say it in several, or in SQL")
        method = getattr(self, f"visit_{type(node).__name__}", None)
        if method is None:
            raise self._wrong(node, "this is not allowed")
        return method(node)

    def visit_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, float):
            return self._constant(Decimal(self._piece(node)))
        if isinstance(node.value, str):
            return self._constant(_Literal(node.value))
        if node.value is not None and not isinstance(node.value, int):
            raise self._wrong(node, "this is not allowed")
        return ast.Constant(node.value)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self._own:
            return ast.Name(node.id, ast.Load())
        if node.id not in self._names:
            raise self._wrong(node, f"there is no field {node.id!r}", did_you_mean(node.id, list(self._names)))
        self.used.add(node.id)
        return ast.Call(ast.Name("_scope", ast.Load()), [ast.Constant(node.id)], [])

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if node.attr.startswith("__"):
            raise self._wrong(node, "this is not allowed")
        return _called("_member", self.visit(node.value), ast.Constant(node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.slice, ast.Slice):
            raise self._wrong(node, "a place is one number or name")
        return _called("_member", self.visit(node.value), self.visit(node.slice))

    def visit_List(self, node: ast.List) -> Any:
        return ast.List([self._side(one) for one in node.elts], ast.Load())

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        return ast.BoolOp(node.op, [self.visit(value) for value in node.values])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return ast.UnaryOp(node.op, self.visit(node.operand))
        if isinstance(node.op, ast.USub):
            return _called("_minus", ast.Constant(0), self.visit(node.operand))
        raise self._wrong(node, "this is not allowed")

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        name = _RECKONED.get(type(node.op))
        if name is None:
            raise self._wrong(node, "this is not allowed")
        return _called(name, self.visit(node.left), self.visit(node.right))

    def visit_Compare(self, node: ast.Compare) -> Any:
        sides, terms = [node.left, *node.comparators], list[Any]()
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            name = _COMPARED[type(operator)]
            if name in ("_equal", "_unequal") and (_is_null(left) or _is_null(right)):
                asked = ast.Compare(self.visit(right if _is_null(left) else left), [ast.Is()], [ast.Constant(None)])
                terms.append(asked if name == "_equal" else ast.UnaryOp(ast.Not(), asked))
                continue
            if type(operator) in (ast.Is, ast.IsNot):
                raise self._wrong(right, "after `is` stands null or not null")
            like = isinstance(right, ast.BinOp) and isinstance(right.op, ast.MatMult) and name in ("_in", "_not_in")
            if like:
                assert isinstance(right, ast.BinOp)
                term = _called("_like", self.visit(left), self._side(right.right))
                terms.append(ast.UnaryOp(ast.Not(), term) if name == "_not_in" else term)
                continue
            terms.append(_called(name, self.visit(left), self._side(right, in_list=name in ("_in", "_not_in"))))
        return terms[0] if len(terms) == 1 else ast.BoolOp(ast.And(), terms)

    def visit_Call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name == "_text" and isinstance(node.args[0], ast.Constant):
            return self._dashed(node, str(node.args[0].value))
        if name not in _NAMED or node.keywords or not 1 <= len(node.args) <= 2:
            hint = f"there are {', '.join(sorted(_NAMED))}"
            raise self._wrong(node, "there is no such function", did_you_mean(name or "", list(_NAMED)) or hint)
        return _called(f"_f_{name}", *map(self.visit, node.args))

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> Any:
        (loop, *more) = node.generators
        if (
            more
            or self._own
            or loop.is_async
            or not isinstance(loop.target, ast.Name)
            or loop.target.id.startswith("_")
        ):
            raise self._wrong(node, "one `x for y in z`, with a plain name, is allowed")
        over = _called("_listed", self.visit(loop.iter))
        self._own.append(loop.target.id)
        inner = ast.comprehension(ast.Name(loop.target.id, ast.Store()), over, [self.visit(one) for one in loop.ifs], 0)
        made = ast.GeneratorExp(self.visit(node.elt), [inner])
        self._own.pop()
        return made

    def _side(self, node: ast.AST, in_list: bool = False) -> Any:
        """A side of a comparison, where a word that is no field is a text."""
        if in_list and isinstance(node, (ast.Tuple, ast.List)):
            if not node.elts:
                raise self._wrong(node, "after `in` stand values")
            return ast.Tuple([self._side(one) for one in node.elts], ast.Load())
        is_word = isinstance(node, ast.Name) and node.id not in self._own and node.id not in self._names
        if in_list and (is_word or isinstance(node, ast.Constant) or _is_text(node)):
            return ast.Tuple([self._side(node)], ast.Load())
        return self._constant(_Literal(node.id)) if isinstance(node, ast.Name) and is_word else self.visit(node)

    def _dashed(self, node: ast.AST, word: str) -> Any:
        """A word with dashes: a name as it is typed on a command line, or a text."""
        name = word.replace("-", "_")
        if name in self._names:
            return self.visit_Name(ast.copy_location(ast.Name(name), node))
        if all(part in self._names for part in word.split("-")):
            raise self._wrong(node, "a minus has blanks round it")
        return self._constant(_Literal(word))

    def _constant(self, value: Any) -> Any:
        """A value that is made once."""
        name = f"_{len(self.constants)}"
        self.constants[name] = value
        return ast.Name(name, ast.Load())

    def _piece(self, node: ast.AST) -> str:
        return ast.get_source_segment(self._source, node) or ""

    def _wrong(self, node: Any, what: str, hint: str | None = None) -> Misuse:
        start, end = _place(self._places, node.col_offset), _place(self._places, node.end_col_offset)
        return _wrong(self._text, start, max(start + 1, min(end, len(self._text))), what, hint)


class _Comparisons:
    """Finds out whether a condition is nothing but comparisons of fields with values, all of which must hold."""

    def __init__(self, source: str, names: Collection[str]) -> None:
        self._source, self._names = source, names

    def of(self, node: ast.AST) -> tuple[Comparison, ...] | None:
        """What is compared; None if there is more to it."""
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            parts = [self.of(value) for value in node.values]
            return None if None in parts else tuple(one for part in parts for one in part or ())
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            return None
        operator, name, right = _SPELLED.get(type(node.ops[0])), self._field(node.left), node.comparators[0]
        if operator is None or name is None:
            return None
        if operator == "in":
            values = [self._value(one) for one in right.elts] if isinstance(right, (ast.Tuple, ast.List)) else [None]
            return None if None in values else (Comparison(name, operator, tuple(map(str, values))),)
        if _is_null(right):
            return (Comparison(name, operator, None),) if operator in ("=", "!=") else None
        value = self._value(right)
        return None if value is None else (Comparison(name, operator, value),)

    def _field(self, node: ast.AST) -> str | None:
        name = node.id if isinstance(node, ast.Name) else self._dashed(node)
        name = name if name is None else name.replace("-", "_")
        return name if name in self._names else None

    def _value(self, node: ast.AST) -> str | None:
        """A value that was typed; None for anything else."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        sign = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
        if isinstance(sign, ast.Constant) and sign.value is not None:
            return ast.get_source_segment(self._source, node)
        if isinstance(node, ast.Name):
            return None if node.id in self._names else node.id
        word = self._dashed(node)
        return None if word is None or word.replace("-", "_") in self._names else word

    @staticmethod
    def _dashed(node: ast.AST) -> str | None:
        if not (isinstance(node, ast.Call) and _is_text(node) and isinstance(node.args[0], ast.Constant)):
            return None
        return str(node.args[0].value)


def _is_null(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.AST) -> bool:
    """Whether it is a bare word with dashes."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_text"


def _called(name: str, *arguments: Any) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


# ── values ────────────────────────────────────────────────────────────────────────────────────


class _Literal(str):
    """A text that was typed: it takes the type of what it is compared with, or that is a mistake."""

    __slots__ = ()


def _member(value: Any, name: Any) -> Any:
    """A field, a member or a place; None if it is not there."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(name, int):
        return value[name] if isinstance(value, (list, tuple)) and -len(value) <= name < len(value) else None
    fields = getattr(type(value), "model_fields", ())
    return getattr(value, name) if name in fields else None


def _listed(value: Any) -> Any:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    raise TypeError(f"{_shown(value)} is no list")


def _pair(left: Any, right: Any) -> tuple[Any, Any] | None:
    """The two as values that can be compared; None if they can't."""
    if left is None or right is None:
        return None
    if type(left) is type(right):
        return left, right
    if isinstance(left, Enum) or isinstance(right, Enum):
        return _pair(*(one.value if isinstance(one, Enum) else one for one in (left, right)))
    if isinstance(left, str) != isinstance(right, str):
        value, met = (left, right) if isinstance(left, str) else (right, left)
        kind: Any = type(met)
        fitting = _fitting(str(value), kind)
        if fitting is None:
            if isinstance(value, _Literal):
                raise TypeError(f"{_shown(str(value))} is compared with {_shown(met)}")
            return None
        return (fitting, met) if value is left else (met, fitting)
    if isinstance(left, bool) or isinstance(right, bool):
        return (left, right) if isinstance(left, bool) and isinstance(right, bool) else None
    if isinstance(left, datetime) != isinstance(right, datetime) and isinstance(left, date) and isinstance(right, date):
        return (_day(left), _day(right))
    if isinstance(left, float) or isinstance(right, float):
        return (_exact(left), _exact(right)) if _is_number(left) and _is_number(right) else None
    return left, right


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _exact(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _day(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value


@lru_cache(maxsize=4096)
def _fitting(text: str, kind: Any) -> Any:
    """The text as a value of this type; None if it is none."""
    try:
        if issubclass(kind, bool):
            return {"true": True, "false": False}.get(text.lower())
        if issubclass(kind, (int, float, Decimal)):
            found = Decimal(text)
            return found if found.is_finite() else None
        if issubclass(kind, datetime):
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if issubclass(kind, date):
            return date.fromisoformat(text[:10])
        if issubclass(kind, UUID):
            return UUID(text)
    except (ValueError, InvalidOperation):
        return None
    return None


def _equal(left: Any, right: Any) -> bool:
    pair = _pair(left, right)
    return pair is not None and bool(pair[0] == pair[1])


def _unequal(left: Any, right: Any) -> bool:
    return left is not None and right is not None and not _equal(left, right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        pair = _pair(left, right)
        if pair is None:
            return False
        try:
            return compare(*pair)
        except TypeError:  # what has no order, such as a list and a number
            return False

    return ordered


def _in(left: Any, right: Any) -> bool:
    if left is None:
        return False
    if isinstance(right, str):
        return isinstance(left, str) and left in right
    return any(_equal(left, one) for one in _listed(right))


def _not_in(left: Any, right: Any) -> bool:
    return left is not None and not _in(left, right)


def _like(left: Any, pattern: Any) -> bool:
    """SQL's LIKE, with upper and lower case told apart: `%` for any text, `_` for a letter."""
    if left is not None and not isinstance(left, str):
        raise TypeError(f"{_shown(left)} is no text")
    return left is not None and _pattern(str(pattern)).fullmatch(left) is not None


@lru_cache(maxsize=64)
def _pattern(like: str) -> re.Pattern[str]:
    parts = re.split(r"(%+|_)", like)
    made = ("." if part == "_" else ".*" if part[:1] == "%" else re.escape(part) for part in parts)
    return re.compile("".join(made), re.DOTALL)


def _number(value: Any) -> Any:
    """A number, also one that JSON has as a text; None for null."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if value is None or (isinstance(value, (int, Decimal)) and not isinstance(value, bool)):
        return value
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise TypeError(f"{_shown(value)} is no number") from None


def _reckoned(reckon: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def reckoned(left: Any, right: Any) -> Any:
        left, right = _number(left), _number(right)
        return None if left is None or right is None else reckon(left, right)

    return reckoned


def _divided(left: Any, right: Any) -> Any:
    return None if right == 0 else Decimal(left) / Decimal(right)


def _shown(value: Any) -> str:
    return ascii(value)[:40]


def _text_of(value: Any) -> Any:
    return None if value is None else str(value.value if isinstance(value, Enum) else value)


def _length(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, (str, list, tuple, set, frozenset, Mapping)):
        return len(value)
    return sum(1 for _ in value)


def _many(fold: Callable[[Any], Any]) -> Callable[..., Any]:
    def folded(first: Any, *more: Any) -> Any:
        numbers = [_number(one) for one in ((first, *more) if more else _over(first)) if one is not None]
        return fold(numbers) if numbers or fold is sum else None

    return folded


def _over(value: Any) -> Any:
    return value if hasattr(value, "__next__") else _listed(value)


_NAMED: dict[str, Callable[..., Any]] = {
    "len": _length,
    "sum": _many(sum),
    "min": _many(min),
    "max": _many(max),
    "any": lambda values: any(_over(values)),
    "all": lambda values: all(_over(values)),
    "abs": lambda value: None if value is None else abs(_number(value)),
    "lower": lambda value: None if value is None else _text_of(value).lower(),
    "upper": lambda value: None if value is None else _text_of(value).upper(),
    "startswith": lambda value, start: value is not None and _text_of(value).startswith(str(start)),
    "endswith": lambda value, end: value is not None and _text_of(value).endswith(str(end)),
    "contains": lambda value, part: _in(part, value),
    "date": lambda value: _fitting(value, date) if isinstance(value, str) else None if value is None else _day(value),
}
_FUNCTIONS: dict[str, Any] = {
    **{f"_f_{name}": function for name, function in _NAMED.items()},
    "_member": _member,
    "_listed": _listed,
    "_equal": _equal,
    "_unequal": _unequal,
    "_less": _ordered(lambda left, right: left < right),
    "_at_most": _ordered(lambda left, right: left <= right),
    "_more": _ordered(lambda left, right: left > right),
    "_at_least": _ordered(lambda left, right: left >= right),
    "_in": _in,
    "_not_in": _not_in,
    "_like": _like,
    "_plus": _reckoned(lambda left, right: left + right),
    "_minus": _reckoned(lambda left, right: left - right),
    "_times": _reckoned(lambda left, right: left * right),
    "_divided": _reckoned(_divided),
    "_rest": _reckoned(lambda left, right: None if right == 0 else left % right),
}
