"""A request: a chapter, a profile and values, checked against what the chapter declares."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import nbformat

from l2scaling.publish.project import Project
from l2scaling.publish.runs.parameters import Parameter, declared, resolve


@dataclass(frozen=True)
class Request:
    """What may be run: the source notebook, and ``values``, those that differ from its defaults."""

    chapter: str
    profile: str
    source: nbformat.NotebookNode
    declared: list[Parameter]
    of_profile: dict[str, Any]
    values: dict[str, Any]

    @classmethod
    def of(
        cls, project: Project, chapter: str, profile: str, requested: Mapping[str, str] | None = None
    ) -> "Request":
        """Return the request for a chapter, or raise ``RequestError`` naming what is wrong with it."""
        source = project.source(chapter)
        parameters = declared(source, chapter)
        of_profile = project.profile_values(chapter, profile)
        return cls(chapter, profile, source, parameters, of_profile, {}).with_values(requested or {})

    def with_values(self, requested: Mapping[str, str]) -> "Request":
        """Return the request with these values, given as text, in place of its own."""
        return replace(self, values=resolve(self.declared, self.of_profile, dict(requested)))

    @property
    def all_values(self) -> dict[str, Any]:
        """Every parameter with the value it takes."""
        return {one.name: self.values.get(one.name, one.default) for one in self.declared}
