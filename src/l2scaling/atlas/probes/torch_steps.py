"""Arguments of optimisers for torch: what decay takes in one step, or which pull it stands for."""

import contextlib
import importlib
import importlib.util
import math
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch


class Way(NamedTuple):
    """What an optimiser is asked for, and with what arguments, groups, gradients and precision."""

    asks: str = "share"
    given: Callable[[dict[str, float]], dict[str, Any]] = lambda setting: {}
    still: bool = False
    flag: str = ""
    inside: bool = False
    only: int = 3
    kind: torch.dtype = torch.float64


Tensors = list[Any]
Make = Callable[[Tensors, float], Any]


def run(
    make: Make, value: float, parts: Tensors, gradients: list[Tensors], pull: Any = None
) -> list[Tensors]:
    torch.manual_seed(0)
    made = [torch.nn.Parameter(one.clone()) for one in parts]
    optimizer = make(made, value)
    if hasattr(optimizer, "train"):
        optimizer.train()
    path = [[one.detach().clone() for one in made]]
    sampled = getattr(optimizer, "sampled_params", None)  # as IVON has it, which draws weights for a gradient
    for step in gradients:
        with sampled(train=True) if sampled else contextlib.nullcontext():
            for number, (one, gradient) in enumerate(zip(made, step, strict=True)):
                one.grad = gradient.clone() + (0.0 if pull is None else float(pull[number]) * one.detach())
        optimizer.step()
        path.append([one.detach().clone() for one in made])
    return path


def shares(make: Make, value: float, parts: Tensors, gradients: list[Tensors], of: int) -> list[float]:
    """Return the share of each tensor lost to decay in the last step, of what it was before or after."""
    with_it, without = (run(make, one, parts, gradients) for one in (value, 0.0))
    found = []
    for number in range(len(parts)):
        (before, after), (bare, moved) = ([one[number] for one in path[-2:]] for path in (with_it, without))
        lost, whole = (before - after) - (bare - moved), (before, after)[of]
        found.append(float((lost * whole).sum() / (whole**2).sum()))
    return found


def pulls(make: Make, value: float, parts: Tensors, gradients: list[Tensors]) -> list[float]:
    """Return the c whose c·w, added to each gradient, does in every tensor just what the argument does."""
    goal, found = run(make, value, parts, gradients)[-1], np.zeros(len(parts))

    def off(pull: Any) -> Tensors:
        last = run(make, 0.0, parts, gradients, pull)[-1]
        return [one - other for one, other in zip(goal, last, strict=True)]

    near_by, enough = (1e-6, 1e-6) if parts[0].dtype == torch.float64 else (1e-2, 1e-4)

    def sizes(rest: Tensors) -> Any:
        return np.array([float(one.norm()) for one in rest])

    for _ in range(25):
        now, near = off(found), off(found + near_by)
        slopes = [(one - other) / near_by for one, other in zip(now, near, strict=True)]
        step = np.array(
            [
                float((one * slope).sum() / (slope**2).sum()) if float(slope.norm()) else 0.0
                for one, slope in zip(now, slopes, strict=True)
            ]
        )
        for _ in range(8):
            if not (worse := sizes(off(found + step)) > sizes(now)).any():
                break
            step[worse] /= 2
        found = found + step
        if float(np.abs(step).max()) < 1e-12:
            break
    ways = zip(off(found), goal, parts, strict=True)
    rest = max(float(one.norm() / (last - first).norm()) for one, last, first in ways)
    if not rest < enough:
        raise ArithmeticError(f"no pull does what {value} does; the nearest leaves {rest:.1g} of the way")
    return [float(one) for one in found]


def ratios(make: Make, value: float, parts: Tensors, gradients: list[Tensors]) -> list[float]:
    """Return what share of each tensor the first step takes, against what it takes of its gradient."""
    without, found = run(make, 0.0, parts, gradients[:1]), []
    for number, share in enumerate(shares(make, value, parts, gradients[:1], 0)):
        gradient, moved = gradients[0][number], without[0][number] - without[1][number]
        found.append(share / float((moved * gradient).sum() / (gradient**2).sum()))
    return found


