"""Bounds in sentences: numbers after "at least" are rounded down, those after "at most" up.

A page writes ``{atleast}`name:.2f``` and ``{atmost}`name:.0%``` where it would write ``{glue:text}`` for a
number that is no bound; another chapter's number has that chapter's file before it, as there.
"""

import ast
import math
import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import PurePosixPath

import nbformat

from l2scaling.publish.errors import RunError

_ROLE = re.compile(r"\{(atleast|atmost)\}`(?:([^`]+)::)?(\w+):([^`]+)`")
_FORM = re.compile(r",?\.(\d+)([fe%])|,?(d)")
_GLUED = "application/papermill.record/"


def bound(value: float, form: str, *, up: bool) -> str:
    """Write a number so that it bounds the value: never below it if ``up``, else never above.

    ``form`` is a format of Python with a fixed number of digits: ``.2f``, ``,.0f``, ``.1%``, ``.1e`` or
    ``d``. Raises ``ValueError`` for another.

    >>> bound(0.9661, ".2%", up=False), bound(0.9661, ".0%", up=False), bound(0.123, ".2f", up=True)
    ('96.61%', '96%', '0.13')
    >>> bound(2.0, ".1f", up=True), bound(-0.123, ".1f", up=True), bound(1234.2, ",d", up=True)
    ('2.0', '-0.1', '1,235')
    >>> bound(1.21e-7, ".1e", up=True), bound(0.0, ".1e", up=True)
    ('1.3e-07', '0.0e+00')
    """
    found = _FORM.fullmatch(form)
    if not found:
        raise ValueError(f"format {form!r}: allowed .2f, ,.0f, .1%, .1e and d, with digits of your own")
    if not math.isfinite(value):
        return format(value, form)
    digits = int(found[1] or 0) + (2 if found[2] == "%" else 0)
    exact = Decimal(repr(float(value)))
    if found[2] == "e" and exact:
        digits -= exact.adjusted()
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_CEILING if up else ROUND_FLOOR)
    return format(int(rounded) if found[3] else float(rounded), form)


def glued(run: nbformat.NotebookNode) -> dict[str, str]:
    """Return the values that an executed notebook keeps for the prose, as text, by their names."""
    found = {}
    for cell in run.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name and f"{_GLUED}text/plain" in output.get("data", {}):
                found[name] = output.data[f"{_GLUED}text/plain"]
    return found


def filled(text: str, values: Mapping[str, Mapping[str, str]], here: str = "") -> str:
    """Put the bounds into a page; ``values`` holds those of each chapter, ``here`` is the page's own.

    Raises ``RunError`` for a name that the run does not report.

    >>> filled("at most {atmost}`gap:.1f`", {"ridge": {"gap": "0.123"}}, "ridge")
    'at most [0.2]{.pasted-text}'
    """

    def written(found: re.Match[str]) -> str:
        role, place, name, form = found.groups()
        chapter = PurePosixPath(place).stem if place else here
        if name not in values.get(chapter, {}):
            raise RunError(f"{found[0]}: chapter {chapter!r} reports no {name!r}; allowed: what it reports")
        number = bound(float(ast.literal_eval(values[chapter][name])), form, up=role == "atmost")
        return f"[{number}]{{.pasted-text}}"  # as the other numbers look

    return _ROLE.sub(written, text)
