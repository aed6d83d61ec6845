"""The parameters a notebook declares, and whether a value may be given to one.

A declaration is one line of the cell tagged ``parameters``::

    name: type = literal  # meaning [unit]; allowed

``type`` is int, float, bool, str, list[int] or list[float]; ``allowed`` is one of
``A to B`` · ``one of a, b`` · ``true or false`` · ``M to N increasing values from A to B``.
"""

import ast
import itertools
import json
import math
import re
import warnings
from dataclasses import dataclass
from typing import Any

import nbformat
import papermill

from l2scaling.floats import SIZES, is_held
from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import brief, unknown

_NUMBER = r"(-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_RANGE = re.compile(rf"{_NUMBER} to {_NUMBER}")
_VALUES = re.compile(rf"(\d+) to (\d+) increasing values from {_NUMBER} to {_NUMBER}")
_CHOICE = re.compile(r"one of (.+)")
_FORMS = {
    "int": _RANGE,
    "float": _RANGE,
    "bool": re.compile("true or false"),
    "str": _CHOICE,
    "list[int]": _VALUES,
    "list[float]": _VALUES,
}
"""What may stand for ``allowed`` with each type."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter of a chapter."""

    name: str
    type: str
    default: Any
    allowed: str
    help: str

    def parse(self, text: str) -> Any:
        """Turn the words of a command line into a value of the declared type, checked."""
        try:
            return self.check(_parsers[self.type](text))
        except ValueError as error:
            raise self._refusal(text) from error
        except OverflowError as error:
            raise RequestError(f"parameter {self.name!r} cannot be {_shown(text)}, {error}") from error

    def check(self, value: Any) -> Any:
        """Return the value if its type and range are the declared ones, else raise."""
        if isinstance(value, int) and not isinstance(value, bool) and self.type == "float":
            value = float(value) if abs(value) < 2**53 else math.inf
        if self.type == "list[float]" and isinstance(value, list):
            value = [float(item) if type(item) is int and abs(item) < 2**53 else item for item in value]
        if not self._has_type(value) or not self._in_range(value):
            raise self._refusal(value)
        return value

    def _refusal(self, value: Any) -> RequestError:
        return RequestError(
            f"parameter {self.name!r} cannot be {_shown(value)}; allowed: {self.type}, {self.allowed}"
        )

    def _has_type(self, value: Any) -> bool:
        if self.type.startswith("list"):
            item = int if self.type == "list[int]" else float
            return type(value) is list and all(type(one) is item for one in value)
        return type(value).__name__ == self.type

    def _in_range(self, value: Any) -> bool:
        if self.type == "bool":
            return True
        if match := _CHOICE.fullmatch(self.allowed):
            return value in re.split(r",\s*", match[1])
        if match := _VALUES.fullmatch(self.allowed):
            fewest, most, low, high = map(float, match.groups())
            rising = all(a < b for a, b in itertools.pairwise(value))
            return fewest <= len(value) <= most and rising and all(low <= one <= high for one in value)
        match = _RANGE.fullmatch(self.allowed)
        assert match, "declared() admits no other form for a number"
        return float(match[1]) <= value <= float(match[2])


def _shown(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."


def _whole(text: str) -> int:
    return int(text, 10)


def real(text: str) -> float:
    """Read a number; raise ``OverflowError`` for one that a float cannot hold with all its digits.

    >>> real("1_0e-2"), real("0e-400")
    (0.1, 0.0)
    >>> real("1e-400")
    Traceback (most recent call last):
        ...
    OverflowError: beyond what a float can express; allowed: 0, or sizes from 2.2e-308 to 1.8e+308
    """
    value = float(text)
    digits = text.lower().partition("e")[0]
    named = any(sign.isdecimal() and int(sign) for sign in digits)  # no digit of inf and nan is
    if named and (value == 0 or not is_held(value)):
        raise OverflowError(f"beyond what a float can express; allowed: 0, or sizes from {SIZES}")
    return value


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _list(text: str) -> list[Any]:
    value = json.loads(text, parse_float=real)
    if not isinstance(value, list):
        raise ValueError(text)
    return value


def _guard(parser: Any) -> Any:
    def parse(text: str) -> Any:
        try:
            return parser(text)
        except (KeyError, RecursionError) as error:
            raise ValueError(text) from error

    return parse


_parsers = {
    "int": _whole,
    "float": real,
    "bool": _guard(_truth),
    "str": str,
    "list[int]": _guard(_list),
    "list[float]": _guard(_list),
}


def declared(notebook: nbformat.NotebookNode, chapter: str) -> list[Parameter]:
    """Return the parameters of a notebook, in its order.

    papermill's own inspection finds names, types and help, so that nothing is declared
    that plain papermill cannot see. Raises ``RequestError`` for a declaration that
    breaks the grammar above.
    """
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise RequestError(f"chapter {chapter!r} has {len(cells)} cells tagged 'parameters'; allowed: 1")
    try:
        with warnings.catch_warnings(action="error"):  # on what Python is about to forbid
            statements = ast.parse(cells[0].source).body
        literals = {node.target.id: ast.literal_eval(node.value) for node in statements}
        seen = papermill.inspect_notebook(notebook)
    except Exception as error:  # of Python for what is no literal, of papermill for an unknown kernel
        raise RequestError(
            f"chapter {chapter!r}: broken parameters cell ({brief(error)}); "
            "allowed: lines 'name: type = literal  # help', for a kernel of Python"
        ) from error
    found = [_parameter(one, literals, chapter) for one in seen.values()]
    if [parameter.name for parameter in found] != list(literals):
        raise RequestError(f"chapter {chapter!r}: papermill cannot see all parameters; allowed: one a line")
    return found


def _parameter(seen: dict[str, Any], literals: dict[str, Any], chapter: str) -> Parameter:
    name, kind = seen["name"], seen["inferred_type_name"]
    where = f"chapter {chapter!r}, parameter {name!r}"
    help_text, _, allowed = seen["help"].rpartition("; ")
    if kind not in _FORMS:
        raise RequestError(f"{where}: type {kind!r}; allowed: {', '.join(_FORMS)}")
    if not help_text or not _FORMS[kind].fullmatch(allowed):
        raise RequestError(
            f"{where}: help {seen['help']!r}; allowed: 'meaning [unit]; range', with a range for {kind}"
        )
    parameter = Parameter(name, kind, literals.get(name), allowed, help_text)
    parameter.check(parameter.default)
    return parameter


def resolve(
    parameters: list[Parameter], profile_values: dict[str, Any], requested: dict[str, str]
) -> dict[str, Any]:
    """Return the values that differ from the notebook's defaults: the profile's, then the request's.

    Raises ``RequestError`` for a name that is not declared or a value that is not allowed.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in (*profile_values, *requested):
        if name not in known:
            raise unknown("parameter", name, known)
    values = {name: known[name].check(value) for name, value in profile_values.items()}
    return values | {name: known[name].parse(text) for name, text in requested.items()}
