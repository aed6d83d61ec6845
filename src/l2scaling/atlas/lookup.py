"""Which of many import paths a reader means: by case, by part, by the module that a class really lies in."""

import difflib
from collections.abc import Callable, Iterable, Sequence

_SHORT = {"tf.keras.": "keras.", "tensorflow.keras.": "keras.", "tf.": "tensorflow."}
MOST_NAMED = 8
"""How many names a message holds."""


def matches(asked: str, known: Iterable[str]) -> list[str]:
    """Return those of ``known`` that ``asked`` can mean; several where it is open, none if nothing fits.

    A name is ``PATH`` or ``PATH:PART``. What fits better goes before: the very name, the name without
    regard to case, the end of a path. A path with other modules between has to be among ``known``.

    >>> names = ["torch.optim.AdamW", "optax.adamw", "keras.regularizers.L2", "keras.regularizers.L1L2:l2"]
    >>> matches("tf.keras.regularizers.l2", names), matches("torch.optim.legacy.AdamW", names)
    (['keras.regularizers.L2'], [])
    >>> matches("L1L2", names), matches("ADAMW", names)
    (['keras.regularizers.L1L2:l2'], ['torch.optim.AdamW', 'optax.adamw'])
    """
    names = list(dict.fromkeys(known))
    written = [
        asked,
        *(new + asked.removeprefix(old) for old, new in _SHORT.items() if asked.startswith(old)),
    ]
    for fits in (_is, _ends):
        for fold in (str, str.casefold):
            for one in written:
                if found := [name for name in names if _fits(fold(one), fold(name), fits)]:
                    return found
    return []


def near(asked: str, known: Iterable[str]) -> list[str]:
    """Return those of ``known`` in the same library whose last part is a near miss of the last asked.

    >>> near("torch.optim.AdmW", ["torch.optim.AdamW", "torch.optim.SGD", "other.AdamW"])
    ['torch.optim.AdamW']
    """
    library, _, _ = asked.partition(".")
    last = {
        name: _last(name) for name in known if "." not in asked or name.partition(".")[0] == library
    }  # fmt: skip
    good = difflib.get_close_matches(_last(asked), list(dict.fromkeys(last.values())), n=3, cutoff=0.8)
    return [name for one in good for name, its in last.items() if its == one]


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names in words, of many only the first.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=2)
    ('a, b, c', 'a, b and 1 more')
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _fits(asked: str, name: str, fits: Callable[[list[str], list[str]], bool]) -> bool:
    path, sign, part = asked.partition(":")
    known, _, its = name.partition(":")
    return (not sign or part == its != "") and fits(path.split("."), known.split("."))


def _is(asked: list[str], known: list[str]) -> bool:
    return asked == known


def _ends(asked: list[str], known: list[str]) -> bool:
    return len(asked) < len(known) and known[-len(asked) :] == asked


def _last(name: str) -> str:
    return name.partition(":")[0].rpartition(".")[2].casefold()
