"""The reference page of the helper package: every public module, from its own docstrings."""

import inspect
import pkgutil
from importlib import import_module
from types import ModuleType

import l2scaling


def modules() -> list[ModuleType]:
    """Return the modules that notebooks import, their rooms' doors included: all but the publisher."""
    found = pkgutil.walk_packages(l2scaling.__path__, "l2scaling.")
    names = [one.name for one in found if not one.name.startswith("l2scaling.publish")]
    return [import_module(name) for name in names]


def reference_page() -> str:
    """Return a section a module as Markdown; Sphinx fills in the docstrings.

    Fields of named tuples are left out: Python documents each as an alias of its number.
    """
    sections = []
    for module in modules():
        fields = [
            name
            for _, one in inspect.getmembers(module, inspect.isclass)
            if one.__module__ == module.__name__ and issubclass(one, tuple)
            for name in getattr(one, "_fields", ())
        ]
        excluded = f"   :exclude-members: {', '.join(sorted(set(fields)))}\n" if fields else ""
        sections.append(
            f"## {module.__name__.removeprefix('l2scaling.')}\n\n"
            f"```{{eval-rst}}\n.. automodule:: {module.__name__}\n   :members:\n{excluded}"
            "   :member-order: bysource\n```\n"
        )
    return "\n".join(sections)
