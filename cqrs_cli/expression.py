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
from decimal import Decimal
from keyword import iskeyword
from typing import Any, NamedTuple

from cqrs_cli.errors import Misuse
from cqrs_cli.expression_types import fields_of, inside
from cqrs_cli.expression_values import COMPARED, FUNCTIONS, NAMED, Literal, among, compared_with
from cqrs_cli.near_names import did_you_mean

MOST_LETTERS, MOST_NODES, MOST_DIGITS = 2_000, 300, 60
HINT = "as in: hotel != 'Adlon' and taken > 3, data.amount < 0 or user = till-1, status in (paid, shipped), x is null"

Scope = Callable[[str], Any]
"""From the first part of a name to its value; None for what is absent.

A value may be a plain one, a mapping, a list, a model, a dataclass or a NamedTuple, and hold others: of an object the
fields are seen that its class declares, a model's computed ones too, and no property or method.
"""
Names = Collection[str] | Mapping[str, Any]
"""The first parts of names. As a mapping it has their types: then a field that the type has not is a mistake with its
place; with `Any`, or where no type says which fields there are, it is null. See `expression_types`."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+)|(?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")"""
    r"""|(?P<value>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)"""
    r"""|(?P<bare>\d+(?![eE][+-]?\d)[^\W\d]\w*)"""
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
        except ArithmeticError as error:
            what = "the numbers in this are too large, or have too many digits"
            raise _wrong(self.text, 0, len(self.text), what) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise _wrong(self.text, 0, len(self.text), f"this can't be reckoned: {error}") from error


def expression(text: str, names: Names) -> Expression:
    """Read a condition. names: the first parts that a name may have, with their types where those are known.

    Raises `Misuse` (code `expression`) with the place marked: for what is no condition, not allowed, too large, or a
    name that is none of `names`, unless it stands where a text is compared.
    """
    if len(text) > MOST_LETTERS:
        raise Misuse(f"a condition has at most {MOST_LETTERS} letters", code="expression", hint=HINT)
    source, places = _as_python(text)
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, MemoryError, RecursionError, ValueError) as error:
        raise _no_condition(text, source, places, getattr(error, "offset", None)) from None
    checked = _Checked(text, places, source, names)
    try:
        body = checked.visit(tree.body)
        comparisons = _Comparisons(source, names).of(tree.body)
        if not checked.used:
            raise _wrong(text, 0, len(text), "this names no field")
        only = ast.arguments([], [ast.arg("_scope")], None, [], [], None, [])
        code = compile(ast.fix_missing_locations(ast.Expression(ast.Lambda(only, body))), "<condition>", "eval")
    except (RecursionError, MemoryError):
        raise _wrong(text, 0, len(text), "this is nested too deep") from None
    function: Callable[[Scope], Any] = eval(code, {"__builtins__": {}, **FUNCTIONS, **checked.constants})
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
        if kind == "word" and parts[-1:] == ["."]:
            word = f"_{word}" if iskeyword(word) else word  # `data.from`: what a field is called is its own affair
        elif kind == "word":
            word = _spelled(word)
        elif kind == "bare":  # the beginning of an id
            word = f"_text({word!r})"
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
    return f"_text({word!r})" if "-" in word or iskeyword(word) else word  # an id, a stream; `type = import`


def _place(places: list[tuple[int, int]], at: int) -> int:
    index = bisect_right(places, (at, 1 << 60)) - 1
    return places[index][1] + max(0, at - places[index][0]) if index >= 0 else 0


def _wrong(text: str, start: int, end: int, what: str, hint: str | None = None, **details: str) -> Misuse:
    marked = f"{text[:start]}»{text[start:end]}«{text[end:]}"
    return Misuse(f"{what}: {marked}", code="expression", hint=hint or HINT, expression=text, at=start, **details)


