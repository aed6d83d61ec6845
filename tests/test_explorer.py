"""The λ explorer: its formulas against the package, and its page in a real browser."""

import functools
import itertools
import json
import math
import re
import shutil

import numpy as np
import pytest
import torch
from conftest import ROOT
from scipy import integrate

from l2scaling.atlas.conventions import REGISTRY, find
from l2scaling.atlas.convert import LOSSES, SMALLEST_SHARES, convert, is_beside, sum_behind
from l2scaling.atlas.everyday import everyday
from l2scaling.atlas.quantities import QUANTITIES, ConventionError, Usage
from l2scaling.chapters.initialization import draws
from l2scaling.chapters.side_effects import clipping, precision
from l2scaling.chapters.stability import factors
from l2scaling.laws import shapes
from l2scaling.laws.shapes import INITIALIZERS, Layer, expected_sums, find_initializer, normal_initializer
from l2scaling.measuring.sums import draw_sums
from l2scaling.publish.pages import explorer
from l2scaling.seeds import generator

FORMULAS = (ROOT / "book" / "_extra" / "explorer" / "formulas.js").read_text()
TABLES = explorer.tables()
OF_NAME = {one["name"]: one for one in TABLES["conventions"]}


def kinds_of_rows():
    """Those that people use, and the first row of every other kind of formula."""
    found = {}
    for one in [find("penalty_coefficient"), find("lambda_over_2m"), find("share_per_step"), *everyday()]:
        found[one.name] = one
    for one in REGISTRY:
        key = (
            one.family,
            tuple(one.counts.items()),
            one.power,
            one.factor == 1,
            one.placement,
            is_beside(one),
        )
        found.setdefault(key, one)
        found.setdefault(one.decays.get("embeddings", ""), one)
        found.setdefault(
            ("gains alone", one.decays.get("gains", one.decays_biases) != one.decays_biases), one
        )
    return [OF_NAME[name] for name in {one.name: 0 for one in found.values()} if name in OF_NAME]


FEW = TABLES | {"conventions": kinds_of_rows()}
TOLERANCE = 1e-9

# ---------------------------------------------------------------- the formulas, from their definitions


def _density(law):
    return {
        "normal": (lambda x: math.exp(-(x**2) / 2), 12.0),
        "uniform": (lambda x: 1.0, 1.0),
        "truncated": (lambda x: math.exp(-(x**2) / 2), 2.0),
    }[law]


def moments(law):
    """E|w|/σ and E w⁴/σ⁴ by integrating the density."""
    density, edge = _density(law)
    mass, absolute, square, fourth = (
        integrate.quad(lambda x, power=power: x**power * density(x), 0, edge, epsabs=0, epsrel=1e-13)[0]
        for power in (0, 1, 2, 4)
    )
    square /= mass
    return absolute / mass / square**0.5, fourth / mass / square**2


MOMENTS = {law: moments(law) for law in ("normal", "uniform", "truncated")}


def entries_of(state, width_steps=None):
    """Role, layer and number of biases one by one, where the page keeps equal ones together."""
    steps = state["widthSteps"] if width_steps is None else width_steps
    flat = [
        row | {"positions": row["positions"] if first else 1}
        for row in state["rows"]
        for first in [True, *[False] * (row["repeat"] - 1)]
    ]

    def scaled(size):
        return max(1, math.floor(size * 2 ** (steps / 4) + 0.5))

    found, heads, before = [], [], state["inputs"]
    for place, row in enumerate(flat):
        ends = row["kind"] in ("dense", "convolution") and place == len(flat) - 1 and len(flat) > 1
        outputs, size = (row["outputs"] if ends else scaled(row["outputs"])), row["size"]
        attention = {"attention": outputs, "block": before}.get(row["kind"])
        if row["kind"] == "embedding":
            found.append(("embedding", Layer(outputs, size), 0))
            heads += [size] * (row["flag"] and row["repeat"] == 1)
        if attention:
            pairs = [(before, attention), *[(before, scaled(size))] * 2, (attention, before)]
            if row["kind"] == "block":
                pairs += [(before, outputs)] * (2 if row["flag"] else 1) + [(outputs, before)]
            found += [("weight", Layer(*pair), pair[1]) for pair in pairs]
        for _ in range({"normalisation": 1, "block": 2}.get(row["kind"], 0)):
            found.append(("gain", Layer(1, before), before))
        if row["kind"] in ("dense", "convolution"):
            found.append(("weight", Layer(before * row["positions"], outputs, row["kernel"]), outputs))
        if row["kind"] in ("dense", "convolution", "embedding"):
            before = outputs
    return found + [("weight", Layer(before, size), 0) for size in heads]


def layers_of(state, width_steps=None):
    return [layer for _, layer, _ in entries_of(state, width_steps)]


def initializer_of(state):
    fixed = state["initializer"] == "fixed"
    return normal_initializer(state["deviation"]) if fixed else find_initializer(state["initializer"])


def usage_of(state):
    momentum = {"sgd": 0.0, "momentum": state["momentum"]}.get(state["optimizer"])
    if "momentum" in find(state["convention"]).needs:
        momentum = state["momentum"]
    return Usage(
        samples=state["samples"], batch_size=state["batchSize"], learning_rate=state["learningRate"],
        l1_ratio=state["l1Ratio"], momentum=momentum, **state["quantities"],
    )  # fmt: skip


def reached(state):
    """Which of biases, gains and embeddings are penalised."""
    one = find(state["convention"])
    decays = one.decays
    library = (one.decays_biases, decays.get("gains", one.decays_biases), decays.get("embeddings", True))
    said = {"weights": (False, False, True), "matrices": (False, False, False), "all": (True, True, True)}
    return said.get(state["reach"], library)


def start_of(state, width_steps=None):
    """Sums of squares and absolute values of what is penalised, their variances, and the counts."""
    entries, initializer = entries_of(state, width_steps), initializer_of(state)
    keras = state["convention"].startswith("keras.")
    law = initializer.keras_distribution if keras else initializer.distribution
    reach = dict(zip(("biases", "gains", "embeddings"), reached(state), strict=True))
    found = dict.fromkeys(("squares", "absolute", "squaresVariance", "absoluteVariance"), 0.0)
    found |= {"weights": 0, "besides": 0, "moving": 0, "biases": 0, "gains": 0, "embeddings": 0}

    def add(layer, start, its):
        sums, variance = expected_sums([layer], start, its), start.variance(layer)
        absolute, fourth = MOMENTS.get(its, (1.0, 1.0))
        found["squares"] += sums.sum_squares
        found["absolute"] += sums.sum_absolute
        found["squaresVariance"] += (fourth - 1) * layer.count * variance**2
        if its == "orthogonal" or found["absoluteVariance"] is None:
            found["absoluteVariance"] = None
        else:
            found["absoluteVariance"] += (1 - absolute**2) * layer.count * variance

    for role, layer, _ in entries:
        if role == "gain":
            continue
        found["embeddings"] += layer.count * (role == "embedding")
        if role == "embedding" and not reach["embeddings"]:
            continue
        found["weights"] += layer.count
        torchs = role == "embedding" and state["initializer"] == "torch-default"
        add(layer, normal_initializer(1.0) if torchs else initializer, "normal" if torchs else law)
    found["typical"] = math.sqrt(found["squares"] / found["weights"]) if found["weights"] else 0.0
    if law == "orthogonal":
        found["absoluteVariance"] = None
    for role, layer, biases in entries:
        found["biases"] += biases * state["biases"]
        if state["biases"] and reach["biases"] and biases:
            found["besides"] += biases
            if state["initializer"] == "torch-default" and role != "gain":
                found["moving"] += biases
                add(Layer(1, biases), normal_initializer((1 / (3 * layer.fan_in)) ** 0.5), "uniform")
        if role == "gain":
            found["gains"] += layer.count
            if reach["gains"]:
                found["besides"] += layer.count
                found["moving"] += layer.count
                found["squares"] += layer.count
                found["absolute"] += layer.count
    found["penalised"] = found["weights"] + found["besides"]
    found["trainable"] = found["biases"] + sum(layer.count for _, layer, _ in entries)
    return found


def penalty_of(state, width_steps=None):
    start, convention = start_of(state, width_steps), find(state["convention"])
    coefficient = convention.coefficient(state["value"], usage_of(state))
    if convention.family == "l1":
        variance = start["absoluteVariance"]
        return start, {
            "value": coefficient * start["absolute"],
            "valueDeviation": None if variance is None else coefficient * variance**0.5,
            "pull": coefficient,
            "norm": coefficient * math.sqrt(start["weights"] + start["moving"]),
        }
    return start, {
        "value": coefficient / 2 * start["squares"],
        "valueDeviation": coefficient / 2 * start["squaresVariance"] ** 0.5,
        "pull": coefficient * start["typical"],
        "norm": coefficient * start["squares"] ** 0.5,
    }


