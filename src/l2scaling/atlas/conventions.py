"""The conventions of all libraries: the rows that ``rows`` holds, found by name or alias, and as a table."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from l2scaling.atlas.lookup import listed, matches, near
from l2scaling.atlas.meaning import FAMILIES, Convention
from l2scaling.atlas.quantities import ConventionError, Usage

__all__ = [
    "FAMILIES", "REGISTRY", "Convention", "ConventionError", "Library", "Usage", "find", "libraries",
    "library_conventions", "names", "table",
]  # fmt: skip


@dataclass(frozen=True)
class Library:
    """A library of the atlas: how it is called, what to install to measure it, and its rows.

    ``requires`` are pinned requirements; none for a convention of our own. ``locked`` says that the book's
    own environment has it, ``torch`` that it stands on that environment's torch. ``absent`` says in words
    why it cannot be measured here. ``without`` has by import path what regularises without a coefficient,
    and what it does in words.
    """

    name: str
    requires: tuple[str, ...] = ()
    locked: bool = False
    torch: bool = False
    probe: str = ""
    absent: str = ""
    rows: tuple[Convention, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def measurable(self) -> bool:
        """Whether a probe can measure it here."""
        return bool(self.probe) and not self.absent


@cache
def libraries() -> dict[str, Library]:
    """Return the libraries of the atlas by name, as the files in ``rows`` have them."""
    found = {}
    for path in sorted(files("l2scaling.atlas").joinpath("rows").iterdir(), key=lambda one: one.name):
        if path.name.endswith(".yml"):
            library = _library(path.name.removesuffix(".yml"), yaml.load(path.read_text("utf-8"), _LOADER))
            found[library.name] = library
    order = {name: number for number, name in enumerate(_FIRST)}
    return {name: found[name] for name in sorted(found, key=lambda one: (order.get(one, len(order)), one))}


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built
_FIRST = ("book", "torch", "keras", "optax", "scikit-learn", "xgboost", "lightgbm")


def _library(name: str, read: dict[str, Any]) -> Library:
    known = {one.name for one in fields(Convention)}
    common, rows = read.get("common", {}), []
    for row in read.get("rows", []):
        values = common | row
        if unknown := sorted(values.keys() - known):
            raise ConventionError(f"rows/{name}.yml has {unknown[0]!r}; allowed: {', '.join(sorted(known))}")
        trial = {key: tuple(one) for key, one in (common.get("trial", {}) | row.get("trial", {})).items()}
        lists = {key: tuple(values[key]) for key in ("optimizers", "aliases", "shows") if key in values}
        rows.append(Convention(**values | lists | {"trial": trial}))
    return Library(
        name, tuple(read.get("requires", ())), read.get("locked", False), read.get("torch", False),
        read.get("probe", ""), read.get("absent", ""), tuple(rows), read.get("without", {}),
    )  # fmt: skip


REGISTRY: tuple[Convention, ...]
"""Every convention the book knows, the two of the threads and the book's own included.

An API whose one call sets several penalties stands here as parts, ``NAME:l1`` and ``NAME:l2``. The rows
are read when they are first asked for, since most commands need none.
"""


def __getattr__(name: str) -> Any:
    if name == "REGISTRY":
        return _rows()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _rows() -> tuple[Convention, ...]:
    return tuple(row for one in libraries().values() for row in one.rows)


@cache
def _by_name() -> dict[str, Convention]:
    """Return each convention under its name and its aliases."""
    found = {one.name: one for one in _rows()}
    for one in _rows():
        for alias in one.aliases:
            _, sign, part = one.name.partition(":")
            found.setdefault(alias if ":" in alias else alias + sign + part, one)
    for one in _rows():
        for path in _where_it_lies(one):
            found.setdefault(path + "".join(one.name.partition(":")[1:]), one)
    return found


def _where_it_lies(one: Convention) -> Iterator[str]:
    """Give the paths at which a class really lies, by the files that its row names as source."""
    module, _, last = one.path.rpartition(".")
    for file in re.findall(r"[\w/]+(?=\.py\b)", one.source):
        if file.startswith(f"{one.library}/") and module == module.lower():
            file = file.replace("base_optimizer", last.lower())  # where Keras has what its classes share
            yield f"{file.replace('/', '.')}.{last}"


def names() -> list[str]:
    """Return the names of all conventions: import paths, and three of our own.

    >>> names()[0], len(names()) > 20
    ('penalty_coefficient', True)
    """
    return [one.name for one in _rows()]


def find(name: str) -> Convention:
    """Return the convention called ``name``, an import path such as ``torch.optim.SGD``.

    An alias will do, a path by which Keras or a module of the library can be reached, the end of a path
    where one API alone has it. Raises ``ConventionError`` for a name that nothing or several have, with
    the one that it just misses, and, for an API that sets several penalties at once, its parts.

    >>> find("sklearn.linear_model.Ridge").meaning, find("tf.keras.regularizers.l2").name
    ('α/N', 'keras.regularizers.L2')
    >>> find("sklearn.linear_model.ElasticNet")
    Traceback (most recent call last):
        ...
    l2scaling.atlas.quantities.ConventionError: API 'sklearn.linear_model.ElasticNet' sets two penalties \