def _no_condition(text: str, source: str, places: list[tuple[int, int]], offset: int | None) -> Misuse:
    """What Python's parser refuses. offset: the letter of the source where it gave up, from 1; 0 or None at its end."""
    if not text.strip():
        return Misuse("the condition is empty", code="expression", hint=HINT, expression=text, at=0)
    at = min(_place(places, len(source[: offset - 1].encode())), len(text)) if offset else len(text)
    if not text[at:].strip():
        return _wrong(text, len(text), len(text), "this condition is not finished")
    return _wrong(text, at, at + 1, "this is no condition")


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

    def __init__(self, text: str, places: list[tuple[int, int]], source: str, names: Names) -> None:
        self._text, self._places, self._source, self._names = text, places, source, names
        self.used: set[str] = set()
        self.constants: dict[str, Any] = {}
        self._kinds: dict[ast.AST, Any] = {}
        self._own: dict[str, Any] = {}  # names of the generator that is open, with their types
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
            return self._constant(Literal(node.value))
        if node.value is not None and not isinstance(node.value, int):
            raise self._wrong(node, "this is not allowed")
        return ast.Constant(node.value)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self._own:
            return ast.Name(node.id, ast.Load())
        if node.id not in self._names:
            near = did_you_mean(node.id, list(self._names))
            raise self._wrong(node, f"there is no field {node.id!r}", near, field=node.id)
        self.used.add(node.id)
        return ast.Call(ast.Name("_scope", ast.Load()), [ast.Constant(node.id)], [])

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if node.attr.startswith("__"):
            raise self._wrong(node, "this is not allowed")
        value, name = self.visit(node.value), _field_name(node)
        self._check_field(node, node.value, name)
        return _called("_member", value, ast.Constant(name))

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.slice, ast.Slice):
            raise self._wrong(node, "a place is one number or name")
        value, place = self.visit(node.value), self.visit(node.slice)
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            self._check_field(node, node.value, node.slice.value)
        return _called("_member", value, place)

    def _check_field(self, node: ast.AST, owner: ast.AST, name: str) -> None:
        """Refuse a field that its owner's type has not."""
        known = fields_of(self._kind(owner))
        if known is not None and name not in known:
            hint = did_you_mean(name, list(known)) or (f"there is {', '.join(known)}" if known else "it has none")
            raise self._wrong(node, f"there is no field {name!r}", hint)

    def _kind(self, node: ast.AST) -> Any:
        """The type of a name with its fields and places, as far as it is known."""
        if node not in self._kinds:
            self._kinds[node] = self._found_kind(node)
        return self._kinds[node]

    def _found_kind(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name):
            types = self._names if isinstance(self._names, Mapping) else {}
            return self._own[node.id] if node.id in self._own else types.get(node.id, Any)
        name: Any = _field_name(node) if isinstance(node, ast.Attribute) else None
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            name = node.slice.value
        if not isinstance(node, (ast.Attribute, ast.Subscript)) or name is None:
            return Any
        kind = self._kind(node.value)
        known = fields_of(kind)
        return inside(kind) if known is None or isinstance(name, int) else known.get(name, Any)

    def visit_List(self, node: ast.List) -> Any:
        return ast.List([self._side(one) for one in node.elts], ast.Load())

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        return ast.BoolOp(node.op, [self.visit(value) for value in node.values])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return ast.UnaryOp(node.op, self.visit(node.operand))
        if isinstance(node.op, ast.USub):
            operand = self.visit(node.operand)
            number = self._typed(operand)
            if isinstance(number, (int, Decimal)) and not isinstance(number, bool):
                return self._constant(-number)
            return _called("_minus", ast.Constant(0), operand)
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
            terms.append(self._compared(name, self.visit(left), self._side(right, in_list=name in ("_in", "_not_in"))))
        return terms[0] if len(terms) == 1 else ast.BoolOp(ast.And(), terms)

    def _compared(self, name: str, left: Any, right: Any) -> Any:
        """The comparison of two sides; one that was typed is looked at once, not for every value."""
        if name == "_in" and isinstance(right, ast.Tuple):
            values = [self._typed(one) for one in right.elts]
            if None not in values:
                return ast.Call(self._constant(among(values)), [left], [])
        if name in COMPARED:
            first, second = self._typed(left), self._typed(right)
            if second is not None and first is None:
                return ast.Call(self._constant(compared_with(name, second)), [left], [])
            if first is not None and second is None:
                return ast.Call(self._constant(compared_with(COMPARED[name][2], first)), [right], [])
        return _called(name, left, right)

    def _typed(self, made: Any) -> Any:
        """The value behind a node that was made of one that was typed; None for any other."""
        if isinstance(made, ast.Constant):
            return made.value
        found = self.constants.get(made.id) if isinstance(made, ast.Name) else None
        return None if callable(found) else found

    def visit_Call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name == "_text" and isinstance(node.args[0], ast.Constant):
            return self._dashed(node, str(node.args[0].value))
        if name not in NAMED or node.keywords or not 1 <= len(node.args) <= 2:
            hint = f"there are {', '.join(sorted(NAMED))}"
            raise self._wrong(node, "there is no such function", did_you_mean(name or "", list(NAMED)) or hint)
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
        self._own[loop.target.id] = inside(self._kind(loop.iter))
        inner = ast.comprehension(ast.Name(loop.target.id, ast.Store()), over, [self.visit(one) for one in loop.ifs], 0)
        made = ast.GeneratorExp(self.visit(node.elt), [inner])
        self._own.clear()
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
        return self._constant(Literal(node.id)) if isinstance(node, ast.Name) and is_word else self.visit(node)

    def _dashed(self, node: ast.AST, word: str) -> Any:
        """A word with dashes: a name as it is typed on a command line, or a text."""
        name = word.replace("-", "_")
        if name in self._names:
            return self.visit_Name(ast.copy_location(ast.Name(name), node))
        if all(part in self._names for part in word.split("-")):
            raise self._wrong(node, "a minus has blanks round it")
        return self._constant(Literal(word))

    def _constant(self, value: Any) -> Any:
        """A value that is made once."""
        name = f"_{len(self.constants)}"
        self.constants[name] = value
        return ast.Name(name, ast.Load())

    def _piece(self, node: ast.AST) -> str:
        return ast.get_source_segment(self._source, node) or ""

    def _wrong(self, node: Any, what: str, hint: str | None = None, **details: str) -> Misuse:
        start, end = _place(self._places, node.col_offset), _place(self._places, node.end_col_offset)
        return _wrong(self._text, start, max(start + 1, min(end, len(self._text))), what, hint, **details)


class _Comparisons:
    """Finds out whether a condition is nothing but comparisons of fields with values, all of which must hold."""

    def __init__(self, source: str, names: Names) -> None:
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


def _field_name(node: ast.Attribute) -> str:
    """The field as it was typed."""
    return node.attr[1:] if node.attr[:1] == "_" and iskeyword(node.attr[1:]) else node.attr


def _is_null(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.AST) -> bool:
    """Whether it is a bare word with dashes."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_text"


def _called(name: str, *arguments: Any) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