def steps_of(state, coefficient, family, typical):
    momentum = state["momentum"] if state["optimizer"] == "momentum" else 0.0
    if family == "decoupled":
        momentum = 0.0
    joint = state["learningRate"] * coefficient
    adam, rate = state["optimizer"] == "adam", state["learningRate"]
    found = {"joint": joint, "limit": None, "largest": None, "curvature": None}
    if family == "l1":
        if not adam:
            found |= {"curvature": 2 * (1 + momentum) / rate, "stepsToZero": typical * (1 - momentum) / joint}
        return found
    if family == "l2" and adam:
        return found
    factor = factors.heavy_ball_factor(joint, momentum)
    roots = np.roots([1.0, -(1 + momentum - joint), momentum])
    positive = np.all(np.abs(roots.imag) < 1e-12) and np.all(roots.real > -1e-12)
    found["factor"] = factor
    found["halfLife"] = factors.half_life(factor) if 0 < factor < 1 else None
    found["sign"] = "growing" if factor >= 1 else "kept" if positive else "flipping"
    found["limit"] = 2 * (1 + momentum)
    found["largest"] = 2 * (1 + momentum) / rate
    if family == "l2" or state["optimizer"] == "sgd":
        found["curvature"] = 2 * (1 + momentum) / rate - coefficient
    return found


DECAY = ("joint", "factor", "halfLife", "sign", "stepsToZero")


def conversions_of(state):
    found, usage = {}, usage_of(state)
    for one in [find(one["name"]) for one in FEW["conventions"]]:
        try:
            loss = None if state["loss"] == "unsaid" else state["loss"]
            found[one.name] = convert(state["value"], state["convention"], one.name, usage, loss).value
        except ConventionError as refusal:
            found[one.name] = str(refusal)
    return found


def overflow_of(summed, factor, variance):
    """What float16 makes of the sum, and of the sum times the factor: 65520 is rounded to infinity."""
    deviation = 0 if variance is None else variance**0.5
    said = {}
    for name, scale in (("sumFirst", 1), ("factorFirst", factor)):
        near = abs(scale * summed - 65520) < 3 * scale * deviation
        said[f"half.{name}"] = "either" if near else "yes" if scale * summed >= 65520 else "no"
    return said


def reference(state):
    """What the page must show for a state, by the package where it has a function."""
    convention = find(state["convention"])
    family = convention.family
    coefficient = convention.coefficient(state["value"], usage_of(state))
    start, penalty = penalty_of(state)
    steps = steps_of(state, coefficient, family, start["typical"])
    norm = math.hypot(penalty["norm"], state["dataNorm"])
    summed = start["absolute" if family == "l1" else "squares"]
    factor = coefficient if family == "l1" else coefficient / 2
    double = penalty_of(state, state["widthSteps"] + 4)
    run = math.log(double[0]["penalised"] / start["penalised"])
    slope = {name: math.log(double[1][name] / penalty[name]) / run for name in ("value", "norm", "pull")
             if run > 0}  # fmt: skip
    largest = None
    if steps["largest"] is not None and convention.power:
        largest = convention.value(steps["largest"], usage_of(state))
    alone = is_beside(convention) and convention.stage == "beside the step"
    share = state["learningRate"] * coefficient * alone
    behind = {"sum": None, "rms": None}
    if convention.placement == "loss":
        there = sum_behind(
            state["value"], convention.name, state["printedLoss"], state["metric"], usage_of(state)
        )
        behind["sum"] = there.sum_absolute or there.sum_squares
        if there.sum_squares:
            behind["rms"] = math.sqrt(there.sum_squares / start["penalised"])
    return {
        "coefficient": coefficient,
        "trainable": start["trainable"],
        "unfelt": [name for name, least in SMALLEST_SHARES.items() if 0 < share <= least],
        **{f"behind.{name}": number for name, number in behind.items()},
        **{f"ignored.{name}": start[name] * (not taken) for name, taken in
           zip(("biases", "gains", "embeddings"), reached(state), strict=True)},
        "penalised": start["penalised"],
        "typicalWeight": start["typical"],
        **penalty,
        **{f"decay.{name}": steps.get(name) for name in DECAY},
        **{f"stability.{name}": steps[name] for name in ("limit", "largest", "curvature")},
        "stability.largestValue": largest,
        "stepsPerEpoch": state["samples"] / state["batchSize"],
        "clipping.jointNorm": norm,
        "clipping.inside": min(1.0, 1 / norm),
        "clipping.outside": min(1.0, 1 / state["dataNorm"]) if state["dataNorm"] else 1.0,
        "clipping.size": (1 / penalty["pull"]) ** 2,
        "half.sum": summed,
        "half.product": factor * summed,
        **overflow_of(summed, factor, start["absoluteVariance" if family == "l1" else "squaresVariance"]),
        **{f"conversion.{name}": value for name, value in conversions_of(state).items()},
        **{f"slope.{name}": value for name, value in slope.items()},
        **({"slope.same": 0.0} if run > 0 else {}),
    }  # fmt: skip


def shown(found, slopes):
    """The same names from what the script returned."""
    flat = {name: found[name] for name in ("coefficient", "trainable", "penalised", "typicalWeight", "value",
                                           "valueDeviation", "pull", "norm", "stepsPerEpoch")}  # fmt: skip
    flat["unfelt"] = found["unfelt"]
    for group in ("decay", "stability", "clipping", "half", "behind", "ignored"):
        flat |= {f"{group}.{name}": value for name, value in found[group].items()}
    flat |= {f"conversion.{one['name']}": one for one in found["conversions"]}
    return flat | {f"slope.{name}": value for name, value in (slopes or {}).items()}


PROBLEMS = {
    "no-share": "leaves nothing", "any": "any above 0 gives", "loss": "--loss", "infinite": "no finite",
}  # fmt: skip


def agrees(name, got, wanted):
    if name.startswith("conversion."):
        if isinstance(wanted, str):
            missing = got.get("missing", [])
            return (
                got.get("refusal", "nothing") in wanted
                or PROBLEMS.get(got.get("problem"), "nothing") in wanted
                or (bool(missing) and all(name in wanted for name in missing))
            )
        return got.get("value") == pytest.approx(wanted, rel=TOLERANCE, abs=0)
    if wanted is None or isinstance(wanted, str | list):
        return got == wanted
    absolute = 1e-9 if name.startswith("slope.") else 0  # a slope may be 0
    return got == pytest.approx(wanted, rel=TOLERANCE, abs=absolute)


def overflowing(P, value):
    """A state whose sum of squares is near the end of float16."""
    rows = [{**base_state()["rows"][0], "outputs": P}]
    return base_state(inputs=1, rows=rows, initializer="fixed", deviation=1.0, value=value)


@functools.cache
def random_cases():
    """Every kind of convention under two initialisers, all else at random; each with what must be shown."""
    rng = np.random.default_rng(20171203)
    names = [one.name for one in INITIALIZERS]
    conventions = [find(one["name"]) for one in FEW["conventions"]]
    pairs = [(one, names[(place + k) % 6]) for place, one in enumerate(conventions) for k in (0, 3)]
    states = [random_state(rng, one, name) for one, name in pairs]
    states += [overflowing(P, value) for P in (33_300, 60_000, 65_520, 71_000) for value in (0.01, 1.9, 4.0)]
    states.append(base_state(optimizer="momentum", value=3.0, learningRate=1.0))  # beyond 2, within 2(1 + β)
    adamw = "torch.optim.AdamW"  # a share just above the least that acts
    share = 1.5 * SMALLEST_SHARES["float32"]
    states.append(base_state(
        convention=adamw, optimizer=OF_NAME[adamw]["optimizers"][0], value=share, learningRate=1.0
    ))  # fmt: skip
    dense = base_state()["rows"][0]
    spares = next(one.name for one in conventions if one.decays.get("embeddings") is False)
    differs = next(
        one.name for one in conventions if one.decays.get("gains", one.decays_biases) != one.decays_biases
    )
    rows = [dense, dense | {"kind": "embedding", "size": 50}, dense | {"kind": "normalisation"}, dense]
    quantities = {name: 2 for name in QUANTITIES if name not in GIVEN}
    states += [
        base_state(
            rows=rows, convention=name, optimizer=OF_NAME[name]["optimizers"][0], quantities=quantities
        )
        for name in (spares, differs)
    ]
    return [(state, reference(state)) for state in states]


GIVEN = ("samples", "batch_size", "learning_rate", "l1_ratio", "momentum")


def random_quantity(rng, one):
    return int(rng.integers(1, 1000)) if one.whole else rng.uniform(0.1, 1.0)


def random_state(rng, convention, initializer):
    rows = []
    for _ in range(rng.integers(1, 5)):
        convolution = bool(rng.random() < 0.4)
        kind = "convolution" if convolution else "dense"
        if rng.random() < 0.3:
            kind = str(rng.choice(["embedding", "attention", "normalisation", "block"]))
            convolution = False
        flattens = kind == "dense" and rows and rows[-1]["kind"] == "convolution"
        rows.append({
            "kind": kind,
            "size": int(rng.integers(1, 60)),
            "flag": bool(rng.random() < 0.5),
            "outputs": int(rng.integers(1, 60)),
            "kernel": int(rng.integers(1, 10)) if convolution else 1,
            "positions": int(rng.integers(1, 10)) if flattens else 1,
            "repeat": 1 if kind == "embedding" else int(rng.integers(1, 4)),
        })  # fmt: skip
    rows[0] = rows[0] | {"kind": "dense"}  # some weights, whatever is reached
    if initializer == "torch-default":  # under which an embedding starts otherwise than a layer
        rows.append(rows[0] | {"kind": "embedding", "kernel": 1, "positions": 1, "repeat": 1})
    quantities = {name: random_quantity(rng, one) for name, one in QUANTITIES.items() if name not in GIVEN}
    state = {
        "inputs": int(rng.integers(1, 60)),
        "rows": rows,
        "widthSteps": int(rng.integers(-8, 9)),
        "biases": bool(rng.random() < 0.5),
        "initializer": initializer,
        "deviation": 10 ** rng.uniform(-3, 1),
        "convention": convention.name,
        "reach": str(rng.choice(["library", "weights", "matrices", "all"])),
        "loss": str(rng.choice(["unsaid", *LOSSES])),
        "printedLoss": 2 + rng.random(),
        "metric": 1 + rng.random(),
        "quantities": quantities
        if rng.random() < 0.8
        else {name: number for name, number in quantities.items() if name in convention.needs},
        "value": 10 ** rng.uniform(-6, 2),
        "optimizer": str(rng.choice(OF_NAME[convention.name]["optimizers"])),
        "momentum": rng.uniform(0, 0.95),
        "samples": int(rng.integers(1, 10**6)),
        "l1Ratio": rng.uniform(0.05, 0.95),
        "dataNorm": float(rng.choice([0.0, 10 ** rng.uniform(-2, 2)])),
        "learningRate": 10 ** rng.uniform(-4, 0),
    }
    state["batchSize"] = int(rng.integers(1, state["samples"] + 1))
    if state["optimizer"] == "momentum" or "momentum" in convention.needs:
        state["momentum"] = rng.uniform(0.05, 0.95)
    joint = 10 ** rng.uniform(-4, 1)  # η times the coefficient
    if "learning_rate" not in convention.needs:
        state["learningRate"] = joint / convention.coefficient(state["value"], usage_of(state))
    elif convention.power:
        state["value"] = convention.value(joint / state["learningRate"], usage_of(state))
    return state


