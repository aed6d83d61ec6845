/* Every formula of the λ explorer: numbers in, numbers out, no page and no words.
 *
 * tests/test_explorer.py holds each of them against the package l2scaling on random inputs.
 * `tables` is what src/l2scaling/publish/pages/explorer.py takes from the package.
 *
 * A network is { inputs, rows, widthSteps }, a row { kind, outputs, kernel, positions, size, flag, repeat }:
 * `kernel` counts the positions of a convolution (1 for a dense layer), `positions` those that
 * are flattened in front of a dense layer (1 for none); `size` is an embedding's vocabulary or the width of
 * keys and values, `flag` an embedding's own output layer or a gated MLP. A state is a network with `biases`,
 * `reach`, `initializer`, `deviation`, `convention`, `value`, `loss`, `learningRate`, `optimizer`, `momentum`,
 * `batchSize`, `samples`, `l1Ratio`, `dataNorm`, further `quantities`, and `printedLoss` and `metric` or NaN.
 */
var explorerFormulas = (() => {
  "use strict";

  // ---------------------------------------------------------------- the network

  // s = 2^(steps / 4)
  const widthFactor = (steps) => 2 ** (steps / 4);

  // n -> max(1, round(s n))
  const scaled = (size, factor) => Math.max(1, Math.round(size * factor));

  // What stands in one entry on a stream of width d: queries d to a, keys and values d to s, output a to d;
  // a gain a unit; a transformer's block, with an MLP d to m to d, gated by a third matrix.
  const dense = (inputs, outputs, times = 1) => ({ inputs, outputs, times });
  const parts = {
    embedding: null,
    attention: (d, a, s) => [dense(d, a), dense(d, s, 2), dense(a, d)],
    normalisation: (d) => [{ role: "gain", inputs: 1, outputs: d }],
    block: (d, m, s, gated) => [
      ...parts.attention(d, d, s), dense(d, m, gated ? 2 : 1), dense(m, d),
      ...parts.normalisation(d).map((norm) => ({ ...norm, times: 2 })),
    ],
  };

  // Layers (C_i, C_o, k) in order; equal neighbours stand together with their number `times`.
  // Hidden widths are scaled, inputs and last outputs are not; a lone layer has its outputs scaled.
  function layers({ inputs, rows, widthSteps }) {
    const factor = widthFactor(widthSteps);
    const alone = rows.length === 1 && rows[0].repeat === 1;
    const last = rows[rows.length - 1];
    const runs = rows.slice(0, -1).map((row) => ({ ...row, hidden: true }));
    if (last.kind in parts) {
      runs.push({ ...last, hidden: true });
    } else if (last.repeat > 1) {
      runs.push({ ...last, repeat: last.repeat - 1, hidden: true });
      runs.push({ ...last, repeat: 1, positions: 1, hidden: false });
    } else {
      runs.push({ ...last, hidden: alone });
    }
    const found = [];
    const heads = [];
    let before = inputs;
    for (const { kind, outputs, kernel, positions, size, flag, repeat, hidden } of runs) {
      const width = hidden ? scaled(outputs, factor) : outputs;
      const plain = { kind, role: "weight", kernel, biases: width };
      if (kind === "embedding") {
        found.push({ ...plain, role: "embedding", inputs: width, outputs: size, kernel: 1, biases: 0, times: repeat });
        if (flag) heads.push(size);
      } else if (kind in parts) {
        for (const part of parts[kind](before, width, scaled(size, factor), flag)) {
          found.push({ ...plain, kernel: 1, biases: part.outputs, ...part, times: repeat * (part.times ?? 1) });
        }
        continue; // a residual branch keeps the width
      } else {
        found.push({ ...plain, inputs: before * positions, outputs: width, times: 1 });
        if (repeat > 1) found.push({ ...plain, inputs: width, outputs: width, times: repeat - 1 });
      }
      before = width;
    }
    for (const size of heads) {
      found.push({ kind: "output", role: "weight", inputs: before, outputs: size, kernel: 1, biases: 0, times: 1 });
    }
    return found;
  }

  // P_l = C_i C_o k
  const count = (layer) => layer.inputs * layer.outputs * layer.kernel;
  const fanIn = (layer) => layer.inputs * layer.kernel;
  const fanOut = (layer) => layer.outputs * layer.kernel;

  // ---------------------------------------------------------------- the start

  // Var(w) of one weight
  const variances = {
    fixed: (layer, deviation) => deviation ** 2,
    lecun: (layer) => 1 / fanIn(layer),
    he: (layer) => 2 / fanIn(layer),
    glorot: (layer) => 2 / (fanIn(layer) + fanOut(layer)),
    "torch-default": (layer) => 1 / (3 * fanIn(layer)),
    orthogonal: (layer) => 1 / Math.max(layer.outputs, fanIn(layer)),
  };

  // Var(b) of one bias: torch draws it uniformly on ±1/√fan_in, everybody else starts at 0
  const biasVariance = (initializer, layer) =>
    initializer === "torch-default" ? 1 / (3 * fanIn(layer)) : 0;

  // m_d = E|u| of one coordinate of a unit vector in d dimensions = Γ(d/2) / (√π Γ((d+1)/2)).
  // From m_1 = 1 by m_(d+1) = 2 / (π d m_d); beyond d = 200 by the series of the quotient in 1/d.
  function sphereMeanAbsolute(dimension) {
    if (dimension <= 200) {
      let mean = 1;
      for (let d = 1; d < dimension; d += 1) mean = 2 / (Math.PI * d * mean);
      return mean;
    }
    const x = 1 / dimension;
    const series = 1 + x / 4 + x ** 2 / 32 - (5 * x ** 3) / 128 - (21 * x ** 4) / 2048;
    return Math.sqrt(2 / (Math.PI * dimension)) * series;
  }

  // The law of the weights, as Keras draws it for its own conventions and torch for all others.
  function lawOf(convention, initializer, tables) {
    const entry = tables.initializers.find((one) => one.name === initializer);
    return convention.library === "keras" ? entry.keras : entry.torch;
  }

  const nothing = () => ({ count: 0, moving: 0, squares: 0, absolute: 0, squaresVariance: 0, absoluteVariance: 0 });

  // n weights of mean 0, variance v and a law with a = E|w|/σ, κ = E w⁴/σ⁴ add
  //   n to P,  n v to S = E Σw²,  n a √v to A = E Σ|w|,
  //   n v² (κ − 1) to Var Σw²,  n v (1 − a²) to Var Σ|w|.
  function add(sums, number, variance, { meanAbsolute, kurtosis }) {
    sums.count += number;
    if (variance > 0) sums.moving += number;
    sums.squares += number * variance;
    sums.absolute += number * meanAbsolute * Math.sqrt(variance);
    sums.squaresVariance += number * variance ** 2 * (kurtosis - 1);
    sums.absoluteVariance += number * variance * (1 - meanAbsolute ** 2);
  }

  // The variance and the law of a layer's weights: torch's own start of an embedding is a normal one
  function startOf(layer, initializer, deviation, law) {
    if (layer.role === "embedding" && initializer === "torch-default") return { variance: 1, law: "normal" };
    return { variance: variances[initializer](layer, deviation), law };
  }

  // An orthogonal start has Σw² without scatter, as if κ were 1; its weights depend on each other,
  // so Σ|w| scatters in a way we have no formula for.
  function weightSums(list, initializer, deviation, law, tables) {
    const sums = nothing();
    for (const layer of list) {
      const { variance, law: its } = startOf(layer, initializer, deviation, law);
      const sphere = sphereMeanAbsolute(Math.max(layer.outputs, fanIn(layer)));
      const orthogonal = { meanAbsolute: sphere / Math.sqrt(variance), kurtosis: 1 };
      add(sums, layer.times * count(layer), variance, its === "orthogonal" ? orthogonal : tables.laws[its]);
    }
    return law === "orthogonal" ? { ...sums, absoluteVariance: null } : sums;
  }

  // One bias for each output of a layer that has them; a normalisation's start at 0
  function biasSums(list, initializer, tables) {
    const sums = nothing();
    for (const layer of list) {
      const variance = layer.role === "gain" ? 0 : biasVariance(initializer, layer);
      add(sums, layer.times * layer.biases, variance, tables.laws.uniform);
    }
    return sums;
  }

  // Gains start at 1, all of them
  function gainSums(list) {
    const sums = nothing();
    for (const layer of list) add(sums, layer.times * layer.outputs, 1, { meanAbsolute: 1, kurtosis: 1 });
    return sums;
  }

  const sumOf = (first, second) =>
    Object.fromEntries(Object.keys(first).map((name) => [name, first[name] + second[name]]));

  // ---------------------------------------------------------------- conventions

  // q, or 1 − q of the quantity whose rest it is
  const quantityOf = (name, setting, rests) => (name in rests ? 1 - setting[rests[name]] : setting[name]);

  // The harmonic mean of the sizes of an epoch's mini-batches, of which the last may be short
  function meanBatch({ samples, batch_size: size }) {
    const rest = samples % size;
    const full = Math.floor(samples / size);
    return rest ? (full + 1) / (full / size + 1 / rest) : size;
  }

  // scale = factor · Π q^exponent, times the mean weight of the samples where the library divides by Σω
  function scaleOf(convention, setting, { rests }) {
    let scale = convention.factor * (convention.normalised ? setting.mean_weight ?? 1 : 1);
    for (const [name, exponent] of Object.entries(convention.counts)) {
      let quantity = quantityOf(name, setting, rests);
      if (name === "batch_size" && convention.eachBatch) quantity = meanBatch(setting);
      scale = exponent === -1 ? scale / quantity : scale * quantity ** exponent;
    }
    return scale;
  }

  // coefficient = scale · value^power: c, the size of an L1 pull, or λ of a share η·λ; without power any
  // value above 0 has one coefficient
  const coefficientOf = (convention, value, setting, tables) =>
    (value ? scaleOf(convention, setting, tables) * value ** convention.power : 0);

  // value = (coefficient / scale)^power, where power is 1 or −1
  const valueOf = (convention, coefficient, setting, tables) =>
    (coefficient / scaleOf(convention, setting, tables)) ** convention.power;

  // what is not said, or is smaller than the formula was measured at
  const missing = (convention, setting) => convention.needs.filter((name) =>
    !Number.isFinite(setting[name]) || setting[name] < (convention.least[name] ?? -Infinity));

  // From a coefficient of one convention to that of another: 1 − β or its inverse between a pull that momentum
  // gathers and one beside it; null where two families have no equivalent, as they have under gradient descent
  function rate(source, target, setting) {
    const { momentum } = setting;
    if (source.family !== target.family) {
      const pair = [source.family, target.family].sort().join(" ");
      const said = momentum !== undefined || [source, target].some((one) => !one.optimizers.includes("adam"));
      const shared = source.optimizers.some((one) => one !== "adam" && target.optimizers.includes(one));
      if (pair !== "decoupled l2" || !said || !shared) return null;
    }
    const rest = 1 - (momentum ?? 0);
    if (source.beside === target.beside) return 1;
    return source.beside ? rest : 1 / rest;
  }

  // An estimator's own data loss in units of the user's, undefined where they differ in kind; B samples are summed
  function lossUnit(own, loss, batch) {
    const units = {
      "half-squared": { "half-squared": 1, "mean-squared": 2, summed: 2 * batch },
      "cross-entropy": { "cross-entropy": 1, summed: batch },
    };
    return own && loss !== "unsaid" ? units[own]?.[loss] : 1;
  }

  // The same pull in every convention, or why not.
  function conversions(source, value, setting, loss, tables) {
    const coefficient = coefficientOf(source, value, setting, tables);
    return tables.conventions.map((target) => {
      const { name } = target;
      const factor = rate(source, target, setting);
      if (factor === null) return { name, refusal: tables.refusals[`${source.family} ${target.family}`] };
      if (missing(target, setting).length) return { name, missing: missing(target, setting) };
      const units = lossUnit(source.loss, loss, setting.batch_size) / lossUnit(target.loss, loss, setting.batch_size);
      if (!Number.isFinite(units)) return { name, problem: "loss" };
      if (!target.power) return { name, problem: "any" };
      const converted = valueOf(target, coefficient * factor * units, setting, tables);
      if (!(scaleOf(target, setting, tables) > 0)) return { name, problem: "no-share" };
      return Number.isFinite(converted) ? { name, value: converted } : { name, problem: "infinite" };
    });
  }

  // ---------------------------------------------------------------- the penalty

  // l2:        R = c/2 Σw²,  σ(R) = c/2 √Var Σw²,  pull on a weight of size s: c s,  ‖∇R‖ = c √Σw²
  // l1:        R = c Σ|w|,   σ(R) = c √Var Σ|w|,   pull: c,  ‖∇R‖ = c √(weights that are not 0)
  // decoupled: the same as l2 with λ for c, though no loss contains it and no gradient
  // The norm is the root of its expected square. `weights` and `biases` are sums as above.
  function penalty(family, coefficient, weights, biases) {
    const both = (name) => (weights[name] === null ? null : weights[name] + biases[name]);
    const typicalWeight = weights.count ? Math.sqrt(weights.squares / weights.count) : 0;
    if (family === "l1") {
      const variance = both("absoluteVariance");
      const moved = weights.moving + biases.moving;
      return {
        typicalWeight,
        value: coefficient * both("absolute"),
        valueDeviation: variance === null ? null : coefficient * Math.sqrt(variance),
        pull: coefficient,
        norm: coefficient * Math.sqrt(moved),
      };
    }
    return {
      typicalWeight,
      value: (coefficient / 2) * both("squares"),
      valueDeviation: (coefficient / 2) * Math.sqrt(both("squaresVariance")),
      pull: coefficient * typicalWeight,
      norm: coefficient * Math.sqrt(both("squares")),
    };
  }

  // ---------------------------------------------------------------- steps

  // Heavy ball: the larger modulus of the roots of z² − (1 + β − x) z + β, with x = η(h + c).
  // Returned as { factor, rate } with rate = −ln factor, computed so that a factor near 1 keeps
  // its digits: (1 − z₁)(1 − z₂) = x. Without momentum the factor is |1 − x|.
  function heavyBall(joint, momentum) {
    const sum = 1 + momentum - joint;
    const discriminant = (1 - momentum) ** 2 - 2 * joint * (1 + momentum) + joint ** 2;
    if (discriminant < 0) return { factor: Math.sqrt(momentum), rate: -Math.log(momentum) / 2 };
    const factor = (Math.abs(sum) + Math.sqrt(discriminant)) / 2;
    if (sum <= 0) return { factor, rate: -Math.log(factor) };
    const other = momentum / factor;
    return { factor, rate: -Math.log1p(-joint / (1 - other)) };
  }

  // ln 2 / −ln factor; null where nothing is halved
  const halfLife = (rate) => (rate > 0 ? Math.LN2 / rate : null);

  // What decay alone does with a weight, the data gradient being 0.
  //   l2 under (heavy-ball) gradient descent: the factor above with x = ηc;
  //   decoupled, beside any optimiser: |1 − ηλ|;
  //   l1 under (heavy-ball) gradient descent: ηc / (1 − β) a step, so σ (1 − β) / (ηc) steps to 0;
  //   l2 and l1 under Adam: no number without the data gradient.
  function decay(family, coefficient, { learningRate, optimizer, momentum }, typicalWeight) {
    const beta = optimizer === "momentum" ? momentum : 0;
    const joint = learningRate * coefficient;
    if (family === "decoupled") {
      const { factor, rate } = heavyBall(joint, 0);
      return { joint, factor, halfLife: halfLife(rate), sign: signs(joint, 0) };
    }
    if (optimizer === "adam") return { joint, factor: null, halfLife: null };
    if (family === "l1") {
      const steps = joint > 0 ? (typicalWeight * (1 - beta)) / joint : null;
      return { joint, factor: null, halfLife: null, stepsToZero: steps };
    }
    const { factor, rate } = heavyBall(joint, beta);
    return { joint, factor, halfLife: halfLife(rate), sign: signs(joint, beta) };
  }

  // The roots above are real and positive up to x = (1 − √β)², and inside the circle up to 2(1 + β).
  function signs(joint, momentum) {
    if (joint === 0) return "still";
    if (joint <= (1 - Math.sqrt(momentum)) ** 2) return "kept";
    if (joint < 2 * (1 + momentum)) return "flipping";
    return "growing";
  }

  // Bounds, with β = 0 for plain gradient descent.
  //   l2: η(h + c) < 2(1 + β), so c < 2(1 + β)/η for decay alone, h < 2(1 + β)/η − c beside data;
  //   decoupled: ηλ < 2 for decay alone, h < 2/η − λ beside plain gradient descent;
  //   l1: has no curvature: h < 2(1 + β)/η;
  //   l2 under Adam: none here.
  function stability(family, coefficient, { learningRate, optimizer, momentum }) {
    const beta = optimizer === "momentum" ? momentum : 0;
    const plain = optimizer !== "adam";
    const full = (2 * (1 + beta)) / learningRate;
    if (family === "l1") return { limit: null, largest: null, curvature: plain ? full : null };
    if (family === "decoupled") {
      const room = optimizer === "sgd" ? 2 / learningRate - coefficient : null;
      return { limit: 2, largest: 2 / learningRate, curvature: room };
    }
    if (!plain) return { limit: null, largest: null, curvature: null };
    return { limit: 2 * (1 + beta), largest: full, curvature: full - coefficient };
  }

  // Clipping of the global norm at C. Penalty in the loss: everything is multiplied by
  // κ = min(1, C / √(G² + ‖∇R‖²)), G being the norm of the data gradient (the root of an
  // expected square). Penalty outside: the data gradient alone is, by min(1, C / G).
  // The penalty alone reaches C at P* = (C / pull)² weights of today's typical size.
  function clipping(norm, pull, dataNorm, threshold) {
    const joint = Math.hypot(dataNorm, norm);
    return {
      jointNorm: joint,
      inside: Math.min(1, threshold / joint),
      outside: Math.min(1, threshold / dataNorm),
      size: pull > 0 ? (threshold / pull) ** 2 : null,
    };
  }

  // float16 rounds to infinity from `tables.halfOverflow` on. A script forms the sum before or after
  // the factor: c/2 · (Σw²) or Σ(c/2 · w²). Within three standard deviations a draw decides.
  function overflow(sum, sumDeviation, limit) {
    const near = sumDeviation !== null && Math.abs(sum - limit) < 3 * sumDeviation;
    return near ? "either" : sum >= limit ? "yes" : "no";
  }

  function halfPrecision(family, coefficient, weights, biases, limit) {
    const factor = family === "l1" ? coefficient : coefficient / 2;
    const name = family === "l1" ? "absolute" : "squares";
    const sum = weights[name] + biases[name];
    const variance = weights[`${name}Variance`];
    const deviation = variance === null ? null : Math.sqrt(variance + biases[`${name}Variance`]);
    return {
      sum,
      product: factor * sum,
      sumFirst: overflow(sum, deviation, limit),
      factorFirst: overflow(factor * sum, deviation === null ? null : factor * deviation, limit),
    };
  }

  // ---------------------------------------------------------------- all of it

  // The momentum is 0 under plain gradient descent, and unsaid under Adam
  function settingOf(state, convention) {
    const asked = convention.needs.includes("momentum") || state.optimizer === "momentum";
    return {
      ...state.quantities,
      samples: state.samples,
      batch_size: state.batchSize,
      learning_rate: state.learningRate,
      l1_ratio: state.l1Ratio,
      momentum: asked ? state.momentum : state.optimizer === "sgd" ? 0 : undefined,
    };
  }

  // Which of biases, gains and embeddings are penalised: as the library does it, or as the user says
  function reached({ reach }, { decays, biases }) {
    const gains = decays.gains ?? biases;
    return {
      library: { biases, gains, embeddings: decays.embeddings ?? true },
      weights: { biases: false, gains: false, embeddings: true },
      matrices: { biases: false, gains: false, embeddings: false },
      all: { biases: true, gains: true, embeddings: true },
    }[reach];
  }

  // Whether there is any weight to pull
  function reachesWeights(state, convention) {
    const roles = new Set(layers(state).map((layer) => layer.role));
    return roles.has("weight") || (roles.has("embedding") && reached(state, convention).embeddings);
  }

  const conventionOf = (state, tables) => tables.conventions.find((one) => one.name === state.convention);

  function core(state, tables) {
    const convention = conventionOf(state, tables);
    const list = layers(state);
    const law = lawOf(convention, state.initializer, tables);
    const reach = reached(state, convention);
    const sums = (chosen) => weightSums(chosen, state.initializer, state.deviation, law, tables);
    const byRole = (...roles) => list.filter((layer) => roles.includes(layer.role));
    const weights = sums(reach.embeddings ? byRole("weight", "embedding") : byRole("weight"));
    const biases = state.biases ? biasSums(list, state.initializer, tables) : nothing();
    const gains = gainSums(byRole("gain"));
    const penalisedBiases = sumOf(reach.biases ? biases : nothing(), reach.gains ? gains : nothing());
    const coefficient = coefficientOf(convention, state.value, settingOf(state, convention), tables);
    return {
      convention, list, law, weights, biases, gains, penalisedBiases, coefficient,
      ignored: {
        biases: reach.biases ? 0 : biases.count,
        gains: reach.gains ? 0 : gains.count,
        embeddings: reach.embeddings ? 0 : sums(byRole("embedding")).count,
      },
      trainable: sums(byRole("weight", "embedding")).count + biases.count + gains.count,
      penalised: weights.count + penalisedBiases.count,
      ...penalty(convention.family, coefficient, weights, penalisedBiases),
    };
  }

  // A printed loss L beside the data loss M alone: Σw² = 2 (L − M) / c, or Σ|w| = (L − M) / c, and the root
  // of the mean square
  function behind({ family, placement }, coefficient, penalised, { printedLoss, metric }) {
    if (!Number.isFinite(printedLoss) || !Number.isFinite(metric)) return null;
    if (placement !== "loss" || !(coefficient > 0) || printedLoss < metric) return { sum: null, rms: null };
    const sum = ((family === "l1" ? 1 : 2) * (printedLoss - metric)) / coefficient;
    return { sum, rms: family === "l1" ? null : Math.sqrt(sum / penalised) };
  }

  function evaluate(state, tables) {
    const found = core(state, tables);
    const { convention, coefficient } = found;
    const { family } = convention;
    const bound = stability(family, coefficient, state);
    const setting = settingOf(state, convention);
    const share = convention.beside ? state.learningRate * coefficient : 0;
    return {
      ...found,
      decay: decay(family, coefficient, state, found.typicalWeight),
      stepsPerEpoch: state.samples / state.batchSize,
      stability: {
        ...bound,
        largestValue: bound.largest === null || !convention.power ? null : valueOf(convention, bound.largest, setting, tables),
      },
      clipping: clipping(found.norm, found.pull, state.dataNorm, 1),
      half: halfPrecision(family, coefficient, found.weights, found.penalisedBiases, tables.halfOverflow),
      conversions: conversions(convention, state.value, setting, state.loss, tables),
      unfelt: Object.keys(tables.smallestShares).filter((name) =>
        convention.alone && share > 0 && share <= tables.smallestShares[name]),
      behind: behind(convention, coefficient, found.penalised, state),
      perLayer: found.list.map((layer) => {
        const { variance } = layer.role === "gain" ? { variance: 1 } : startOf(layer, state.initializer, state.deviation);
        const squares = layer.times * count(layer) * variance;
        const deviation = Math.sqrt(variance);
        return {
          ...layer, count: layer.times * count(layer), deviation, squares,
          pull: family === "l1" ? coefficient : coefficient * deviation,
        };
      }),
    };
  }

  // P, value, norm, pull on a typical weight, and pull on a weight that keeps the size `tracked`
  function point(state, tracked, tables) {
    const { convention, coefficient, penalised, value, norm, pull } = core(state, tables);
    const same = convention.family === "l1" ? coefficient : coefficient * tracked;
    return { penalised, value, norm, pull, same };
  }

  // The curves: one point a quarter of an octave of width, without repeats of P.
  function curves(state, reach, tables) {
    const tracked = core({ ...state, widthSteps: 0 }, tables).typicalWeight;
    const points = [];
    for (let widthSteps = -reach; widthSteps <= reach; widthSteps += 1) {
      const one = point({ ...state, widthSteps }, tracked, tables);
      if (!points.length || one.penalised > points[points.length - 1].penalised) points.push(one);
    }
    return points;
  }

  // Exponents in P from this width to twice this width: ln(second / first) / ln(P₂ / P₁);
  // null where both round to the same whole widths, as one filter's 1/16 and 1/8 do
  function slopes(state, tables) {
    const tracked = core({ ...state, widthSteps: 0 }, tables).typicalWeight;
    const first = point(state, tracked, tables);
    const second = point({ ...state, widthSteps: state.widthSteps + 4 }, tracked, tables);
    const run = Math.log(second.penalised / first.penalised);
    if (!(run > 0)) return null;
    const slope = (name) => Math.log(second[name] / first[name]) / run;
    return { value: slope("value"), norm: slope("norm"), pull: slope("pull"), same: slope("same") };
  }

  return {
    widthFactor, layers, lawOf, heavyBall, sphereMeanAbsolute, scaleOf, settingOf, missing, reachesWeights, evaluate, curves, slopes,
  };
})();