at once; allowed: sklearn.linear_model.ElasticNet:l1 or sklearn.linear_model.ElasticNet:l2
    """
    known = _by_name()
    if name in known:
        return known[name]
    found = list(dict.fromkeys(known[one].name for one in matches(name, known)))
    if len(found) == 1:
        return known[found[0]]
    if len({one.partition(":")[0] for one in found}) == 1:
        many = "two" if len(found) == 2 else "several"
        what = f"sets {many} penalties at once" if _together(found) else "has several forms"
        raise ConventionError(f"API {name!r} {what}; allowed: {' or '.join(found)}")
    if found:
        raise ConventionError(f"{name!r} is the name of {len(found)} arguments; allowed: {listed(found)}")
    without = {path: words for one in libraries().values() for path, words in one.without.items()}
    for path in matches(name, without):
        raise ConventionError(f"{path} has no coefficient: {without[path]}; allowed: another API")
    close = [known[one] for one in near(name, known)]
    hint = f" (nearest: {close[0].name!r})" if len({one.family for one in close}) == 1 else ""
    nearest = {one.path for one in close if _name(one) == _name(close[0])}
    if not hint and len(nearest) == 1:  # the one path of it, with whatever parts
        hint = f" (nearest: {nearest.pop()!r})"
    raise ConventionError(f"unknown API {name!r}{hint}; allowed: what `l2scaling atlas list` shows")


def _name(one: Convention) -> str:
    return one.path.rpartition(".")[2].casefold()


def _together(found: Sequence[str]) -> bool:
    """Whether parts act in one call: each has an argument of its own, or a ratio shares one out."""
    parts = [_by_name()[one] for one in found]
    shared = len(parts) == 2 and all({"l1_ratio", "l2_ratio"} & one.counts.keys() for one in parts)
    return shared or len({one.argument for one in parts}) == len(parts)


_CALLED = {"pytorch": "torch", "tf": "tensorflow"}


def library_named(name: str) -> Library | None:
    """Return the library called ``name``, or imported by that name; ``None`` if there is none.

    >>> library_named("sklearn").name, library_named("PyTorch").name, library_named("tf_slim")
    ('scikit-learn', 'torch', None)
    """
    asked = re.sub(r"[-_.]+", "-", name.casefold())
    if name in libraries():
        return libraries()[name]
    for one in libraries().values():
        paths = {_CALLED.get(asked, asked)} & {
            re.sub(r"[-_.]+", "-", known.casefold())
            for known in (one.name, *(row.library for row in one.rows))
        }
        if paths:
            return one
    return None


def library_conventions() -> list[Convention]:
    """Return the conventions that belong to a library, which a real call can measure.

    >>> all("." in one.name for one in library_conventions())
    True
    """
    return [one for one in _rows() if one.library]


def table(
    measured: Mapping[str, float] | None = None, conventions: Sequence[Convention] | None = None
) -> str:
    """Return ``conventions``, those of all libraries if not given, as a Markdown table.

    ``measured`` maps names to the coefficients that real calls gave, for a last column.

    >>> table().splitlines()[2].split(" | ")[:2]
    ['| `torch.optim.SGD`', '`weight_decay`']
    """
    head = ["API", "argument", "what it does", "family", "coefficient", "biases too?", "÷ samples?"]
    shown = library_conventions() if conventions is None else conventions
    rows = [
        [f"`{one.name}`", f"`{one.argument}`", one.formula.replace("|", "\\|"), one.family, one.meaning,
         one.biases, one.divides]
        for one in shown
    ]  # fmt: skip
    if measured is not None:
        found = [f"{measured[one.name]:.6g}" if one.name in measured else "" for one in shown]
        head, rows = [*head, "measured"], [[*row, last] for row, last in zip(rows, found, strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows])