@pytest.fixture(scope="module")
def scripted(context):
    """Open a blank page with the tables and the given text of the formulas."""
    pages = []

    def load(formulas=FORMULAS):
        page = context().new_page()
        pages.append(page)
        page.add_script_tag(content=f"var explorerTables = {json.dumps(FEW)};")
        page.add_script_tag(content=formulas)
        return page

    yield load
    for page in pages:
        page.close()


def disagreements(page):
    states, wanted = zip(*random_cases(), strict=True)
    # as text, which crosses over many times faster
    answers = json.loads(page.evaluate(
        "states => JSON.stringify(JSON.parse(states).map(s => [explorerFormulas.evaluate(s, explorerTables),"
        " explorerFormulas.slopes(s, explorerTables)]))",
        json.dumps(states),
    ))  # fmt: skip
    found = set()
    for expected, (result, slopes) in zip(wanted, answers, strict=True):
        got = shown(result, slopes)
        found |= {
            (name, str(got.get(name)), str(value))
            for name, value in expected.items()
            if not agrees(name, got.get(name), value)
        }
    return found


def test_every_number_is_the_packages_on_random_networks(scripted):
    assert disagreements(scripted()) == set()


BREAKS = [
    ("2 ** (steps / 4)", "2 ** (steps / 5)"),
    ("Math.max(1, Math.round(size * factor))", "Math.max(1, Math.floor(size * factor))"),
    ("const alone = rows.length === 1 && rows[0].repeat === 1", "const alone = false"),
    ("repeat: 1, positions: 1, hidden: false", "repeat: 1, positions: 1, hidden: true"),
    ("inputs: before * positions", "inputs: before"),
    ("layer.inputs * layer.outputs * layer.kernel", "layer.inputs * layer.outputs"),
    ("const fanOut = (layer) => layer.outputs * layer.kernel", "const fanOut = (layer) => layer.outputs"),
    ("deviation ** 2,", "deviation,"),
    ("lecun: (layer) => 1 /", "lecun: (layer) => 2 /"),
    ("he: (layer) => 2 /", "he: (layer) => 1 /"),
    ("2 / (fanIn(layer) + fanOut(layer))", "1 / (fanIn(layer) + fanOut(layer))"),
    ('"torch-default": (layer) => 1 / (3 *', '"torch-default": (layer) => 1 / (2 *'),
    ("1 / Math.max(layer.outputs, fanIn(layer))", "1 / fanIn(layer)"),
    ('initializer === "torch-default" ? 1 / (3 *', 'initializer === "torch-default" ? 1 / (1 *'),
    ("mean = 2 / (Math.PI * d * mean)", "mean = 2 / (Math.PI * (d + 1) * mean)"),
    ("entry.keras : entry.torch", "entry.torch : entry.torch"),
    ("number * variance ** 2 * (kurtosis - 1)", "number * variance ** 2 * kurtosis"),
    ("number * variance * (1 - meanAbsolute ** 2)", "number * variance"),
    ("number * meanAbsolute * Math.sqrt(variance)", "number * Math.sqrt(variance)"),
    ("sums.squares += number * variance", "sums.squares += variance"),
    ("sums.count += number", "sums.count += 1"),
    ("if (variance > 0) sums.moving", "sums.moving"),
    ("dense(d, s, 2)", "dense(d, s)"),
    ("inputs: 1, outputs: d }", "inputs: 1, outputs: 2 * d }"),
    ("dense(d, m, gated ? 2 : 1)", "dense(d, m)"),
    ("({ ...norm, times: 2 })", "norm"),
    ("width, outputs: size, kernel: 1, biases: 0", "width, outputs: size, kernel: 1, biases: 1"),
    ("if (flag) heads.push(size)", "heads.push(size)"),
    ("scaled(size, factor)", "size"),
    ("variance: 1, law: \"normal\" }", "variance: 1 / 3, law: \"normal\" }"),
    ("variance: 1, law: \"normal\" }", "variance: 1, law }"),
    ("layer.role === \"gain\" ? 0 : biasVariance", "layer.role === \"none\" ? 0 : biasVariance"),
    ("layer.times * layer.outputs, 1, {", "layer.times, 1, {"),
    ("decays.gains ?? biases", "biases"),
    ("decays.embeddings ?? true", "true"),
    ("gains: false, embeddings: false }", "gains: false, embeddings: true }"),
    ("&& convention.eachBatch", "&& false"),
    ("rest ? (full + 1)", "rest ? full"),
    ("if (source.beside === target.beside) return 1;", "return 1;"),
    ("return source.beside ? rest : 1 / rest", "return source.beside ? 1 / rest : rest"),
    ('pair !== "decoupled l2" || !said', 'pair !== "decoupled l2"'),
    ("!said || !shared", "!said"),
    ("missing(target, setting).length", "false"),
    ("if (!target.power) return", "if (false) return"),
    ('"mean-squared": 2, summed', '"mean-squared": 1, summed'),
    ("summed: 2 * batch", "summed: batch"),
    ("lossUnit(source.loss, loss, setting.batch_size) /", "1 /"),
    ('(family === "l1" ? 1 : 2) * (printedLoss', '2 * (printedLoss'),
    ("Math.sqrt(sum / penalised)", "sum / penalised"),
    ('placement !== "loss" ||', ""),
    ("convention.alone && share > 0", "share > 0"),
    ("share <= tables.smallestShares[name]", "share <= 2 * tables.smallestShares[name]"),
    ("state.quantities,", "{},"),
    ('state.optimizer === "sgd" ? 0 : undefined', "undefined"),
    ("kurtosis: 1 };", "kurtosis: 2 };"),
    ("sphere / Math.sqrt(variance)", "sphere"),
    ("layer.times * count(layer), variance", "count(layer), variance"),
    ("layer.times * layer.biases", "layer.biases"),
    ("let scale = convention.factor", "let scale = 1"),
    ("scale / quantity :", "scale * quantity :"),
    ("quantity ** exponent", "quantity"),
    ("1 - setting[rests[name]]", "setting[rests[name]]"),
    ("value ** convention.power :", "value :"),
    ("scaleOf(convention, setting, tables)) ** convention.power", "scaleOf(convention, setting, tables))"),
    ("tables.refusals[`${source.family} ${target.family}`]", "tables.refusals[`l2 l1`]"),
    ("value: coefficient * both(\"absolute\")", "value: coefficient / 2 * both(\"absolute\")"),
    ("coefficient * Math.sqrt(variance),", "coefficient * variance,"),
    ("norm: coefficient * Math.sqrt(moved)", "norm: coefficient * moved"),
    ("pull: coefficient,", "pull: coefficient * typicalWeight,"),
    ('value: (coefficient / 2) * both("squares")', 'value: coefficient * both("squares")'),
    ("(coefficient / 2) * Math.sqrt(both", "coefficient * Math.sqrt(both"),
    ("pull: coefficient * typicalWeight,", "pull: coefficient,"),
    ('norm: coefficient * Math.sqrt(both("squares"))', 'norm: coefficient * both("squares")'),
    ("Math.sqrt(weights.squares / weights.count)", "weights.squares / weights.count"),
    ("const sum = 1 + momentum - joint", "const sum = 1 - joint"),
    ("- 2 * joint * (1 + momentum) + joint ** 2", "+ joint ** 2"),
    ("rate: -Math.log(momentum) / 2", "rate: -Math.log(momentum)"),
    ("if (sum <= 0) return { factor, rate: -Math.log(factor) };", ""),
    ("Math.log1p(-joint / (1 - other))", "Math.log1p(-joint)"),
    ("Math.LN2 / rate", "1 / rate"),
    ("heavyBall(joint, 0);", "heavyBall(joint, beta);"),
    ("(typicalWeight * (1 - beta)) / joint", "typicalWeight / joint"),
    ("joint <= (1 - Math.sqrt(momentum)) ** 2", "joint <= 1 - momentum"),
    ("joint < 2 * (1 + momentum)) return", "joint < 2) return"),
    ("const full = (2 * (1 + beta)) / learningRate", "const full = 2 / learningRate"),
    ("2 / learningRate - coefficient", "2 / learningRate"),
    ("curvature: full - coefficient", "curvature: full"),
    ("limit: 2 * (1 + beta), largest", "limit: 2, largest"),
    ("valueOf(convention, bound.largest, setting, tables)", "bound.largest"),
    ("Math.hypot(dataNorm, norm)", "dataNorm + norm"),
    ("Math.min(1, threshold / joint)", "threshold / joint"),
    ("Math.min(1, threshold / dataNorm)", "Math.min(1, threshold / joint)"),
    ("(threshold / pull) ** 2", "threshold / pull"),
    ('const factor = family === "l1" ? coefficient : coefficient / 2', "const factor = coefficient"),
    ('const name = family === "l1" ? "absolute" : "squares"', 'const name = "squares"'),
    ("reach.biases ? biases : nothing()", "biases"),
    ("reach.gains ? gains : nothing()", "gains"),
    ("< 3 * sumDeviation", "< 0 * sumDeviation"),
    ("sum >= limit", "sum >= 2 * limit"),
    ("factor * deviation, limit", "deviation, limit"),
    ("count + biases.count + gains.count", "count + biases.count"),
    ("state.samples / state.batchSize", "state.batchSize"),
    ("state.widthSteps + 4", "state.widthSteps + 3"),
    ("convention.normalised ? setting.mean_weight ?? 1 : 1", "1"),
    ('coefficient : coefficient * tracked', 'coefficient : pull'),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad"), BREAKS, ids=[str(place) for place in range(len(BREAKS))])
def test_a_broken_formula_is_noticed(scripted, good, bad):
    assert FORMULAS.count(good) == 1, good
    page = scripted(FORMULAS.replace(good, bad))
    assert disagreements(page)
    page.close()


def base_state(**changes):
    dense = {
        "kind": "dense",
        "outputs": 64,
        "kernel": 1,
        "positions": 1,
        "repeat": 1,
        "size": 1,
        "flag": False,
    }
    return {
        "inputs": 64, "rows": [dense], "widthSteps": 0, "biases": False, "initializer": "he",
        "deviation": 0.05, "convention": "penalty_coefficient", "value": 0.01, "learningRate": 0.1,
        "optimizer": "sgd", "momentum": 0.9, "batchSize": 100, "samples": 1000, "l1Ratio": 0.5,
        "dataNorm": 0.0, "reach": "library", "loss": "unsaid", "quantities": {}, "printedLoss": 2.0,
        "metric": 1.0,
    } | changes  # fmt: skip


def evaluated(page, *states):
    return page.evaluate("states => states.map(s => explorerFormulas.evaluate(s, explorerTables))", states)


def test_mean_and_scatter_of_the_penalty_are_those_of_real_draws(scripted):
    dense = base_state()["rows"][0]
    rows = [
        dense | {"kind": "convolution", "outputs": 8, "kernel": 6},
        dense | {"outputs": 5, "positions": 3},
    ]
    page, number = scripted(), 400
    for name, library in itertools.product(("he", "glorot", "torch-default"), ("torch", "keras")):
        for family in ("l2", "l1"):
            convention = {
                ("torch", "l2"): "penalty_coefficient",
                ("torch", "l1"): "sklearn.linear_model.Lasso",
                ("keras", "l2"): "keras.regularizers.L2",
                ("keras", "l1"): "keras.regularizers.L1",
            }[library, family]
            state = base_state(inputs=4, rows=rows, initializer=name, convention=convention)
            (found,) = evaluated(page, state)
            layers, initializer = layers_of(state), find_initializer(name)
            if library == "torch":
                sums = [draw_sums(layers, initializer, generator(1, k)) for k in range(number)]
            else:
                sums = [draws.draw_keras_sums(layers, initializer, 10 * k) for k in range(number)]
            totals = np.array([
                found["coefficient"] * (one.sum_absolute if family == "l1" else one.sum_squares / 2)
                for one in sums
            ])  # fmt: skip
            error = found["valueDeviation"] / number**0.5
            assert abs(totals.mean() - found["value"]) < 4 * error, (name, library, family)
            assert totals.std() == pytest.approx(found["valueDeviation"], rel=0.15), (name, library, family)


def test_biases_of_real_layers_start_as_the_page_says(scripted):
    state = base_state(
        inputs=3,
        rows=[{**base_state()["rows"][0], "outputs": 20000}],
        biases=True,
        initializer="torch-default",
    )
    (found,) = evaluated(scripted(), state)
    assert found["biases"]["count"] == 20000
    bias = torch.nn.Linear(3, 20000).bias.detach().double()
    assert bias.square().sum().item() == pytest.approx(found["biases"]["squares"], rel=0.05)


def test_a_real_clipped_step_is_shortened_as_the_page_says(scripted):
    rows = [{**base_state()["rows"][0], "outputs": 1000}]
    state = base_state(inputs=100, rows=rows, initializer="fixed", deviation=1.0, value=0.02, dataNorm=2.0)
    (found,) = evaluated(scripted(), state)
    for placement, wanted in (("loss", found["clipping"]["inside"]), ("optimizer", 1.0)):
        parts = clipping.draw_tables(found["penalised"], 1.0, 1.0, np.random.default_rng(0))
        moved = clipping.torch_moved(parts, 2.0, 0.02, 0.1, 1.0, placement, "cpu")
        assert moved / (0.1 * 0.02) == pytest.approx(wanted, rel=0.01)
    assert found["clipping"]["inside"] < 0.2


def test_half_precision_overflows_where_torch_does(scripted):
    page = scripted()
    seen = set()
    for P in (60_000, 65_520, 71_000):
        (found,) = evaluated(page, overflowing(P, 0.01))
        real = precision.scaler_step(np.random.default_rng(0).normal(size=P), 0.01, 0.1, 1.0, "cpu")
        verdict = found["half"]["sumFirst"]
        seen.add(verdict)
        if verdict != "either":
            assert (verdict == "yes") == math.isinf(real.value), P
        assert found["half"]["factorFirst"] == "no"
    assert seen == {"yes", "no", "either"}
    (large,) = evaluated(page, overflowing(71_000, 4.0))
    assert large["half"]["factorFirst"] == "yes"


def test_slow_decay_keeps_its_digits_and_edges_are_named(scripted):
    page = scripted()
    slow = base_state(value=1e-6, learningRate=1e-6)
    states = [slow, *[base_state(value=c, learningRate=1.0) for c in (0.0, 1.0, 1.5, 2.0, 2.5)]]
    found = [one["decay"] for one in evaluated(page, *states)]
    assert found[0]["halfLife"] == pytest.approx(-math.log(2) / math.log1p(-1e-12), rel=1e-12)
    assert [one["sign"] for one in found[1:]] == ["still", "kept", "flipping", "growing", "growing"]
    assert [one["halfLife"] for one in found[1:]] == [None, 0, pytest.approx(1.0), None, None]


def test_a_wide_orthogonal_layer_keeps_its_digits(scripted):
    """Against quadrature: the package itself goes over to a first term beyond a million."""
    page = scripted()
    for dimension in (1, 2, 3, 199, 200, 201, 5000):
        power = dimension - 2
        if dimension == 1:
            wanted = 1.0
        else:  # E|cos θ| with density sin^(d-2)
            top = integrate.quad(lambda t, n=power: math.cos(t) * math.sin(t) ** n, 0, math.pi / 2)[0]
            peak = functools.partial(lambda t, n: math.sin(t) ** n, n=power)
            near = max(0.0, math.pi / 2 - 40 / math.sqrt(dimension))
            bottom = integrate.quad(peak, near, math.pi / 2, epsabs=0, epsrel=1e-12)[0]
            wanted = (1 / (power + 1) if power else top) / bottom
        got = page.evaluate("d => explorerFormulas.sphereMeanAbsolute(d)", dimension)
        assert got == pytest.approx(wanted, rel=1e-10), dimension


def test_the_curves_are_the_numbers_at_other_widths(scripted):
    page = scripted()
    for initializer in ("fixed", "he", "glorot"):
        rows = [{**base_state()["rows"][0], "repeat": 3}]
        state = base_state(rows=rows, initializer=initializer, widthSteps=2)
        points = page.evaluate("s => explorerFormulas.curves(s, 8, explorerTables)", state)
        assert len(points) == 17
        for steps, point in zip(range(-8, 9), points, strict=True):
            start, penalty = penalty_of(state, steps)
            wanted = penalty | start
            for name in ("penalised", "value", "norm", "pull"):
                assert point[name] == pytest.approx(wanted[name], rel=TOLERANCE)
        assert {point["same"] for point in points} == {points[8]["pull"]}


def test_slopes_approach_the_laws_of_the_chapter(scripted):
    dense = base_state()["rows"][0]
    rows = [{**dense, "outputs": 10**6, "repeat": 3}, {**dense, "outputs": 10}]
    page = scripted()
    for name in [one.name for one in INITIALIZERS]:
        state = base_state(inputs=4, rows=rows, initializer=name)
        got = page.evaluate("s => explorerFormulas.slopes(s, explorerTables)", state)
        squares, _ = shapes.limit_exponents(name, "hidden layers wider")
        assert got["value"] == pytest.approx(float(squares), abs=0.01)
        assert got["norm"] == pytest.approx(float(squares) / 2, abs=0.01)
        assert got["pull"] == pytest.approx((float(squares) - 1) / 2, abs=0.01)
        assert got["same"] == 0


def test_every_convention_has_a_place_and_an_optimizer():
    for one in TABLES["conventions"]:
        assert one["placement"] in ("loss", "optimizer", "chain", "none")
        assert one["optimizers"]
        assert set(one["counts"]) <= {*QUANTITIES, *TABLES["rests"]}
    assert OF_NAME["keras.regularizers.L2"]["placement"] == "loss"
    assert OF_NAME["torch.optim.SGD"]["placement"] == "optimizer"
    assert len(TABLES["refusals"]) == 12
    assert {one.name for one in REGISTRY} - OF_NAME.keys() == {
        one.name for one in REGISTRY if one.family == "group"
    }


def test_every_row_of_the_atlas_has_the_packages_coefficient(scripted):
    rng = np.random.default_rng(11)
    pairs = [(one, random_state(rng, find(one["name"]), "he")) for one in TABLES["conventions"]]
    scales = scripted().evaluate(
        "pairs => pairs.map(([one, state]) => explorerFormulas.scaleOf("
        "one, explorerFormulas.settingOf(state, one), explorerTables))",
        json.loads(json.dumps(pairs)),
    )
    for (one, state), scale in zip(pairs, scales, strict=True):
        assert scale == pytest.approx(find(one["name"]).scale(usage_of(state)), rel=TOLERANCE), one["name"]


PRESETS = {"GPT-3, the smallest": 125e6, "BERT, base": 109e6, "LLaMA, 7B": 6.74e9}


@pytest.mark.parametrize("name", PRESETS)
def test_a_transformer_has_the_size_that_its_paper_names(bare, name):
    page = bare()
    page.click(f"text={name}")
    assert page.locator(".explorer .error:visible").count() == 0
    said = text(page, "counts").split(", of ")[-1].split(" trainable")[0].split(", all")[0]
    assert float(said.replace(",", "")) == pytest.approx(PRESETS[name], rel=0.01)
    link = page.get_attribute("#state-link", "href")
    page.click("text=35M weights that start near 50")
    page.evaluate(FOLLOW, link.lstrip("#"))
    assert page.get_attribute("#state-link", "href") == link
    if name == "BERT, base":
        assert "biases, gains are not penalised" in text(page, "counts")


def test_a_share_that_rounds_away_has_no_half_life(follow):
    page = follow("layers-d64--lib-torch-optim-AdamW--lam-1e-4--eta-1e-4--opt-adam")
    assert text(page, "halflife").startswith(
        "none in float32: a step takes the share 1e-8, and 1 − 1e-8 rounds"
    )
    assert "above 2.98e-8 to act in float32, above 0.00195 in bfloat16" in text(page, "halflife")
    page.fill("#learningRate", "0.01")
    assert "none for weights kept in bfloat16" in text(page, "halflife")
    page.fill("#value", "1")
    assert "float" not in text(page, "halflife")


def test_a_printed_loss_is_answered_by_the_weights_behind_it(follow):
    page = follow("layers-d64--lib-keras-regularizers-L2--lam-1e-4")
    assert text(page, "behind").startswith("Not asked")
    page.fill("#printedLoss", "1.5326")
    assert "The metric is missing; allowed: both numbers or neither." in refused(page, "metric")
    page.fill("#metric", "0.9875")
    assert text(page, "behind").startswith("Σw² = 5,451; over 153,600 weights a root mean square of 0.1884")
    page.fill("#metric", "2")
    assert "below the metric" in text(page, "behind")
    page.select_option("#convention", "torch.optim.SGD")
    assert text(page, "behind") == "No printed loss holds the decay of torch.optim.SGD."


def test_a_data_loss_that_is_chosen_doubles_an_estimators_number(follow):
    page = follow("layers-d64--lib-sklearn-linear_model-Ridge--lam-50--n-100--batch-20")
    assert "the mean of half the squared error, as sklearn.linear_model.Ridge" in page.inner_text("#refusals")
    row = page.locator("#elsewhere tr", has=page.get_by_text("torch.optim.SGD", exact=True))
    assert row.locator("td").nth(1).inner_text() == "0.5"
    page.select_option("#loss", "mean-squared")
    assert row.locator("td").nth(1).inner_text() == "1"
    page.select_option("#loss", "cross-entropy")
    assert row.locator("td").nth(1).inner_text() == "none: its data loss is another"


def test_a_quantity_is_asked_for_where_a_row_needs_it(follow):
    page = follow("layers-d64")
    one = next(one for one in TABLES["conventions"] if "features" in one["needs"])
    assert not page.locator("#needed #quantity-features").count()
    page.select_option("#convention", one["name"])
    for name in one["needs"]:
        if name not in GIVEN:
            assert page.locator(f"#needed #quantity-{name}").is_visible()
            assert "is missing" in refused(page, f"quantity-{name}")
            page.fill(f"#quantity-{name}", "3")
    assert page.locator("#state-link").is_visible()
    address = page.get_attribute("#state-link", "href")
    assert "--features-3" in address
    page.select_option("#convention", "keras.regularizers.L2")
    assert "needs:" not in page.inner_text("#elsewhere")
    assert page.locator("#others #quantity-features").input_value() == "3"
    page.evaluate(FOLLOW, "layers-d64")
    assert page.input_value("#quantity-features") == ""
    assert "needs: F, the features of a sample" in page.inner_text("#refusals")


def test_what_the_rest_of_the_file_expects_of_the_tables():
    assert TABLES["halfOverflow"] == 65520


# ---------------------------------------------------------------- the page


@pytest.fixture
def explore(browser, quick_site):
    """Open the explorer; at the end nothing may have been asked of elsewhere, or complained."""
    contexts, outside, complaints = [], [], []

    def open_page(fragment="", width=1400, scheme="light"):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else outside.append(r.url))
        page.on("requestfailed", lambda r: complaints.append(r.url))
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("console", lambda m: None if THEME.match(m.text) else complaints.append(m.text))
        page.goto((quick_site / "book" / "explorer.html").resolve().as_uri() + fragment)
        page.wait_for_selector("#convention option", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert outside == []
    assert complaints == []


THEME = re.compile(r"\[PST\]|\[togglebutton\]")  # what the theme itself logs on every page


def text(page, name):
    return page.inner_text(f"#out-{name}")


def say(number):
    """As the page writes a number from one to a million: four digits, thousands apart."""
    digits = 0 if number >= 1e5 or number == int(number) else 3 - math.floor(math.log10(number))
    return f"{number:,.{max(digits, 0)}f}"


def test_the_presets_are_the_threads_networks(explore):
    page = explore()
    million = shapes.dense_layers([2400] * 7)
    start = expected_sums(million, find_initializer("torch-default"))
    page.click("text=35M weights that start near 50")
    assert text(page, "counts").startswith(f"{start.count:,}, of {start.count + 6 * 2400:,} trainable")
    assert text(page, "value").startswith(f"{say(0.01 * start.sum_squares)}, standard deviation")
    assert 45 < 0.01 * start.sum_squares < 50

    large = expected_sums(shapes.dense_layers([5000] * 13), find_initializer("he"))
    assert large.count == 3e8
    page.click("text=300M weights at λ = 1, over 2m")
    assert text(page, "counts") == f"{large.count:,}, all that is trainable"
    assert text(page, "value").startswith(f"{say(large.sum_squares / 2 / 60000)}, standard deviation")
    page.click("text=300M weights at λ = 1, without 1/m")
    assert text(page, "value").startswith(f"{say(large.sum_squares / 2)}, standard deviation")

    page.click("text=The Conv2D of the second thread")
    layer = torch.nn.Conv2d(10, 20, (2, 3))
    trainable = sum(one.numel() for one in layer.parameters())
    assert text(page, "counts") == (
        f"{layer.weight.numel():,}, of {trainable:,} trainable; {layer.bias.numel()} biases are not penalised"
    )
    assert text(page, "pull").startswith("0.1 ")
    listed = page.locator("#elsewhere tbody tr td:first-child").all_inner_texts()
    without = [one.name for one in REGISTRY if one.family == "l1" and set(one.needs) <= {*GIVEN}]
    assert listed == without
    assert "they agree at one size of weight only" in page.inner_text("#refusals")
    assert page.inner_text("#width-hint").startswith("There is one layer")


def test_what_the_page_shows_is_what_the_package_converts(explore):
    page = explore()
    page.fill("#samples", "500")
    page.fill("#batchSize", "50")
    page.fill("#value", "0.03")
    usage = Usage(samples=500, batch_size=50, learning_rate=0.01, l1_ratio=0.5, momentum=0.0)
    names, values = (page.locator(f"#elsewhere tbody tr td:nth-child({k})").all_inner_texts() for k in (1, 2))
    assert len(names) > 100
    for name, value in zip(names, values, strict=True):
        if find(name).power:
            wanted = convert(0.03, "keras.regularizers.L2", name, usage).value
            assert float(value) == pytest.approx(wanted, rel=1e-5), name
        else:
            assert value.startswith("none: any value above 0")


@pytest.mark.parametrize(
    ("field", "entry", "hint"),
    [
        ("learningRate", "-3", "from 1e-30 to 1e6"),
        ("learningRate", "", "is missing"),
        ("value", "0,01", "decimal point"),
        ("value", "-1", "0, or a number from 1e-30 to 1e12"),
        ("inputs", "2.5", "whole number"),
        ("inputs", "many", "whole number"),
        ("samples", "0", "from 1"),
        ("batchSize", "70000", "at most the 60,000 samples"),
        ("l1Ratio", "1.5", "0 to 1"),
        ("dataNorm", "-1", "0, or a number from"),
    ],
)
def test_a_bad_entry_is_explained_beside_its_field(explore, field, entry, hint):
    page = explore()
    good = page.input_value(f"#{field}")
    before = page.get_attribute("#state-link", "href")
    page.fill(f"#{field}", entry)
    box = page.locator(f"#{field}")
    assert box.get_attribute("aria-invalid") == "true"
    assert box.evaluate("e => getComputedStyle(e).borderTopWidth") == "2px"
    error = page.locator(f"#error-{field}")
    assert error.get_attribute("id") in box.get_attribute("aria-describedby").split()
    assert error.is_visible()
    words = error.inner_text()
    assert f"“{entry}”" in words or not entry
    assert "allowed:" in words
    assert hint in words
    assert page.locator("#waiting").is_visible()
    assert not page.locator("#state-link").is_visible()
    page.fill(f"#{field}", good)
    assert box.get_attribute("aria-invalid") is None
    assert not error.is_visible()
    assert not page.locator("#waiting").is_visible()
    assert page.get_attribute("#state-link", "href") == before


def test_a_bad_layer_and_an_optimizer_that_does_not_fit_are_explained(explore):
    page = explore()
    page.fill("[data-part=outputs]", "0")
    error = page.locator("#layers .error")
    assert "“0” cannot be the number of outputs; allowed: a whole number from 1" in error.inner_text()
    page.fill("[data-part=outputs]", "12")
    page.select_option("#convention", "keras.optimizers.SGD")
    page.select_option("#optimizer", "momentum")
    words = page.inner_text("#error-optimizer")
    assert words.startswith("heavy ball does not go with keras.optimizers.SGD; allowed: gradient descent.")
    page.select_option("#convention", "torch.optim.AdamW")
    assert page.input_value("#optimizer") == "adam"
    assert not page.locator("#error-optimizer").is_visible()
    assert "no loss contains" in page.inner_text("#out-half").lower()


def test_a_link_restores_the_state(explore):
    page = explore()
    page.click("text=Add a layer")
    entry = page.locator("#layers > li").last
    entry.locator("[data-part=kind]").select_option("convolution")
    entry.locator("[data-part=outputs]").fill("16")
    entry.locator("[data-part=height]").fill("5")
    page.click("text=Add a layer")
    page.locator("#layers > li").last.locator("[data-part=positions]").fill("9")
    page.locator("#biases").press("Space")  # a click may fall beside it while a new layer makes room
    page.select_option("#initializer", "fixed")
    page.fill("#deviation", "0.0215")
    page.select_option("#convention", "sklearn.linear_model.ElasticNet:l2")
    page.fill("#l1Ratio", "0.3")
    page.fill("#value", "2.5e-07")
    page.select_option("#optimizer", "momentum")
    page.fill("#momentum", "0.85")
    page.fill("#dataNorm", "0.4")
    page.focus("#widthSteps")
    page.keyboard.press("ArrowRight")
    address = page.evaluate("location.hash")
    assert address == page.get_attribute("#state-link", "href")
    assert "d2400r6-c16k5x3-d64f9" in address
    assert re.fullmatch(r"#[\w-]+", address)
    other = explore(address)
    assert other.input_value("#plain") == page.input_value("#plain")
    for name in ("deviation", "l1Ratio", "value", "momentum", "dataNorm", "widthSteps"):
        assert float(other.input_value(f"#{name}")) == float(page.input_value(f"#{name}"))
    for name in ("initializer", "convention", "optimizer"):
        assert other.input_value(f"#{name}") == page.input_value(f"#{name}")
    assert not other.is_checked("#biases")
    # going back in the same page restores too, and a link to a section changes nothing
    page.evaluate("location.hash = 'where-this-breaks'")
    assert page.input_value("#plain") == other.input_value("#plain")
    page.evaluate("location.hash = 'layers-d10r2--in-5--init-he--lib-torch-optim-SGD--lam-1e-3'")
    page.wait_for_function("document.getElementById('inputs').value === '5'")
    weights = expected_sums(shapes.dense_layers([5, 10, 10]), find_initializer("he")).count
    assert text(page, "counts") == f"{weights + 20}, all that is trainable"  # torch decays biases too


def test_a_bad_link_is_explained(explore):
    page = explore("#layers-x9--lib-nope--eta-abc--init-he")
    assert "“x9” cannot be the layers; allowed:" in page.inner_text("#error-layers")
    assert "“nope” is unknown; allowed: penalty_coefficient" in page.inner_text("#error-convention")
    assert "“abc” cannot be the learning rate" in page.inner_text("#error-learningRate")
    page.click("text=The Conv2D of the second thread")
    assert page.locator(".explorer .error:visible").count() == 0
    assert text(page, "counts").startswith("1,200")


def tabbed_to(page, selector, limit=80):
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def test_everything_works_by_keyboard(explore):
    page = explore()
    page.focus("[data-state]")
    tabbed_to(page, "[data-state]:focus")
    page.keyboard.press("Enter")  # the second preset
    assert text(page, "counts").startswith("300,000,000")
    tabbed_to(page, "#biases")
    page.keyboard.press("Space")
    assert "trainable" in text(page, "counts")
    tabbed_to(page, "[data-part=outputs]")
    page.keyboard.press("Control+A")
    page.keyboard.type("100")
    tabbed_to(page, "#add-layer")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.part") == "kind"
    page.keyboard.press("ArrowDown")
    assert page.locator("#layers [data-part=kind]").last.input_value() == "convolution"
    tabbed_to(page, "[data-part=remove]")
    page.keyboard.press("Enter")
    assert page.locator("#layers > li").count() == 1
    tabbed_to(page, "#convention")
    page.keyboard.type("torch.optim.SGD")
    page.wait_for_timeout(100)
    assert page.input_value("#convention") == "torch.optim.SGD"
    tabbed_to(page, "#value")
    page.keyboard.press("Control+A")
    page.keyboard.type("0.001")
    assert text(page, "coefficient").startswith("0.001 ")
    tabbed_to(page, "#copy-text")
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('copied').textContent")
    tabbed_to(page, "#widthSteps")
    before = text(page, "counts")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert text(page, "counts") != before
    said = page.get_attribute("#widthSteps", "aria-valuetext")
    assert said == "× 2, widest hidden layer 200"
    page.wait_for_function("document.getElementById('summary').textContent.includes('penalised weights')")


def test_every_control_has_a_name_and_every_description_exists(explore):
    page = explore()
    page.click("text=Add a layer")
    nameless = page.evaluate(
        """[...document.querySelectorAll('.explorer :is(input, select, textarea)')]
           .filter(e => !e.labels.length || !e.labels[0].textContent.trim()).map(e => e.id)"""
    )
    assert nameless == []
    missing = page.evaluate(
        """[...document.querySelectorAll('.explorer [aria-describedby]')]
           .flatMap(e => e.getAttribute('aria-describedby').split(' '))
           .filter(id => !document.getElementById(id))"""
    )
    assert missing == []


def test_the_summary_is_a_live_region_and_the_text_holds_every_answer(explore):
    page = explore()
    assert page.get_attribute("#summary", "aria-live") == "polite"
    page.click("text=300M weights at λ = 1, without 1/m")
    page.wait_for_function("document.getElementById('summary').textContent.startsWith('300,000,000')")
    plain = page.input_value("#plain")
    for entry in page.locator("#results > div").all():
        assert f"{entry.locator('dt').inner_text()}: {entry.locator('dd').first.inner_text()}" in plain
    assert page.inner_text("#slopes") in plain
    assert plain.splitlines()[-1].endswith(page.get_attribute("#state-link", "href"))
    page.click("#copy-text")
    page.wait_for_function("document.getElementById('copied').textContent === 'The text is copied.'")


def test_the_chart_says_in_words_what_it_draws(explore):
    page = explore()
    page.select_option("#initializer", "fixed")
    assert page.get_attribute("#chart", "role") == "img"
    assert page.get_attribute("#chart", "aria-describedby") == "slopes"
    words = page.inner_text("#slopes")
    assert [float(x) for x in re.findall(r"(\d\.\d\d) for", words)] == [1, 0.5, 0, 0]
    dashes = page.evaluate(
        "[...document.querySelectorAll('.explorer-legend line')]"
        ".map(line => getComputedStyle(line).strokeDasharray)"
    )
    assert len(set(dashes)) == 4
    page.fill("#value", "0")
    assert page.locator("#chart canvas").count() == 0
    assert page.inner_text("#slopes") == "Without a penalty there is nothing to draw."
    page.fill("#value", "1")
    assert page.locator("#chart canvas").count() == 1


def test_the_chart_follows_the_width_and_the_theme(explore):
    page = explore(scheme="light")
    picture = "document.querySelector('#chart canvas').toDataURL()"
    light = page.evaluate(picture)
    page.focus("#widthSteps")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"before => {picture} !== before", arg=light)
    moved = page.evaluate(picture)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"before => {picture} !== before", arg=moved)
    ink = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--line-value').trim()")
    assert ink == "#74b9f5"
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_function(f"before => {picture} === before", arg=moved)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_sideways_scrolling(explore, scheme):
    library = "sklearn-linear_model-ElasticNet-l1"
    page = explore(f"#layers-c20k2x3r2-d10f49-d10--in-10--lib-{library}--eta-abc", 390, scheme)
    assert page.locator(".explorer .error:visible").count() > 0
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.fill("#learningRate", "0.1")
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_function("document.querySelector('#chart .uplot')?.offsetWidth > 400")
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("document.querySelector('#chart .uplot')?.offsetWidth <= 390")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


