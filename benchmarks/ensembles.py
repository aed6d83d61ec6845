"""Training many networks side by side: against one after another, scikit-learn, JAX, torch.func, hardware."""

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import peers
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from l2scaling.laws import shapes
from l2scaling.training import ensembles
from l2scaling.training.recipe import Recipe
from l2scaling.training.steps import Members

INPUTS, CLASSES, BATCH, SAMPLES = 64, 10, 128, 1792
MEMBERS, STEPS, ROUNDS = 64, 280, 5
GOALS = {16: 30, 64: 18, 256: 7, 1024: 2.5}
JAX_GOALS = {16: 2.4, 64: 2.0, 256: 1.6, 1024: 1.75}
DIFFERENCE = 1e-3  # of weights, relative: steps round differently, and training carries that on
RATE, MOMENTUM, PENALTY = 0.01, 0.9, 0.01


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def task() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(SAMPLES, INPUTS)).astype(np.float32), rng.integers(0, CLASSES, SAMPLES)


def recipe(device: str = "cpu", optimizer: str = "sgd") -> Recipe:
    own = {
        "sgd": Recipe(STEPS, RATE, momentum=MOMENTUM),
        "adamw": Recipe(STEPS, RATE / 10, optimizer="adamw"),
    }
    return replace(own[optimizer], batch_size=BATCH, device=device)


def side_by_side(width: int, how: Recipe) -> list[np.ndarray]:
    """Train the members by the engine and return their weights, a layer at a time."""
    left = ensembles.train(
        *task(), shapes.multilayer(INPUTS, width, CLASSES, 2), Members(range(MEMBERS), PENALTY), how,
        lambda nets: dict(zip(("first", "last"), nets.weights, strict=True)), progress=False,
    )  # fmt: skip
    return [values[:, 0] for values in left.values.values()]