def shifts(make: Make, value: float, parts: Tensors, gradients: list[Tensors]) -> list[float]:
    """Return the number that decay takes off every weight of a tensor, large or small, in the first step."""
    (after, bare), found = (run(make, one, parts, gradients[:1])[1] for one in (value, 0.0)), []
    for one, other in zip(after, bare, strict=True):
        lost = other - one
        if float(lost.max() - lost.min()) > 1e-9 * float(lost.abs().max()):
            raise ArithmeticError("weights of different sizes lose different numbers")
        found.append(float(lost.mean()))
    return found


def start(setting: dict[str, float], way: Way) -> tuple[Tensors, list[Tensors]]:
    rng = np.random.default_rng(0)
    count = int(setting.get("weights", 6))
    rows = math.isqrt(count) if math.isqrt(count) ** 2 == count else 2
    shapes = [(rows, count // rows), (3,), (3,)][: way.only]
    parts = [rng.normal(size=shape) for shape in shapes]
    parts = [one * setting.get("weight_rms", 1.0) / np.sqrt((one**2).mean()) for one in parts]
    steps = int(setting.get("steps", 4 if way.asks == "pull" else 1))
    gradients = [[rng.normal(size=shape) for shape in shapes] for _ in range(steps)]
    norm = np.sqrt(sum((one**2).sum() for one in gradients[0]))
    scale = 0.0 if way.still else setting.get("gradient_norm", norm) / norm
    return tensors(parts, way), [tensors([one * scale for one in step], way) for step in gradients]


def tensors(parts: list[Any], way: Way) -> Tensors:
    return [torch.tensor(one, dtype=way.kind) for one in parts]


def model(made: Tensors, norm: torch.nn.Module) -> torch.nn.Module:
    """Return a network that has the tensors for its weight, bias and gain."""
    whole = torch.nn.Module()
    whole.layer, whole.norm = torch.nn.Linear(1, 1), norm
    whole.layer.weight, whole.layer.bias, whole.norm.weight = made
    norm.register_parameter("bias", None)
    return whole


@cache
def vision() -> Any:
    """Name two operators that torchvision, which timm imports, has not got beside a torch for CPUs."""
    library: Any = torch.library
    operators = library.Library("torchvision", "DEF")
    for one in ("nms", "qnms"):
        operators.define(f"{one}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return operators


def composer() -> None:
    """Let the file of Composer's optimisers be imported without all else that its packages import."""
    spec = importlib.util.find_spec("composer")
    (folder,) = spec.submodule_search_locations if spec and spec.submodule_search_locations else [""]
    for name, inside in {"composer": "", "composer.optim": "/optim", "composer.utils": "/utils"}.items():
        sys.modules[name] = module = ModuleType(name)
        module.__path__ = [folder + inside]
    sys.modules["composer.utils"].dist = None  # type: ignore[attr-defined]
    made = importlib.import_module("composer.optim.decoupled_weight_decay")
    vars(sys.modules["composer.optim"]).update(vars(made))


def found_at(path: str) -> Any:
    module, _, attribute = path.rpartition(".")
    if module.startswith("timm"):
        vision()
    if module == "composer.optim" and module not in sys.modules:
        composer()
    if module == "heavyball":  # which would compile each step for minutes
        importlib.import_module("heavyball.utils").compile_mode = None  # type: ignore[attr-defined]
    return getattr(importlib.import_module(module), attribute)


def maker(name: str, setting: dict[str, float]) -> Make:
    """Return what makes an optimiser of tensors and a value, as a row and its setting ask."""
    path, _, part = name.partition(":")
    way, optimizer, rate = WAYS.get(name, Way()), found_at(path), setting["learning_rate"]

    def make(made: Tensors, decay: float) -> Any:
        given = {"lr": setting.get("peak_rate", rate), "weight_decay": decay} | way.given(setting)
        groups: Any = made
        if way.flag:
            within = given if way.inside else {}
            groups = [
                {"params": some, way.flag: first, **within}
                for first, some in ((True, made[:1]), (False, made[1:]))
            ]
            given = {} if way.inside else given
        if path == FACTORY:
            done = optimizer(model(made, torch.nn.LayerNorm(3)), opt=part, **given)
        elif path == OTHER:
            done = optimizer(model(made, torch.nn.BatchNorm1d(3)), optimizer_name="adamw", **given)
        else:
            done = optimizer(groups, **given)
        if "peak_rate" in setting:
            for group in done.param_groups:
                group["lr"] = rate
        return done

    return make


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and a gain."""
    way, rate, make = WAYS.get(name, Way()), setting["learning_rate"], maker(name, setting)
    parts, gradients = start(setting, way)
    if way.asks == "pull":
        found = pulls(make, value, parts, gradients)
    elif way.asks == "shift":
        found = [one / rate for one in shifts(make, value, parts, gradients)]
    elif way.asks == "ratio":
        found = ratios(make, value, parts, gradients)
    else:
        found = [one / rate for one in shares(make, value, parts, gradients, way.asks == "implicit")]
    return dict(zip(("coefficient", "bias", "gain"), found, strict=False))


def situation(
    name: str, value: float, setting: dict[str, float], *, size: float = 1.0, slower: float = 1.0,
    steps: int = 1, gradient: bool = True, frozen: bool = False, clipped: bool = False, twice: bool = False,
    narrow: bool = False,
) -> float | None:  # fmt: skip
    """Return the share that steps without data gradient take of a matrix; ``None`` if that is not tried."""
    way, make = WAYS.get(name, Way()), maker(name, setting)
    parts, gradients = start(setting, way)
    if (twice and name.startswith((FACTORY, OTHER))) or (len(parts) == 1 and (clipped or not gradient)):
        return None
    steps = max(steps, int(setting.get("steps", 1)))
    kind = torch.bfloat16 if narrow else way.kind
    torch.manual_seed(0)
    made = [torch.nn.Parameter((size * one).to(kind)) for one in parts]
    optimizer = make([made[0], *made] if twice else made, value)
    if hasattr(optimizer, "train"):
        optimizer.train()
    for group in optimizer.param_groups:
        group["lr"] *= slower
    before = made[0].detach().double().clone()
    sampled = getattr(optimizer, "sampled_params", None)
    for _ in range(steps):
        with sampled(train=True) if sampled else contextlib.nullcontext():
            for one, other in zip(made, gradients[0], strict=True):
                one.grad = 100 * other.to(kind) if clipped else torch.zeros_like(one)
            made[0].grad = torch.zeros_like(made[0]) if gradient else None
            made[0].requires_grad_(not frozen)
            if clipped:
                torch.nn.utils.clip_grad_norm_(made, 1e-3)
        optimizer.step()
    return float(((before - made[0].detach().double()) * before).sum() / before.square().sum())


FACTORY, OTHER = "timm.optim.create_optimizer_v2", "pytorch_optimizer.create_optimizer"
PO, TO = "pytorch_optimizer.", "torch_optimizer."
STILL, PULL, IMPLICIT, GROUPS = (
    Way(still=True),
    Way("pull"),
    Way("implicit", still=True),
    Way(flag="use_muon"),
)

_TABLE: list[tuple[str, str, Way]] = [
    (FACTORY + ":", "sgd nesterov momentum adam adamax adadelta adagrad nadam nadamlegacy rmsprop", PULL),
    (FACTORY + ":", "rmsproptf crmsproptf radam adopt cadopt madgrad", PULL),
    (FACTORY + ":", "lamb clamb lambc lambw clambw lambcw lambcd", STILL),
    (FACTORY + ":", "laprop lapropc claprop kron kronw kronc", STILL),
    (FACTORY + ":", "adan cadan", IMPLICIT),
    (FACTORY + ":", "sgdp csgdp madgradw", Way(given=lambda on: {"momentum": on["momentum"]})),
    (FACTORY + ":", "lars larc", Way(given=lambda on: {"trust_coeff": on["trust"]})),
    (FACTORY + ":", "novograd", Way(still=True, given=lambda on: {"betas": (on["momentum"], 0.98)})),
    (PO, "Adam SGD ADOPT AccSGD AdEMAMix AdaDelta AdaMax AdaSmooth Adai AdamG AggMo Aida ApolloDQN", PULL),
    (PO, "DAdaptAdaGrad DAdaptAdam DualAdam MADGRAD NAdam PAdam PID QHAdam QHM RMSprop ROSE SWATS", PULL),
    (PO, "ScalableShampoo ScheduleFreeSGD Shampoo", PULL),
    (PO, "Lamb Adalite AdamWSN Conda Fira GaLore Kron LaProp SPAM StableAdamW SOAP SPlus", STILL),
    (PO, "Adan", IMPLICIT),
    (PO, "Muon AdaMuon AdaGO NorMuon", GROUPS),
    (PO, "AdamS", Way(only=1)),
    (PO, "SpectralSphere", Way(still=True, only=1)),
    (PO, "APOLLO", Way(still=True, given=lambda on: {"betas": (0.9, 0.99)})),
    (PO, "LARS", Way(still=True, given=lambda on: {"trust_coefficient": on["trust"]})),
    (PO, "Prodigy", Way(given=lambda on: {"d0": on["distance"]})),
    (PO, "DAdaptAdan", Way("implicit", given=lambda on: {"d0": on["distance"]})),
    (PO, "DAdaptSGD", Way("ratio", given=lambda on: {"d0": on["distance"]})),
    (PO, "FAdam", Way(still=True, kind=torch.float32)),
    (PO, "NovoGrad", Way(still=True, given=lambda on: {"betas": (on["momentum"], 0.98)})),
    (PO, "Lion:fixed_decay", Way(given=lambda on: {"fixed_decay": True})),
    (TO, "AdaBelief AdaBound Yogi DiffGrad MADGRAD QHAdam RangerQH SWATS Apollo AccSGD AggMo PID QHM", PULL),
    (TO, "Shampoo", Way("pull", only=1)),
    (TO, "Lamb", STILL),
    (TO, "LARS", Way(given=lambda on: {"trust_coefficient": on["trust"]})),
    (TO, "NovoGrad", Way(still=True, given=lambda on: {"betas": (on["momentum"], 0.98)})),
    (TO, "SGDW", Way("shift")),
    ("lion_pytorch.Lion:", "decoupled_weight_decay", Way(given=lambda on: {"decoupled_weight_decay": True})),
    ("schedulefree.", "AdamWScheduleFreeReference:decay_at_z", Way(given=lambda on: {"decay_at_z": True})),
    ("schedulefree.", "SGDScheduleFree SGDScheduleFreeReference", PULL),
    ("prodigyopt.", "Prodigy", Way(given=lambda on: {"d0": on["distance"]})),
    ("prodigyopt.", "Prodigy:coupled", Way("pull", given=lambda on: {"decouple": False})),
    ("dadaptation.", "DAdaptAdam DAdaptAdaGrad", PULL),
    ("dadaptation.", "DAdaptAdam:decouple", Way(given=lambda on: {"decouple": True, "d0": on["distance"]})),
    ("dadaptation.", "DAdaptLion", Way(given=lambda on: {"d0": on["distance"]})),
    ("dadaptation.", "DAdaptAdan", Way("implicit", given=lambda on: {"d0": on["distance"]})),
    ("dadaptation.", "DAdaptSGD", Way("ratio", given=lambda on: {"d0": on["distance"]})),
    ("adan_pytorch.", "Adan", IMPLICIT),
    ("adabelief_pytorch.", "AdaBelief:fixed_decay", Way(given=lambda on: {"fixed_decay": True})),
    ("adabelief_pytorch.", "AdaBelief:coupled", Way("pull", given=lambda on: {"weight_decouple": False})),
    ("muon.", "SingleDeviceMuon", Way(only=1)),
    ("muon.", "SingleDeviceMuonWithAuxAdam", Way(flag="use_muon", inside=True)),
    ("optimi.", "Adam SGD RAdam", PULL),
    ("optimi.", "AdamW StableAdamW", STILL),
    ("optimi.", "Adan", IMPLICIT),
    ("optimi.", "AdamW:decouple_lr", Way(given=lambda on: {"decouple_lr": True, "max_lr": on["peak_rate"]})),
    ("ivon.", "IVON", Way(still=True, given=lambda on: {"ess": 1000.0})),
    ("heavyball.", "AdamW SGD RMSprop ADOPT SOAP Muon", Way(still=True, kind=torch.float32)),
    ("bitsandbytes.optim.", "AdamW AdamW8bit Lion AdEMAMix", Way(still=True, kind=torch.float32)),
    ("bitsandbytes.optim.", "RMSprop Adagrad", Way("pull", kind=torch.float32)),
    ("bitsandbytes.optim.", "SGD", Way("pull", lambda on: {"momentum": 0.9}, kind=torch.float32)),
]
WAYS = {prefix + one: way for prefix, names, way in _TABLE for one in names.split()}
