"""Peers of the ensemble engine: the same trainings by JAX and by torch.func, from the same draws."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import jax
import numpy as np
import optax
import torch
from torch.func import grad, vmap

from l2scaling.laws import shapes
from l2scaling.seeds import generator
from l2scaling.training.recipe import Recipe
from l2scaling.training.steps import data_order, start_weights

Train = Callable[[], list[np.ndarray]]
"""Trains all members from the draws on; returns their weights, ``(members, fan_out, fan_in)`` a layer."""

GROUP = 8  # members that stay in the cache together, at every width


def prepare(threads: int) -> None:
    """Give JAX as many threads as torch has, and a device for each; once, before its first computation."""
    os.environ["NPROC"] = str(threads)
    jax.config.update("jax_num_cpu_devices", threads)


def draws(recipe: Recipe, layers: list[shapes.Layer], members: int, samples: int) -> tuple[list[Any], Any]:
    """Return starts and, of shape ``(steps, members, batch)``, the order of the data, as the engine draws."""
    batch = recipe.batch_size or samples
    starts = [start_weights(layers, recipe.initializer, generator(seed, 0)) for seed in range(members)]

    def batches(seed: int) -> Iterator[torch.Tensor]:
        return (rows for epoch in data_order(samples, batch, seed) for rows in epoch)

    order = [torch.stack(list(islice(batches(seed), recipe.steps))) for seed in range(members)]
    return [torch.stack(layer).float() for layer in zip(*starts, strict=True)], torch.stack(order, 1)


def jax_vmap(
    X: np.ndarray, y: np.ndarray, layers: list[shapes.Layer], recipe: Recipe, members: int, penalty: float,
    *, shared_out: bool,
) -> Train:  # fmt: skip
    """Use JAX's vmap, jit and scan, all members in one call, or in groups and shared out over the devices."""
    rate, rows_of_data = recipe.learning_rate, (jax.numpy.asarray(X), jax.numpy.asarray(y))
    optimizer = (
        optax.chain(optax.add_decayed_weights(penalty), optax.sgd(rate, recipe.momentum))
        if recipe.optimizer == "sgd"
        else optax.adamw(rate, weight_decay=penalty)
    )

    def loss(weights: list[Any], X: Any, y: Any) -> Any:
        *inner, last = weights
        for weight in inner:
            X = jax.nn.relu(X @ weight.T)
        return optax.softmax_cross_entropy_with_integer_labels(X @ last.T, y).mean()

    def train(weights: list[Any], order: Any, X: Any, y: Any) -> Any:
        def step(carry: Any, rows: Any) -> tuple[Any, None]:
            weights, state = carry
            updates, state = optimizer.update(jax.grad(loss)(weights, X[rows], y[rows]), state, weights)
            return (optax.apply_updates(weights, updates), state), None

        return jax.lax.scan(step, (weights, optimizer.init(weights)), order)[0][0]

    def together(weights: list[Any], order: Any, X: Any, y: Any) -> Any:
        if shared_out:
            return jax.lax.map(lambda one: train(*one, X, y), (weights, order), batch_size=GROUP)
        return jax.vmap(train, (0, 0, None, None))(weights, order, X, y)

    compiled = jax.jit(together, donate_argnums=0)
    devices = jax.devices()[: None if shared_out else 1]

    def run() -> list[np.ndarray]:
        starts, order = draws(recipe, layers, members, len(X))
        rows = np.split(order.int().numpy().swapaxes(0, 1), len(devices))
        weights = zip(*(np.split(start.numpy(), len(devices)) for start in starts), strict=True)
        given = [
            jax.device_put((list(w), r, *rows_of_data), device)
            for w, r, device in zip(weights, rows, devices, strict=True)
        ]
        parts = jax.block_until_ready([compiled(*one) for one in given])
        return [np.concatenate(layer) for layer in zip(*parts, strict=True)]

    run()  # compiles
    return run


def torch_vmap(
    X: np.ndarray, y: np.ndarray, layers: list[shapes.Layer], recipe: Recipe, members: int, penalty: float
) -> Train:
    """Use torch.func's vmap of grad, and torch.optim on the stacked weights."""
    inputs, labels = torch.as_tensor(X), torch.as_tensor(y)

    def loss(weights: tuple[torch.Tensor, ...], X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        *inner, last = weights
        for weight in inner:
            X = torch.relu(X @ weight.T)
        return torch.nn.functional.cross_entropy(X @ last.T, y)

    gradients = vmap(grad(loss))
    kind = (
        partial(torch.optim.SGD, momentum=recipe.momentum) if recipe.optimizer == "sgd" else torch.optim.AdamW
    )

    def run() -> list[np.ndarray]:
        weights, order = draws(recipe, layers, members, len(X))
        optimizer = kind(weights, lr=recipe.learning_rate, weight_decay=penalty)
        for rows in order:
            found = gradients(tuple(weights), inputs[rows], labels[rows])
            for weight, gradient in zip(weights, found, strict=True):
                weight.grad = gradient
            optimizer.step()
        return [weight.numpy() for weight in weights]

    run()
    return run
