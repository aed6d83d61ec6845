"""The page of the atlas: one table of all arguments, each with an address of its own, as Markdown."""

import re
from collections.abc import Iterable, Sequence

from l2scaling.atlas.calls import Call
from l2scaling.atlas.conventions import FAMILIES, Convention, Library, libraries
from l2scaling.atlas.quantities import QUANTITIES, RESTS, symbol
from l2scaling.atlas.situations import Situations, summary
from l2scaling.publish.pages.ledger import table

HEAD = "argument | family | coefficient | counts | default | what it decays | what the library does"
"""The columns; the script that filters the table knows them by their place."""


def row_anchor(name: str) -> str:
    """Return the lasting address of a row within the page.

    >>> row_anchor("keras.regularizers.L1L2:l2")
    'atlas-keras-regularizers-l1l2-l2'
    """
    return "atlas-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def counted(row: Convention) -> str:
    """Return in words what the coefficient depends on besides the value.

    >>> from l2scaling.atlas.conventions import find
    >>> counted(find("sklearn.linear_model.Ridge")), counted(find("torch.optim.SGD"))
    ('samples', 'nothing')
    """
    return ", ".join(name.replace("_", " ") for name in row.needs) or "nothing"


SHORT = (
    "torch.optim.SGD", "torch.optim.AdamW", "torch.optim.ASGD:lambd", "keras.optimizers.Muon:weight_decay",
    "optax.adafactor", "optax.lamb", "sklearn.neural_network.MLPClassifier", "sklearn.linear_model.Lasso",
    "sklearn.linear_model.HuberRegressor", "sklearn.decomposition.NMF:W_l2",
    "xgboost.XGBRegressor:gblinear_lambda",
    "catboost.CatBoostRegressor", "statsmodels.api.OLS.fit_regularized:l1",
    "lion_pytorch.Lion:decoupled_weight_decay",
)  # fmt: skip
"""The rows whose traps the page shows first: much used, and far from what one would guess."""


def atlas_page(calls: Sequence[Call], tried: Sequence[Situations] = ()) -> str:
    """Return how many arguments of how many libraries were measured, their traps, and the table of all.

    ``tried`` is what became of decay in situations, which is told in sentences on each library.
    """
    known = [one for one in libraries().values() if one.rows and one.requires]
    rows = [(library, row) for library in known for row in library.rows]
    by_row: dict[str, list[Call]] = {}
    for call in calls:
        by_row.setdefault(call.row, []).append(call)
    measured = sum(row.name in by_row for _, row in rows)
    traps = {row.name: f"- {_link(row)}: {_dollars(row.trap)}" for _, row in rows if row.trap}
    absent = [one for one in libraries().values() if one.absent]
    text = [
        f"**{len(rows)} arguments of {len(known)} libraries**, {measured} of them measured by {len(calls)} "
        f"calls; {sum(row.on for _, row in rows)} act unless they are switched off.\n",
        "## Traps\n",
        *(traps[name] for name in SHORT if name in traps),
        f"\n```{{dropdown}} {len(traps) - sum(name in traps for name in SHORT)} further traps",
        *(line for name, line in traps.items() if name not in SHORT),
        "```\n",
        "## What else a step does to them\n",
        *_behaviours(known, tried),
        *(["## Not measured\n", *(f"- `{one.name}`: {one.absent}" for one in absent), ""] if absent else []),
        "## Without a coefficient\n",
        *(f"- `{path}`: {words}" for one in known for path, words in one.without.items()),
        "\n## The table\n",
        "{.stacked .atlas}",
        table(HEAD, [_row(library, row, by_row.get(row.name, [])) for library, row in rows]),
    ]
    return "\n".join(text) + "\n"


def _dollars(text: str) -> str:
    return text.replace("$", "\\$")


def symbols_table() -> str:
    """Return what the letters in coefficients mean."""
    used = {RESTS.get(name, name) for one in libraries().values() for row in one.rows for name in row.counts}
    families = [f"{name} | {words}" for name, words in FAMILIES.items()]
    letters = [
        f"{_plain(symbol(name))} | {quantity.words.removeprefix(f'{symbol(name)}, ')}"
        for name, quantity in QUANTITIES.items()
        if name in used
    ]
    return table("family | what its coefficient is", families) + "\n" + table("letter | what it is", letters)


def _row(library: Library, row: Convention, calls: Sequence[Call]) -> str:
    told = [f"`{_plain(row.formula)}`", *(f"{_plain(one)}" for one in (row.note,) if one)]
    if calls:
        told.append(f"{len(calls)} calls of {library.name} {calls[-1].version}, {calls[-1].date}")
    else:
        told.append(f"from its source: {_plain(row.source)}")
    name = f"[`{row.name}`]{{#{row_anchor(row.name)}}}"
    default = "none" if row.default is None else f"{row.default}"
    cells = [
        f"{name} `{row.argument}`", row.family, _plain(row.meaning), counted(row), default,
        _decayed(row), "; ".join(told),
    ]  # fmt: skip
    return " | ".join(cells)


def _decayed(row: Convention) -> str:
    also = [what for what, yes in row.decays.items() if yes]
    spared = [what for what, yes in row.decays.items() if not yes]
    words = [f"also {', '.join(also)}"] * bool(also) + [f"not {', '.join(spared)}"] * bool(spared)
    return "; ".join(words) or _plain(row.biases)


def _behaviours(known: Iterable[Library], tried: Sequence[Situations]) -> list[str]:
    lines = []
    for library in known:
        rows = [row for row in library.rows if row.behaviour]
        mine = [one for one in tried if one.library == library.name]
        if rows or mine:
            lines.append(f"```{{dropdown}} {library.name}")
            if mine:
                lines.append(f"- measured in a first step of version {mine[-1].version}, {mine[-1].date}:")
                lines += [f"  - {sentence}" for sentence in summary(mine)]
            for row in rows:
                told = "; ".join(f"*{what}*: {_plain(words)}" for what, words in row.behaviour.items())
                lines.append(f"- {_link(row)}: {told}")
            lines.append("```\n")
    return lines


def _link(row: Convention) -> str:
    return f"[`{row.name}`](#{row_anchor(row.name)})"


def _plain(text: str) -> str:
    """Return text as a cell of a table may have it."""
    return text.replace("|", "\\|").replace("\n", " ")
