"""The reference page of the helper package: its rooms and their modules, from their own docstrings."""

import ast
import inspect
import pkgutil
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from types import ModuleType

import nbformat

import l2scaling
from l2scaling.publish.project import Project
from l2scaling.publish.runs.sources import sources

_ROOMS = f"{l2scaling.__name__}.chapters."


def modules() -> list[ModuleType]:
    """Return what notebooks and users import, each room's door before what lies behind it.

    That is all but the publisher, and the atlas' probes, which need libraries that are not here.
    """
    found = pkgutil.walk_packages(l2scaling.__path__, f"{l2scaling.__name__}.")
    apart = tuple(f"{l2scaling.__name__}.{one}" for one in ("publish", "atlas.probes."))
    names = [one.name for one in found if not one.name.startswith(apart)]
    return [import_module(name) for name in names]


def room_anchor(chapter: str) -> str:
    """Return the address of a chapter's room on this page."""
    return f"room-{chapter}"


def reference_page(
    project: Project,
    written: Mapping[str, nbformat.NotebookNode],
    titles: Mapping[str, str],
    claims: Mapping[str, Sequence[str]],
) -> str:
    """Return a section a room and a module as Markdown; Sphinx fills in the docstrings.

    ``written``, their source notebooks, ``titles`` and ``claims``, links as Markdown, are those of the
    chapters. Which of these use a module is what their notebooks import, directly or through others.
    Fields of named tuples are left out: Python documents each as an alias of its number.
    """
    made_from = {name: sources(project, name, notebook)["package"] for name, notebook in written.items()}
    chapters = {name: f"[{titles[name]}](../notebooks/{name}.ipynb)" for name in titles}
    rooms = {f"{_ROOMS}{project.room(name).name}": name for name in titles}
    sections = []
    for module in modules():
        name = module.__name__.removeprefix(f"{l2scaling.__name__}.")
        chapter = rooms.get(module.__name__)
        place = (project.root / "src" / module.__name__.replace(".", "/")).with_suffix(".py")
        users = [chapters[one] for one, paths in made_from.items() if place in paths]
        if chapter:
            lines = [f"({room_anchor(chapter)})=", f"## {name}", _docstring(module, members=False)]
            lines.append(f"Chapter {chapters[chapter]}; its claims: {', '.join(claims[chapter])}.")
        elif hasattr(module, "__path__"):
            lines = [f"## {name}", _docstring(module, members=False)]
        else:
            lines = [f"##{'#' * ('.' in name)} {name}", _docstring(module, members=True)]
            if not module.__name__.startswith(_ROOMS):
                lines.append(f"Used in: {'; '.join(users) or 'no chapter'}.")
        sections.append("\n\n".join(lines))
    shown = sha256("".join(map(_shown, modules())).encode()).hexdigest()
    return "\n\n".join([f"% {shown}", *sections]) + "\n"


def _shown(module: ModuleType) -> str:
    """Return all of a module that a reference may show: its text without what functions do, and defaults."""
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            node.body = node.body[: ast.get_docstring(node) is not None]
    functions = [one for _, one in inspect.getmembers(module, inspect.isfunction)]
    defaults = [(one.__qualname__, one.__defaults__, one.__kwdefaults__) for one in functions]
    return ast.dump(tree) + re.sub(r" at 0x[0-9a-f]+", "", repr(defaults))


def _docstring(module: ModuleType, *, members: bool) -> str:
    fields = [
        name
        for _, one in inspect.getmembers(module, inspect.isclass)
        if one.__module__ == module.__name__ and issubclass(one, tuple)
        for name in getattr(one, "_fields", ())
    ]
    options = ["   :members:", "   :member-order: bysource"] if members else []
    if members and fields:
        options.append(f"   :exclude-members: {', '.join(sorted(set(fields)))}")
    return "\n".join(["```{eval-rst}", f".. automodule:: {module.__name__}", *options, "```"])