# ---------------------------------------------------------------- entries that are extreme, wrong or hostile


@pytest.fixture(scope="module")
def bare(context, tmp_path_factory):
    """Open the explorer's own HTML, style and scripts without the book around them."""
    folder = tmp_path_factory.mktemp("bare")
    shutil.copytree(ROOT / "book" / "_extra" / "explorer", folder / "explorer")
    explorer.write_tables(folder / "explorer")
    blocks = re.findall(r"```\{raw\} html\n(.*?)```", (ROOT / "book" / "explorer.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    body = "\n".join([*blocks, '<h2 id="where-this-breaks">Where this breaks</h2>'])
    (folder / "book").mkdir()
    path = folder / "book" / "explorer.html"
    path.write_text(f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>λ</title><body>{body}')
    pages, complaints = [], []

    def open_page(fragment="", before=""):
        page = context().new_page()
        pages.append(page)
        page.add_init_script(before)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("console", lambda m: complaints.append(m.text))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("#convention option", state="attached")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


def test_a_browser_whose_language_is_no_language_draws_the_chart_too(bare):
    page = bare(before="Object.defineProperty(Navigator.prototype, 'language', { get: () => 'C' })")
    page.wait_for_selector("#chart canvas")


@pytest.fixture(scope="module")
def one_page(bare):
    return bare()


@pytest.fixture
def follow(one_page):
    """Follow a link from the page as it starts, one page for all that do not need their own."""

    def go(link):
        one_page.click("text=35M weights that start near 50")
        one_page.evaluate(FOLLOW, link)
        return one_page

    return go


def refused(page, name):
    """The message at a field, tied to it; nothing may have been computed."""
    error = page.locator(f"#error-{name}")
    assert error.is_visible(), name
    if name not in ("layers", "link"):  # these two belong to no single field
        box = page.locator(f"#{name}")
        assert box.get_attribute("aria-invalid") == "true"
        assert f"error-{name}" in box.get_attribute("aria-describedby").split()
    assert page.locator("#waiting").is_visible()
    assert not page.locator("#state-link").is_visible()
    return error.inner_text()


LONG = 150_000
LONG_WORDS = {
    "digits": "1" * LONG, "digits and a letter": "1" * LONG + "x", "commas": "1," * (LONG // 2),
    "a power": "1e" + "1" * LONG, "zeros": "0." + "0" * LONG + "1", "hyphens": "-" * LONG,
}  # fmt: skip
RESPOND = """
([selector, word]) => {
  const input = document.querySelector(selector);
  const before = performance.now();
  input.value = word;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return performance.now() - before;
}
"""
FOLLOW = """
(hash) => {
  history.replaceState(null, "", `#${hash}`);
  const before = performance.now();
  dispatchEvent(new HashChangeEvent("hashchange"));
  return performance.now() - before;
}
"""


@pytest.mark.parametrize("word", LONG_WORDS.values(), ids=LONG_WORDS)
def test_a_very_long_entry_is_refused_at_once_and_not_repeated(follow, word):
    """Reading a text of this length over and over takes 15 s; the bound is for a slow machine."""
    page = follow("layers-d64")
    usual = len(page.inner_text("body"))
    for selector, error in (
        ("#value", "#error-value"),
        ("#samples", "#error-samples"),
        ("[data-part=outputs]", "#layers .error"),
    ):
        good = page.input_value(selector)
        assert page.evaluate(RESPOND, [selector, word]) < 3000
        words = page.inner_text(error)
        assert f"({len(word):,} characters) cannot be the" in words
        assert "at most 100 characters; allowed:" in words
        assert len(words) < 300
        page.evaluate(RESPOND, [selector, good])
        assert not page.locator(error).is_visible()
    for key in ("layers", "lam", "n", "beta", "init", "bias", "width", "nokey", ""):
        assert page.evaluate(FOLLOW, f"layers-d64--{key}-{word}") < 3000
        assert len(page.inner_text("body")) < usual + 2000
        assert page.locator("#waiting").is_visible()
    assert page.evaluate(FOLLOW, "layers-d64" + "--k-1" * (LONG // 5)) < 3000
    assert "Unknown in a link: “k”; allowed: layers," in refused(page, "link")


BEYOND = "it is beyond what a float can express; allowed:"
STANDS_TWICE = "stands more than once in the link; allowed: once."


@pytest.mark.parametrize(
    ("rest", "field", "words"),
    [
        (
            "width-17",
            "widthSteps",
            "“17” cannot be the width in quarters of a doubling; allowed: a whole number",
        ),
        ("width--17", "widthSteps", "“-17” cannot be the width"),
        ("width-abc", "widthSteps", "“abc” cannot be the width"),
        ("width-2.5", "widthSteps", "“2.5” cannot be the width"),
        ("width", "widthSteps", "The width in quarters of a doubling is missing"),
        ("width-4--width-4", "widthSteps", f"“width” {STANDS_TWICE}"),
        ("bias-no", "biases", "“no” cannot be the biases; allowed: 1 with them, 0 without."),
        ("bias", "biases", "“” cannot be the biases"),
        ("bias-0--bias-1", "biases", f"“bias” {STANDS_TWICE}"),
        ("lam-1e-400", "value", f"“1e-400” cannot be the l2 of keras.regularizers.L2: {BEYOND}"),
        ("lam-1e400", "value", f"“1e400” cannot be the l2 of keras.regularizers.L2: {BEYOND}"),
        ("lam-1--lam-2", "value", f"“lam” {STANDS_TWICE}"),
        ("lam", "value", "The l2 of keras.regularizers.L2 is missing"),
        ("eta-1e-400", "learningRate", BEYOND),
        ("n-1e400", "samples", BEYOND),
        ("l1-0.1--l1-0.2", "l1Ratio", f"“l1” {STANDS_TWICE}"),
        ("init-nope", "initializer", "“nope” is unknown; allowed: fixed, lecun"),
        ("init-he--init-nope", "initializer", f"“init” {STANDS_TWICE}"),
        ("opt-sgd--opt-adam", "optimizer", f"“opt” {STANDS_TWICE}"),
    ],
)
def test_what_a_link_cannot_have_is_said_beside_its_field(follow, rest, field, words):
    page = follow(f"layers-d64--{rest}")
    assert words in refused(page, field)
    assert page.locator(".explorer .error:visible").count() == 1
    box = page.locator(f"#{field}")
    if field == "biases":
        box.press("Space")
    elif box.evaluate("e => e.tagName") == "SELECT":
        box.select_option({"initializer": "lecun", "optimizer": "momentum"}[field])
    else:
        box.fill("0.5" if field == "l1Ratio" else "1000" if field == "samples" else "1")
    assert page.locator(".explorer .error:visible").count() == 0
    assert box.get_attribute("aria-invalid") is None
    assert page.locator("#state-link").is_visible()


@pytest.mark.parametrize(
    ("link", "field", "words"),
    [
        ("layers-d64--frob-1", "link", "Unknown in a link: “frob”; allowed: layers, bias, in, sd, lam, eta,"),
        ("lamda-1--in-5", "link", "Unknown in a link: “lamda”; allowed:"),
        ("layers-d64--constructor-1--a-1--b-1--c--c", "link", "“constructor”, “a”, “b” and 1 more; allowed:"),
        # fields that are not shown
        ("layers-d64--opt-sgd--beta-abc", "link", "“abc” cannot be the momentum; allowed:"),
        ("layers-d64--opt-sgd--beta-0.1--beta-0.2", "link", f"“beta” {STANDS_TWICE}"),
        ("layers-d64--init-he--sd-1e-400", "link", f"“1e-400” cannot be the standard deviation: {BEYOND}"),
        ("layers-d64--layers-d10", "layers", f"“layers” {STANDS_TWICE}"),
        ("layers-d10f49", "layers", "“d10f49” cannot be the layers; allowed:"),
        ("layers-c4k3x3-d10f9-d10f9", "layers", "or, behind a convolution, d10f49r2"),
        ("layers-", "layers", "“” cannot be the layers"),
    ],
)
def test_what_a_link_cannot_have_is_said_where_there_is_no_field(follow, link, field, words):
    page = follow(link)
    assert words in refused(page, field)
    assert page.locator(".explorer .error:visible").count() == 1
    if field == "link":
        assert page.get_attribute("#error-link", "role") == "alert"
        assert "A change of any entry goes on without it." in page.inner_text("#error-link")
    page.fill("#inputs" if field == "link" else "[data-part=outputs]", "12")
    assert page.locator(".explorer .error:visible").count() == 0
    assert page.locator("#state-link").is_visible()
    assert page.evaluate("location.hash") == f"#{link}"  # which follows finished entries only
    page.keyboard.press("Tab")
    assert page.evaluate("location.hash") == page.get_attribute("#state-link", "href")


def test_layers_without_a_weight_that_is_reached_are_refused(follow):
    for link in ("layers-nr2", "layers-e9w4--reach-matrices"):
        words = refused(follow(link), "layers")
        assert words == "The penalty reaches no weight here; allowed: layers with some that it reaches."


def test_a_link_may_leave_out_the_layers_and_a_section_is_no_link(follow):
    page = follow("lam-3e-3")
    assert page.input_value("#value") == "0.003"
    assert text(page, "counts").startswith("34,560,000")
    before = page.input_value("#plain")
    for section in ("where-this-breaks", "no-such-section", "layers", ""):
        page.evaluate(FOLLOW, section)
        assert page.input_value("#plain") == before
        assert not page.locator("#waiting").is_visible()


# the first and the last number that a field takes, and a number beyond each
EDGES = {
    "inputs": (["1", "1000000"], ["0", "1000001"]),
    "deviation": (["1e-30", "1e6"], ["0", "9e-31", "1.1e6"]),
    "value": (["0", "1e-30", "1e12"], ["9e-31", "5e-324", "1.1e12"]),
    "momentum": (["0", "5e-324", "0.9999999999999999"], ["1", "1e-324"]),
    "learningRate": (["1e-30", "1e6"], ["0", "9e-31", "1.1e6"]),
    "samples": (["1", "1e12"], ["0", "1000000000001"]),
    "batchSize": (["1"], ["0", "1000000000001"]),
    "dataNorm": (["0", "1e-30", "1e12"], ["9e-31", "1.1e12"]),
    "l1Ratio": (["0", "1e-30", "0.9999999999999999", "1"], ["9e-31", "1.1"]),
}


def test_a_field_takes_its_extremes_and_nothing_beyond(follow):
    page = follow("layers-d64--init-fixed--opt-momentum--lib-penalty_coefficient--batch-1")
    for field, (allowed, beyond) in EDGES.items():
        good = page.input_value(f"#{field}")
        for word in allowed:
            page.fill(f"#{field}", word)
            assert page.locator(".explorer .error:visible").count() == 0, (field, word)
        for word in beyond:
            page.fill(f"#{field}", word)
            assert f"“{word}” cannot be the" in refused(page, field), (field, word)
        for word in ("1e-400", "1e400", f"0.{'0' * 90}1e-300"):
            page.fill(f"#{field}", word)
            assert BEYOND in refused(page, field), (field, word)
        page.fill(f"#{field}", good)
    page.fill("[data-part=repeat]", "1e308")  # no layer is numbered by an entry that cannot be used
    assert page.inner_text("#layers legend") == "Layer 1"


LAYER_EDGES = [
    "e1w1",
    "e1000000w1000000o",
    "a1k1",
    "a1000000k1000000r1000",
    "n",
    "nr1000",
    "b1k1",
    "b1000000k1000000gr1000",
    "d1",
    "d1000000",
    "d1r1000",
    "d1000000r1000",
    "c1k1x1",
    "c1000000k1000x1000r1000",
    "c1k1000x1",
]


def extreme_links():
    """Every convention under each of its optimisers, all else at one end or the other of what is allowed."""
    rng = np.random.default_rng(15)
    keys = {"in": "inputs", "sd": "deviation", "lam": "value", "eta": "learningRate", "beta": "momentum",
            "n": "samples", "g": "dataNorm", "l1": "l1Ratio"}  # fmt: skip
    found = []
    for one in TABLES["conventions"]:
        for optimizer, _ in itertools.product(
            one["optimizers"], range(4 if one in FEW["conventions"] else 1)
        ):
            words = {key: str(rng.choice(EDGES[field][0])) for key, field in keys.items()}
            words["layers"] = "-".join(["d1", *rng.choice(LAYER_EDGES, rng.choice([0, 1, 11]))])
            words |= {"bias": rng.choice(["0", "1"]), "width": rng.choice([-16, 0, 16]), "opt": optimizer}
            words["init"] = rng.choice([known.name for known in INITIALIZERS])
            words["lib"] = re.sub(r"\W", "-", one["name"])
            words["batch"] = rng.choice(["1", words["n"]])
            if one["power"] < 0:
                words["lam"] = rng.choice(["1e-30", "1e12"])
            if "l1_ratio" in one["counts"]:  # a share that leaves some
                words["l1"] = rng.choice(["1e-30", "1"])
            elif "l2_ratio" in one["counts"]:
                words["l1"] = rng.choice(["0", "0.9999999999999999"])
            if "rest_of_momentum" in one["counts"] or "momentum" in one["counts"]:
                words["beta"] = rng.choice(["5e-324", "0.9999999999999999"])
            words |= {name: rng.choice(["1", "1e12"]) for name in one["needs"] if name not in GIVEN}
            found.append("--".join(f"{key}-{word}" for key, word in words.items()))
    return found


SAID = """
async (links) => {
  const Real = uPlot;
  const drawn = [];
  window.uPlot = function (options, data, place) {
    drawn.push(data);
    const chart = new Real(options, data, place);
    const { setData } = chart;
    chart.setData = (later) => { drawn.push(later); setData(later); };
    return chart;
  };
  document.documentElement.dataset.theme = "dark"; // draws anew, by the above
  await new Promise((done) => { setTimeout(done); });
  history.replaceState = () => {}; // of which a browser allows only so many a second
  const button = document.querySelector("[data-state]");
  return links.map((link) => {
    drawn.length = 0;
    button.dataset.state = link;
    button.click();
    const shown = [...document.querySelectorAll(".explorer")].map((one) => one.textContent);
    const [plain, slider] = [document.getElementById("plain"), document.getElementById("widthSteps")];
    const named = [...document.querySelectorAll("[aria-label]")].map((one) => one.ariaLabel);
    return {
      computed: document.getElementById("waiting").hidden,
      charts: drawn.length,
      finite: drawn.every((columns) => columns.flat().every(Number.isFinite)),
      words: [...shown, plain.value, slider.getAttribute("aria-valuetext"), ...named].join(" "),
    };
  });
}
"""


INFINITE = re.compile(r".{0,40}(?:Infinity|NaN|undefined|null|∞)")
SAID_BY_ROWS = re.compile("|".join(sorted(
    {re.escape(words[1:]) for one in TABLES["conventions"] for words in (one["note"], one["formula"])
     if INFINITE.search(words)} | {"(?!)"}, key=len, reverse=True)))  # fmt: skip


def test_no_extreme_entry_is_answered_by_infinity(bare):
    links = extreme_links()
    answers = bare().evaluate(SAID, links)
    for link, answer in zip(links, answers, strict=True):
        assert answer["computed"], link
        assert answer["finite"], link
        assert not INFINITE.findall(SAID_BY_ROWS.sub("", answer["words"])), link
    assert sum(answer["charts"] for answer in answers) > len(links) / 2
    assert any("no slope can be given" in answer["words"] for answer in answers)


def test_a_width_that_cannot_double_has_a_sentence_for_its_slopes(follow):
    page = follow("layers-d1-d1--in-1--lib-penalty_coefficient--width--16")
    assert page.inner_text("#slopes") == (
        "At this width and at twice this width there are the same 2 weights, as widths are whole numbers "
        "and at least 1: no slope can be given."
    )
    assert page.inner_text("#slopes") in page.input_value("#plain")
    page.focus("#widthSteps")
    page.keyboard.press("End")
    assert page.inner_text("#slopes").startswith("From 32 weights")


MARKUP = [
    "<img src=x onerror=hit()>", "<script>hit()</script>", "\"><svg onload=hit()>", "'-hit()-'",
    "<iframe srcdoc='<script>parent.hit()</script>'>", "&lt;b&gt;&#60;b&#62;", "javascript:hit()",
    "${hit()}{{hit()}}",
]  # fmt: skip
WRITE = "(e, word) => { e.value = word; e.dispatchEvent(new Event('input', { bubbles: true })); }"
TRAP = "() => { window.hits = 0; window.hit = () => { window.hits += 1; }; }"
SPRUNG = "new Promise((done) => { setTimeout(() => done(window.hits), 100); })"
COUNT = "document.querySelectorAll('img, script, iframe, svg, b, object, embed, [onload], [onerror]').length"


def test_markup_in_a_link_or_a_field_makes_no_element(bare):
    page = bare()
    page.evaluate(TRAP)
    elements = page.evaluate(COUNT)
    keys = ["layers", "bias", "in", "sd", "lam", "eta", "beta", "batch", "n", "l1", "g", "init", "lib", "opt",
            "width", "nokey"]  # fmt: skip
    links = [f"layers-d64--{key}-{word}" for key, word in itertools.product(keys, MARKUP)]
    links += [f"layers-{word}" for word in MARKUP] + [f"layers-d64--{word}" for word in MARKUP]
    links += [f"{word}--layers-d64" for word in MARKUP] + [f"lam-1--a{word}-2" for word in MARKUP]
    assert len(links) == 160
    page.evaluate(
        """(links) => {
          const go = history.replaceState.bind(history);
          history.replaceState = () => {};
          const button = document.querySelector("[data-state]");
          for (const link of links) {
            go(null, "", `#${link}`); // by its address, where a browser escapes some signs
            dispatchEvent(new HashChangeEvent("hashchange"));
            button.dataset.state = link; // and as it is
            button.click();
          }
        }""",
        links,
    )
    assert page.evaluate(COUNT) == elements
    assert page.evaluate(SPRUNG) == 0
    page = bare("#layers-c4k3x3-d10f9--init-fixed--opt-momentum")
    page.evaluate(TRAP)
    fields = page.locator(".explorer input:not([type=checkbox], [type=range])").all()
    assert len(fields) == 23 + len(QUANTITIES) - len(GIVEN)
    for place, field in enumerate(fields):
        field.evaluate(WRITE, MARKUP[place % len(MARKUP)])  # some are not shown
    assert page.evaluate(COUNT) == elements
    assert page.evaluate(SPRUNG) == 0
