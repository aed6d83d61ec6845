"""Let other books refer to all that has a number here: figures, propositions and equations.

Sphinx writes into ``objects.inv``, from which other books read what they may refer to, neither equations
nor propositions, and a figure under its whole caption.
"""

from collections.abc import Iterator

from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment

EQUATION = "equation-"  # with which Sphinx begins an equation's anchor


class Labels(StandardDomain):
    """The labels as other books see them: whatever is numbered goes by its kind and number."""

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        numbered = dict(numbers(self.env))
        for name, words, kind, page, anchor, priority in super().get_objects():
            if kind == "label":
                words = numbered.pop((page, anchor), words)
            yield name, words, kind, page, anchor, priority
        proofs = getattr(self.env, "proof_list", {})
        for (page, anchor), words in numbered.items():
            if anchor in proofs or anchor.startswith(EQUATION):
                yield anchor.removeprefix(EQUATION), words, "label", page, anchor, -1


def numbers(environment: BuildEnvironment) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield page and anchor of what is numbered, and what another book calls it, such as Fig. 3."""
    formats = {"figure": environment.config.numfig_format["figure"], "displaymath": "Equation %s"}
    for page, kinds in environment.toc_fignumbers.items():
        for kind, anchors in kinds.items():
            for anchor, number in anchors.items():
                words = formats.get(kind, f"{kind.title()} %s")
                yield (page, anchor), words % ".".join(map(str, number))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_domain(Labels, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
