"""Training small language models side by side, against one after another, on one thread."""

from collections.abc import Callable, Iterator

import torch
from ensembles import Row, in_turn
from torch.nn.functional import cross_entropy

from l2scaling.chapters.transformer.model import Shape, begin
from l2scaling.chapters.transformer.side_by_side import Recipe, Together, groups_of

MEMBERS, STEPS, LETTERS = 16, 12, 68
WIDTHS = (32, 64, 128)
RECIPE = Recipe(STEPS)
TEXT = torch.arange(2049) * 31 % LETTERS


def one_after_another(width: int, steps: int) -> None:
    """One model, as the tutorials write it."""
    model = begin(Shape(LETTERS, width), 0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RECIPE.rate, weight_decay=1.0, fused=True)
    for _ in range(steps):
        places = torch.randint(len(TEXT) - 32, (RECIPE.batch_size, 1))
        text = TEXT[places + torch.arange(33)]
        optimiser.zero_grad()
        cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten()).backward()
        optimiser.step()


def side_by_side(width: int) -> None:
    for some in groups_of(MEMBERS, width):
        count = len(range(MEMBERS)[some])
        Together(Shape(LETTERS, width), RECIPE, TEXT.expand(count, -1), range(count), [1.0] * count).train()


def rows(row: Row, progress: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """Yield the rows of ``_build/benchmarks.json``; times are per model and step."""
    torch.set_num_threads(1)
    for width in WIDTHS:
        progress(f"language models: width {width}, sides in turn")
        steps = 4 * STEPS
        times = in_turn(
            {
                "ours": lambda width=width: side_by_side(width),
                "loop": lambda width=width, steps=steps: one_after_another(width, steps),
            }
        )
        ours, loop = times["ours"] / MEMBERS / STEPS * 1e3, times["loop"] / steps * 1e3
        goal = "at least 1.1" if width == 32 else "none"
        yield row(f"language models, width {width}: one after another", loop, ours, goal, "ms")
