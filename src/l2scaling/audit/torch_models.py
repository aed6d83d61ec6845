"""What can be told of a torch model without running it: kinds of tensors, weights whose size is no matter."""

import copy
import itertools
import operator
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from l2scaling.audit.torch_copies import undisturbed
from l2scaling.audit.weights import kind_of

_LINEAR = (nn.Linear, nn.modules.conv._ConvNd)
_OFFSETS_GONE = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
"""Normalisations that take a mean for each output off, and with it whatever bias the layer before has."""
_NORMS = (*_OFFSETS_GONE, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm)
TAKEN_OUT = (  # which is not certain: a trace does not see what a script does with a layer by itself
    "a normalisation follows: where nothing else uses this layer's output or weight, "
    "decay acts as a rate only"
)
"""What is said of weights before a normalisation."""
TRIED = 10**7
"""Weights of the largest parametrised tensor that is copied to see what its size does."""


def is_norm(module: nn.Module) -> bool:
    """Say whether a module normalises: one of torch's, or one whose class is called so.

    >>> is_norm(nn.LayerNorm(3)), is_norm(nn.Linear(3, 3))
    (True, False)
    """
    return isinstance(module, _NORMS) or bool(
        re.search(r"norm(\d?d)?$", type(module).__name__, re.IGNORECASE)
    )


def kinds_of(model: nn.Module) -> dict[int, tuple[str, str, bool]]:
    """Return name, kind, and whether it is trained, of each parameter by its id; tied ones by the first name.

    >>> model = nn.Sequential(nn.Embedding(5, 3), nn.LayerNorm(3), nn.Linear(3, 2))
    >>> [kind for _, kind, _ in kinds_of(model).values()]
    ['embeddings', 'gains', 'biases', 'matrices', 'biases']
    """
    found: dict[int, tuple[str, str, bool]] = {}
    for prefix, module in model.named_modules():
        for name, one in module.named_parameters(prefix, recurse=False):
            last = name.rpartition(".")[2]
            if isinstance(module, nn.Embedding | nn.EmbeddingBag):
                kind = "embeddings"
            elif is_norm(module):
                kind = "biases" if "bias" in last else "gains"
            else:
                kind = kind_of(f"tensor.{last}" if one.dim() > 1 else last, one.dim())
            found.setdefault(id(one), (name, kind, one.requires_grad))
    return found


def before_norms(model: nn.Module) -> tuple[list[nn.Parameter], bool]:
    """Return the weights whose size the next layer, a normalisation, takes out, and whether all was seen.

    Such weights come from linear layers and convolutions whose result goes to normalisations only. A bias of
    theirs, unless the normalisation takes it off, leaves the size a meaning. The model's forward is traced
    symbolically, on a copy that shares its parameters; where that fails, ``nn.Sequential`` is looked
    through.

    >>> model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    >>> weights, whole = before_norms(model)
    >>> weights[0] is model[0].weight, len(weights), whole
    (True, 1, True)
    """
    try:
        with undisturbed():
            shared: dict[int, Any] = {id(one): one for one in model.parameters()}
            copied = copy.deepcopy(model, shared)
            for one in copied.modules():  # which may hold on to what they are called with
                one._forward_hooks.clear()
                one._forward_pre_hooks.clear()
            traced = fx.symbolic_trace(copied)
        pairs, whole = list(_traced_pairs(traced)), True
    except Exception:  # of any kind: a forward may do anything
        pairs, whole = list(_listed_pairs(model)), False
    calls: dict[int, list[tuple[Any, list[nn.Module]]]] = {}
    for layer, norms in pairs:
        if (weight := layer._parameters.get("weight")) is not None:  # else it is parametrised
            calls.setdefault(id(weight), []).append((layer, norms))
    tied = Counter(
        id(one) for module in model.modules() for one in module.parameters(recurse=False)
    )  # of a module that stands in two places, once
    unscaled = [
        uses[0][0].weight for key, uses in calls.items()
        if tied[key] <= len({id(layer) for layer, _ in uses})
        and all(norms and all(_takes_size(layer, one) for one in norms) for layer, norms in uses)
    ]  # fmt: skip
    return unscaled, whole


def _takes_size(layer: nn.Module, norm: nn.Module) -> bool:
    if isinstance(norm, _OFFSETS_GONE) and not norm.training and norm.running_mean is not None:
        return False  # it divides by what it once saw
    return is_norm(norm) and (getattr(layer, "bias", None) is None or isinstance(norm, _OFFSETS_GONE))


def _traced_pairs(traced: fx.GraphModule) -> Iterator[tuple[Any, list[nn.Module]]]:
    modules = dict(traced.named_modules())
    alone = {
        id(operator.attrgetter(str(node.target))(traced))
        for node in traced.graph.nodes
        if node.op == "get_attr"
    }
    for node in traced.graph.nodes:
        if node.op == "call_module" and isinstance(modules[node.target], _LINEAR):
            after = [modules.get(str(one.target)) if one.op == "call_module" else None for one in node.users]
            if id(modules[node.target]._parameters.get("weight")) in alone:  # used beside its layer
                after.append(None)
            yield modules[node.target], [one if one is not None else nn.Identity() for one in after]


def _listed_pairs(model: nn.Module) -> Iterator[tuple[Any, list[nn.Module]]]:
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            layers = list(module)
            for one, after in itertools.pairwise(layers):
                if isinstance(one, _LINEAR):
                    yield one, [after]


def parametrised(model: nn.Module) -> Iterator[tuple[nn.Parameter, str, bool | None]]:
    """Yield tensors from which others are made: each with how, and whether its size acts on what is made.

    That is tried on copies, which make their tensor from this one and from half of it; ``None`` where they
    have more than ``TRIED`` numbers or cannot be copied.

    >>> model = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> [(one.shape[1], how, acts) for one, how, acts in parametrised(model)]
    [(1, '_WeightNorm', True), (3, '_WeightNorm', False)]
    """
    for module in model.modules():
        if parametrize.is_parametrized(module):
            lists: Any = module.parametrizations
            for made in lists.values():
                how = ", ".join(type(one).__name__ for one in made)
                for name, original in made.named_parameters(recurse=False):
                    yield original, how, _size_acts(made, name, operator.methodcaller("forward"))
        for hook in module._forward_pre_hooks.values():
            how = type(hook).__name__
            if how in ("WeightNorm", "SpectralNorm"):  # the older ones, which are hooks
                name = str(getattr(hook, "name", ""))
                for suffix, acts in (("g", True), ("v", False), ("orig", False)):
                    if (old := getattr(module, f"{name}_{suffix}", None)) is not None:
                        yield old, how, acts


def _size_acts(made: nn.Module, name: str, call: operator.methodcaller) -> bool | None:
    if sum(one.numel() for one in made.parameters()) > TRIED:
        return None
    results: list[torch.Tensor] = []
    try:
        with undisturbed(), torch.no_grad():
            for scale in (1.0, 0.5):
                copied = copy.deepcopy(made)
                getattr(copied, name).mul_(scale)
                results.append(call(copied))
    except Exception:  # of any kind: a parametrisation may do anything
        return None
    whole, half = results
    return not torch.allclose(whole, half, rtol=1e-3, atol=1e-6 * float(whole.abs().max()))