def one_after_another(width: int, device: str, steps: int) -> None:
    """One network, as the tutorials write it."""
    X, y = (torch.as_tensor(values, device=device) for values in task())
    model = torch.nn.Sequential(
        torch.nn.Linear(INPUTS, width, bias=False, device=device),
        torch.nn.ReLU(),
        torch.nn.Linear(width, CLASSES, bias=False, device=device),
    )
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=PENALTY)
    loss = torch.nn.CrossEntropyLoss()
    for _ in range(steps * BATCH // SAMPLES):
        for rows in torch.randperm(SAMPLES, device=device).split(BATCH):
            optimiser.zero_grad()
            loss(model(X[rows]), y[rows]).backward()
            optimiser.step()


def scikit_learn(width: int, steps: int) -> None:
    model = MLPClassifier(
        (width,), solver="sgd", momentum=MOMENTUM, nesterovs_momentum=False, alpha=PENALTY * BATCH,
        batch_size=BATCH, learning_rate_init=RATE, max_iter=steps * BATCH // SAMPLES, tol=0.0,
        n_iter_no_change=10**6,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops where the others stop
        model.fit(*task())


def products_alone(width: int, device: str) -> None:
    """The engine's matrix products and nothing else: what no bookkeeping can get below."""
    group = 8 if width >= 256 else 32
    left = torch.randn(group, width, INPUTS, device=device)
    data = torch.randn(group, INPUTS, BATCH, device=device)
    last = torch.randn(group, CLASSES, width, device=device)
    hidden, top = left @ data, last @ (left @ data)
    signal, into_left, into_last = (torch.empty_like(one) for one in (hidden, left, last))
    for _ in range(STEPS * MEMBERS // group):
        torch.bmm(left, data, out=hidden)
        torch.bmm(last, hidden, out=top)
        torch.bmm(last.transpose(1, 2), top, out=signal)
        torch.bmm(top, hidden.transpose(1, 2), out=into_last)
        torch.bmm(signal, data.transpose(1, 2), out=into_left)


def operations(width: int) -> float:
    """Multiplications and additions of one step of one network: five products."""
    return 2.0 * BATCH * width * (2 * INPUTS + 3 * CLASSES)


def large_product(device: str) -> float:
    """Operations per second of one large single-precision matrix product."""
    n = 4096
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    out = a @ b
    return 2.0 * n**3 / min(seconds(lambda: torch.mm(a, b, out=out)) for _ in range(3))


def in_turn(sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median time of each side, the sides taking turns."""
    rounds = [{name: seconds(work) for name, work in sides.items()} for _ in range(ROUNDS + 1)]
    return {name: statistics.median(one[name] for one in rounds[1:]) for name in sides}


Row = Callable[[str, float, float, str, str], dict[str, object]]


def rows(row: Row, progress: Callable[[str], None], device: str, threads: int) -> Iterator[dict[str, object]]:
    """Yield the rows of ``_build/benchmarks.json``; times are per network and step."""
    for width, goal in GOALS.items():
        progress(f"ensembles on {device}: width {width}, sides in turn")
        plain = max(1, 40 // (1 + width // 256))  # epochs enough to time, one network
        few = plain * (SAMPLES // BATCH)

        def loop(threads: int, width: int = width, few: int = few) -> None:
            torch.set_num_threads(threads)
            one_after_another(width, device, few)

        def all_threads(work: Callable[[], object]) -> Callable[[], object]:
            return lambda: (torch.set_num_threads(threads), work())

        times = in_turn(
            {
                "ours": all_threads(lambda width=width: side_by_side(width, recipe(device))),
                "loop, one thread": lambda: loop(1),
                "loop, all threads": lambda: loop(threads),
                "products": all_threads(lambda width=width: products_alone(width, device)),
                "scikit-learn": lambda width=width, few=few: (
                    scikit_learn(width, few) if width == 64 else None
                ),
            }
        )
        ours, products = (times[name] / STEPS / MEMBERS * 1e6 for name in ("ours", "products"))
        alone = min(times["loop, one thread"], times["loop, all threads"]) / few * 1e6
        name = f"ensembles on {device}, width {width}"
        yield row(
            f"{name}: a plain loop of torch, one network after another", alone, ours, f"at least {goal}", "µs"
        )
        yield row(
            f"{name}: the same loop against our matrix products alone, the limit",
            alone,
            products,
            "none",
            "µs",
        )
        if width == 64:
            theirs = times["scikit-learn"] / few * 1e6
            yield row(f"{name}: scikit-learn's MLPClassifier", theirs, ours, "at least 10", "µs")
        if width >= 64:
            torch.set_num_threads(threads)
            rate = operations(width) / (ours * 1e-6) / 1e9
            large = large_product(device) / 1e9
            yield row(
                f"{name}: rate against one large matrix product", rate, large, "at least 0.6", "GFLOP/s"
            )


def peer_rows(row: Row, progress: Callable[[str], None], threads: int) -> Iterator[dict[str, object]]:
    """Yield the rows of JAX and torch.func: one start, one order of data, one thread count, drawn by all.

    Compilation stays outside of the clock. JAX trains all members in one call, as its tutorials have it,
    and then at its best: in groups that fit the cache, shared out over one device a thread.
    """
    torch.set_num_threads(threads)
    peers.prepare(threads)
    for optimizer, width, goal in [*(("sgd", *one) for one in JAX_GOALS.items()), ("adamw", 64, 2.0)]:
        progress(f"ensembles beside JAX and torch.func: {optimizer}, width {width}, sides in turn")
        how = recipe(optimizer=optimizer)
        given = *task(), shapes.multilayer(INPUTS, width, CLASSES, 2), how, MEMBERS, PENALTY
        least = f"at least {goal}"
        others = {
            "JAX's vmap, jit and scan": (peers.jax_vmap(*given, shared_out=False), least),
            "the same in groups, a device a thread": (peers.jax_vmap(*given, shared_out=True), "at least 1"),
            "torch.func.vmap": (peers.torch_vmap(*given), least),
        }
        ours = partial(side_by_side, width, how)
        times = in_turn({"ours": ours, **{name: train for name, (train, _) in others.items()}})
        weights = ours()
        for name, (train, wanted) in others.items():
            what = f"ensembles by {optimizer}, width {width}: {name}"
            theirs, our = (times[side] / STEPS / MEMBERS * 1e6 for side in (name, "ours"))
            yield row(what, theirs, our, wanted, "µs")
            apart = max(
                float(np.linalg.norm(a - b) / np.linalg.norm(b))
                for a, b in zip(train(), weights, strict=True)
            )
            yield row(
                f"{what}, relative difference of weights over {DIFFERENCE:.0e}",
                apart / DIFFERENCE, 1.0, "at most 1", "none",
            )  # fmt: skip
