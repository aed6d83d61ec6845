/* The page of the λ explorer: reads the fields, asks formulas.js, shows and draws the answers. */
(() => {
  "use strict";
  const F = explorerFormulas;
  const tables = explorerTables;
  const REACH = 16; // quarters of an octave by which the slider reaches to either side
  const MOST_LAYERS = 12; // entries, each of which may stand for many equal layers
  const START = document.querySelector("[data-state]").dataset.state;
  const at = (id) => document.getElementById(id);
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // ---------------------------------------------------------------- numbers and words

  const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const raised = (power) => `10${[...String(power)].map((sign) => SUPERSCRIPT[sign]).join("")}`;

  // Numbers as one can paste them: 0.0002357, 34,560,000, 1.5e-7
  function show(number, digits = 4) {
    if (number === 0) return "0";
    const size = Math.abs(number);
    if (size < 1e-4 || size >= 1e15) return number.toExponential(digits - 1).replace(/\.?0+e/, "e");
    if (Number.isInteger(number) || size >= 1e5) return Math.round(number).toLocaleString("en-US");
    return Number(number.toPrecision(digits)).toLocaleString("en-US", { maximumSignificantDigits: digits });
  }
  // Without separators, for an argument of a program
  const plainNumber = (number) => String(Number(number.toPrecision(6)));
  const signed = (number) => number.toFixed(2).replace("-", "−").replace("−0.00", "0.00");

  const NAMES = {
    l2: { coefficient: "Penalty coefficient c", value: "Penalty at the start", symbol: "c" },
    l1: { coefficient: "L1 coefficient c", value: "Penalty at the start", symbol: "c" },
    decoupled: { coefficient: "Decoupled λ, of a share η·λ", value: "½ λ Σw² at the start, if printed", symbol: "λ" },
  };
  const LABELS = {
    fixed: "fixed standard deviation", lecun: "LeCun", he: "He (Kaiming)", glorot: "Glorot (Xavier), Keras' default",
    "torch-default": "torch's default", orthogonal: "orthogonal",
    penalty_coefficient: "c itself: mean loss + c/2 Σw²", lambda_over_2m: "the first asker: mean loss + λ/(2m) Σθ²",
    share_per_step: "the second thread: a share of each weight a step",
    sgd: "gradient descent", momentum: "heavy ball", adam: "Adam",
  };

  const VARIANCES = {
    fixed: "the square of the standard deviation", lecun: "1 / fan-in", he: "2 / fan-in", glorot: "2 / (fan-in + fan-out)",
    "torch-default": "1 / (3 fan-in)", orthogonal: "1 / max(outputs, fan-in)",
  };
  const LAWS = { normal: "a normal", uniform: "a uniform", truncated: "a truncated normal", orthogonal: "an orthogonal" };

  // ---------------------------------------------------------------- reading fields

  const whole = (least, most) => ({
    fits: (number) => Number.isInteger(number) && number >= least && number <= most,
    allowed: `a whole number from ${show(least)} to ${show(most)}, such as ${Math.min(most, Math.max(least, 64))}`,
  });
  const real = (fits, allowed) => ({ fits: (number) => Number.isFinite(number) && fits(number), allowed });
  const RULES = {
    inputs: { name: "number of inputs", ...whole(1, 1e6) },
    deviation: { name: "standard deviation", ...real((x) => x > 0 && x <= 1e6, "a number above 0, up to 1e6, such as 0.05") },
    momentum: { name: "momentum", ...real((x) => x >= 0 && x < 1, "from 0 to below 1, such as 0.9") },
    learningRate: { name: "learning rate", ...real((x) => x > 0 && x <= 1e6, "a number above 0, up to 1e6, such as 0.01 or 1e-4") },
    samples: { name: "number of samples", ...whole(1, 1e12) },
    batchSize: { name: "batch size", ...whole(1, 1e12) },
    dataNorm: { name: "norm of the data gradient", ...real((x) => x >= 0 && x <= 1e12, "a number, 0 or more") },
    l1Ratio: { name: "L1 share", ...real((x) => x >= 0 && x <= 1, "from 0 to 1, such as 0.5") },
  };
  const ROW_RULES = {
    outputs: { name: "number of outputs", ...whole(1, 1e6) },
    height: { name: "height of the kernel", ...whole(1, 1000) },
    width: { name: "width of the kernel", ...whole(1, 1000) },
    positions: { name: "number of flattened positions", ...whole(1, 1e6) },
    repeat: { name: "number of equal layers", ...whole(1, 1000) },
  };
  const parse = (text) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : NaN);

  function complain(text, name, allowed) {
    if (!text.trim()) return `The ${name} is missing; allowed: ${allowed}.`;
    const comma = /^\d+(,\d+)+$/.test(text.trim()) ? " Write a decimal point, and no separators." : "";
    return `“${text.trim()}” cannot be the ${name}; allowed: ${allowed}.${comma}`;
  }

  // What a link asked for and could not have; shown until the field is changed
  const refusedByLink = new Map();

  function mark(input, bad) {
    if (bad) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function tell(input, error, message) {
    mark(input, message);
    error.textContent = message;
    error.hidden = !message;
    return !message;
  }

  // ---------------------------------------------------------------- layers

  let made = 0;
  function layerEntry({ kind = "dense", outputs = "64", height = "3", width = "3", positions = "1", repeat = "1" }) {
    made += 1;
    const id = `layer${made}`;
    const error = make("p", { className: "error", id: `${id}-error`, hidden: true });
    const field = (name, label, value) => {
      const input = make("input", { id: `${id}-${name}`, value, inputMode: "numeric", autocomplete: "off" });
      input.dataset.part = name;
      input.setAttribute("aria-describedby", error.id);
      return make("div", { className: "field" }, make("label", { htmlFor: input.id, textContent: label }), input);
    };
    const select = make("select", { id: `${id}-kind` },
      make("option", { value: "dense", textContent: "dense" }),
      make("option", { value: "convolution", textContent: "convolution" }));
    select.dataset.part = "kind";
    select.value = kind;
    const remove = make("button", { type: "button", textContent: "Remove" });
    remove.dataset.part = "remove";
    const fields = make("div", { className: "explorer-fields" },
      make("div", { className: "field" }, make("label", { htmlFor: select.id, textContent: "Kind" }), select),
      field("outputs", "Outputs or filters", outputs), field("height", "Kernel height", height),
      field("width", "Kernel width", width), field("positions", "Positions flattened", positions),
      field("repeat", "Equal layers in a row", repeat), remove);
    return make("li", {}, make("fieldset", {}, make("legend"), fields, error));
  }

  const entries = () => [...at("layers").children];
  const part = (entry, name) => entry.querySelector(`[data-part="${name}"]`);

  // Number the entries, and show the fields that each of them has
  function tidyLayers() {
    const all = entries();
    let first = 1;
    all.forEach((entry, place) => {
      const repeat = parse(part(entry, "repeat").value) || 1;
      const words = repeat > 1 ? `Layers ${first} to ${first + repeat - 1}` : `Layer ${first}`;
      first += repeat;
      entry.querySelector("legend").textContent = words;
      part(entry, "remove").setAttribute("aria-label", `Remove ${words.toLowerCase()}`);
      part(entry, "remove").hidden = all.length === 1;
      const convolution = part(entry, "kind").value === "convolution";
      const flattens = !convolution && place > 0 && part(all[place - 1], "kind").value === "convolution";
      for (const [name, shown] of [["height", convolution], ["width", convolution], ["positions", flattens]]) {
        part(entry, name).parentElement.hidden = !shown;
      }
    });
    at("add-layer").disabled = all.length >= MOST_LAYERS;
  }

  function readLayers() {
    let good = true;
    const rows = entries().map((entry) => {
      const numbers = {};
      const messages = [];
      for (const [name, rule] of Object.entries(ROW_RULES)) {
        const input = part(entry, name);
        const number = input.parentElement.hidden ? 1 : parse(input.value);
        const fits = rule.fits(number);
        numbers[name] = number;
        mark(input, !fits);
        if (!fits) messages.push(complain(input.value, rule.name, rule.allowed));
      }
      const error = entry.querySelector(".error");
      error.textContent = messages.join(" ");
      error.hidden = !messages.length;
      good = good && !messages.length;
      const { outputs, height, width, positions, repeat } = numbers;
      return { kind: part(entry, "kind").value, outputs, height, width, kernel: height * width, positions, repeat };
    });
    return good ? rows : null;
  }

  // d2400r6: six dense layers of 2400; c20k2x3: 20 filters of 2 by 3; d10f49: after 49 flattened positions
  const LAYER = /^(?:c(\d+)k(\d+)x(\d+)|d(\d+)(?:f(\d+))?)(?:r(\d+))?$/;
  function layersFromText(text) {
    const found = text.split("-").map((word) => LAYER.exec(word));
    if (found.length > MOST_LAYERS || found.includes(null)) return null;
    return found.map(([, filters, height, width, units, positions, repeat]) =>
      filters ? { kind: "convolution", outputs: filters, height, width, repeat }
        : { kind: "dense", outputs: units, positions, repeat });
  }
  const layersToText = (rows) => rows.map((row) => {
    const repeat = row.repeat > 1 ? `r${row.repeat}` : "";
    if (row.kind === "convolution") return `c${row.outputs}k${row.height}x${row.width}${repeat}`;
    return `d${row.outputs}${row.positions > 1 ? `f${row.positions}` : ""}${repeat}`;
  }).join("-");

  // ---------------------------------------------------------------- the state

  const convention = () => tables.conventions.find((one) => one.name === at("convention").value);

  function showFields() {
    tidyLayers();
    const { argument, formula, note, solved, biasesInWords } = convention();
    document.querySelector('label[for="value"]').textContent = `Its value, ${argument}`;
    const words = [`${formula}.`, `Biases penalised: ${biasesInWords}.`];
    if (note) words.push(`${note[0].toUpperCase()}${note.slice(1)}.`);
    if (solved) words.push("Solved, not descended: what is said about steps holds for gradient descent on its cost.");
    at("convention-note").textContent = words.join(" ");
    const start = at("initializer").value;
    const drawer = convention().library === "keras" ? "Keras" : "torch";
    at("initializer-note").textContent =
      `Variance ${VARIANCES[start]}; ${LAWS[F.lawOf(convention(), start, tables)]} law, as ${drawer} draws it.`;
    at("momentum").parentElement.hidden = at("optimizer").value !== "momentum";
    at("deviation").parentElement.hidden = at("initializer").value !== "fixed";
  }

  // Read all fields, mark the bad ones; return the state, or null if there are any
  function read() {
    const state = { biases: at("biases").checked, widthSteps: Number(at("widthSteps").value) };
    let good = true;
    for (const [id, rule] of Object.entries(RULES)) {
      const input = at(id);
      const number = parse(input.value);
      const idle = input.parentElement.hidden;
      state[id] = idle ? { deviation: tables.fixedScale, momentum: 0 }[id] : number;
      const message = idle || rule.fits(number) ? "" : complain(input.value, rule.name, rule.allowed);
      good = tell(input, at(`error-${id}`), message) && good;
    }
    if (good && state.batchSize > state.samples) {
      const message = `“${at("batchSize").value}” cannot be the batch size; allowed: at most the ${show(state.samples)} samples.`;
      good = tell(at("batchSize"), at("error-batchSize"), message);
    }
    for (const id of ["initializer", "convention", "optimizer"]) {
      state[id] = at(id).value;
      good = tell(at(id), at(`error-${id}`), refusedByLink.get(id) || "") && good;
    }
    const { name, argument, power, optimizers } = convention();
    if (!refusedByLink.has("optimizer") && !optimizers.includes(state.optimizer)) {
      const allowed = optimizers.map((one) => LABELS[one]).join(", ");
      let message = `${LABELS[state.optimizer]} does not go with ${name}; allowed: ${allowed}.`;
      if (name === "keras.optimizers.SGD") message += " With momentum its decay is decoupled and stands for another c.";
      good = tell(at("optimizer"), at("error-optimizer"), message) && good;
    }
    state.value = parse(at("value").value);
    const fits = Number.isFinite(state.value) && (power < 0 ? state.value > 0 : state.value >= 0) && state.value <= 1e12;
    const allowed = `a number, ${power < 0 ? "above 0" : "0 or more"}, up to 1e12, such as 0.01 or 1e-4`;
    const complaint = fits ? "" : complain(at("value").value, `${argument} of ${name}`, allowed);
    good = tell(at("value"), at("error-value"), complaint) && good;
    if (good && !(F.scaleOf(convention(), F.settingOf(state)) > 0)) {
      const message = `“${at("l1Ratio").value}” leaves nothing of this part of ${name}; allowed: a share that leaves some.`;
      good = tell(at("l1Ratio"), at("error-l1Ratio"), message);
    }
    state.rows = readLayers();
    at("error-layers").textContent = refusedByLink.get("layers") || "";
    at("error-layers").hidden = !refusedByLink.has("layers");
    return good && state.rows && !refusedByLink.has("layers") ? state : null;
  }

  // ---------------------------------------------------------------- the state as a link

  // A link reads in-2400--layers-d2400r6--lib-keras-regularizers-L2--lam-1e-2: only signs that may
  // stand in a CSS selector, because the theme looks every link's fragment up as one.
  const KEYS = {
    in: "inputs", sd: "deviation", lam: "value", eta: "learningRate", beta: "momentum", batch: "batchSize",
    n: "samples", l1: "l1Ratio", g: "dataNorm",
  };
  const CHOICES = { init: "initializer", lib: "convention", opt: "optimizer" };
  const DEFAULTS = { sd: tables.fixedScale, beta: 0.9, l1: 0.5, g: 0 };

  const slug = (name) => name.replace(/[^\w]/g, "-");

  // 0.015 -> 15e-3
  function numberWord(number) {
    if (Number.isInteger(number) && number < 1e15) return String(number);
    const [digits, power] = number.toExponential().split("e");
    const [before, after = ""] = digits.split(".");
    return `${before}${after}e${Number(power) - after.length}`;
  }

  function link(state) {
    const pairs = [["layers", layersToText(state.rows)], ["bias", state.biases ? 1 : 0]];
    for (const [key, id] of Object.entries(KEYS)) {
      if (!at(id).parentElement.hidden && DEFAULTS[key] !== state[id]) pairs.push([key, numberWord(state[id])]);
    }
    for (const [key, id] of Object.entries(CHOICES)) pairs.push([key, slug(state[id])]);
    if (state.widthSteps) pairs.push(["width", state.widthSteps]);
    return `#${pairs.map((pair) => pair.join("-")).join("--")}`;
  }

  // The pairs of a link, or null if it is a link to a section
  function pairsOf(hash) {
    const text = hash.replace(/^#/, "");
    if (!/(^|--)layers-/.test(text)) return null;
    return new Map(text.split(/--(?=[a-z])/).map((pair) => [pair.split("-", 1)[0], pair.slice(pair.indexOf("-") + 1)]));
  }

  // Fill the fields from a link; what it does not name takes its default or stays as it is
  function restore(words) {
    refusedByLink.clear();
    for (const [key, id] of Object.entries(KEYS)) {
      const word = words.get(key) ?? DEFAULTS[key];
      if (word !== undefined) at(id).value = Number.isNaN(parse(String(word))) ? word : String(parse(String(word)));
    }
    for (const [key, id] of Object.entries(CHOICES)) {
      if (!words.has(key)) continue;
      const options = [...at(id).options].map((one) => one.value);
      const wanted = options.find((one) => slug(one) === words.get(key));
      if (wanted) at(id).value = wanted;
      else refusedByLink.set(id, `“${words.get(key)}” is unknown; allowed: ${options.join(", ")}.`);
    }
    const rows = layersFromText(words.get("layers"));
    if (rows) at("layers").replaceChildren(...rows.map(layerEntry));
    else refusedByLink.set("layers", `“${words.get("layers")}” cannot be the layers; allowed: up to ${MOST_LAYERS} entries such as d64, c20k2x3 or d10f49r2, joined by hyphens.`);
    at("biases").checked = words.get("bias") !== "0";
    const steps = Number(words.get("width") ?? 0);
    at("widthSteps").value = Number.isInteger(steps) ? Math.max(-REACH, Math.min(REACH, steps)) : 0;
    showFields();
  }

  // ---------------------------------------------------------------- answers in words

  function steps(number, perEpoch) {
    return `${show(number)} steps (${show(number / perEpoch)} epochs of ${show(perEpoch)} steps)`;
  }

  function halfLifeWords(found) {
    const { decay, stepsPerEpoch, convention: { family } } = found;
    if (found.coefficient === 0) return "none: nothing decays";
    if (family === "l1" && decay.stepsToZero) {
      return `none: every step takes the same amount, so a typical weight is gone after ${steps(decay.stepsToZero, stepsPerEpoch)}`;
    }
    if (decay.factor === null) {
      return "no number without the data: Adam divides the pull by the size of the whole gradient";
    }
    if (decay.sign === "growing") return `none: decay alone multiplies a weight by ${show(decay.factor)} a step`;
    if (decay.halfLife === null) return "none: a weight keeps its size";
    if (decay.halfLife === 0) return "at once: one step takes the whole weight";
    const flips = decay.sign === "flipping" ? ", changing sign on the way" : "";
    return steps(decay.halfLife, stepsPerEpoch) + flips;
  }

  function stabilityWords(state, found) {
    const { stability: { limit, largest, largestValue, curvature }, convention: { family, argument, power } } = found;
    const symbol = NAMES[family].symbol;
    if (family === "l1") {
      if (curvature === null) return "none here: under Adam no bound holds without the data";
      const rattle = state.optimizer === "sgd" ? ` Near zero a weight rattles within ${show(found.decay.joint)}.` : "";
      return `an L1 pull has no curvature: h_max must stay below ${show(curvature)}, whatever c.${rattle}`;
    }
    if (limit === null) return "none here: under Adam no bound holds without the data";
    const { joint } = found.decay;
    const holds = joint < limit;
    const words = [`η${symbol} = ${show(joint)}, ${holds ? "below" : "not below"} ${show(limit)}: decay alone ${holds ? "is stable" : "diverges"}.`];
    words.push(`Bound for ${symbol}: ${show(largest)}, that is ${argument} ${power < 0 ? "no smaller than " : ""}${show(largestValue)}.`);
    if (curvature === null) words.push("Beside this optimiser's own step, no bound on the data's curvature is given.");
    else if (curvature > 0) words.push(`Room for the data's curvature: h_max below ${show(curvature)}.`);
    else words.push("No room is left for any curvature of the data.");
    return words.join(" ");
  }

  function clippingWords(state, found) {
    const { clipping, pull, convention: { placement, family } } = found;
    const shared = `the norm ${state.dataNorm > 0 ? "of data and penalty" : "of the penalty alone"} is ${show(clipping.jointNorm)}, so ` +
      (clipping.inside < 1 ? `every step is shortened to ${show(clipping.inside)} of itself, this pull's included` : "nothing is shortened");
    const size = clipping.size ? ` The penalty alone would reach 1 at ${show(Math.ceil(clipping.size))} weights of this size.` : "";
    const apart = "the pull is not clipped, at any P" +
      (state.dataNorm > 0 ? `; the data gradient is shortened to ${show(clipping.outside)} of itself` : "");
    if (placement === "loss") return `In the loss: ${shared}.${pull > 0 ? size : ""}`;
    if (placement === "optimizer") return `Added after clipping: ${apart}. ${family === "decoupled" ? "" : `Written into the loss instead, ${shared}.`}`.trim();
    if (placement === "chain") return `Before the clipping in the chain: ${shared}. After it: ${apart}.`;
    return `This library does not clip. Were the penalty in a clipped loss: ${shared}.`;
  }

  function halfWords(found) {
    const { half, convention: { family } } = found;
    const verdict = { yes: "overflows", no: "does not overflow", either: "may or may not overflow, as the draw falls" };
    const sum = family === "l1" ? "Σ|w|" : "Σw²";
    const factor = family === "l1" ? "c" : `½${NAMES[family].symbol}`;
    const words = `Summed first, ${sum} = ${show(half.sum)} ${verdict[half.sumFirst]}; factor first, ${factor}·${sum} = ${show(half.product)} ${verdict[half.factorFirst]}.`;
    return family === "decoupled" ? `No loss contains the decay. If printed: ${words}` : words;
  }

  const spread = (value, deviation) => {
    if (deviation === null) return `${show(value)} (for its scatter under this start we have no formula)`;
    return deviation === 0 ? `${show(value)}, without scatter` : `${show(value)}, standard deviation ${show(deviation)}`;
  };

  function widthWords(state, found) {
    const factor = F.widthFactor(state.widthSteps);
    const hidden = found.list.slice(0, -1).map((layer) => layer.outputs);
    const widest = hidden.length ? `widest hidden layer ${show(Math.max(...hidden))}` : `outputs ${show(found.list[0].outputs)}`;
    return `× ${show(factor, 3)}, ${widest}`;
  }

  function fill(state, found) {
    const { family, name, argument, formula, meaning } = found.convention;
    const { symbol } = NAMES[family];
    at("name-coefficient").textContent = NAMES[family].coefficient;
    at("name-value").textContent = NAMES[family].value;
    at("name-halflife").textContent = family === "l1" ? "Half-life, or steps to zero" : "Half-life";
    const ignored = found.trainable - found.penalised;
    const rest = ignored ? `, of ${show(found.trainable)} trainable; ${show(ignored)} biases are not penalised` : ", all that is trainable";
    const answers = {
      counts: `${show(found.penalised)}${rest}`,
      coefficient: `${show(found.coefficient)} (${meaning} for ${argument} of ${name}: ${formula})`,
      value: spread(found.value, found.valueDeviation),
      typical: show(found.typicalWeight),
      pull: `${show(found.pull)} (${family === "l1" ? "c, for every weight that is not zero" : `${symbol} σ`})` +
        (family === "decoupled" ? ", of which a step takes η times as much, beside the gradient" : ""),
      norm: `${show(found.norm)}` + (family === "decoupled" ? " (λ‖w‖, which is in no gradient)" : ""),
      halflife: halfLifeWords(found),
      stability: stabilityWords(state, found),
      clipping: clippingWords(state, found),
      half: halfWords(found),
    };
    for (const [id, words] of Object.entries(answers)) at(`out-${id}`).textContent = words;
  }

  const row = (cells, numbers) => make("tr", {}, ...cells.map((text, place) =>
    make("td", { textContent: text, className: numbers.includes(place) ? "number" : "" })));

  function fillTables(found) {
    let first = 1;
    at("per-layer").querySelector("tbody").replaceChildren(...found.perLayer.map((layer) => {
      const which = layer.times > 1 ? `${first} to ${first + layer.times - 1}` : `${first}`;
      first += layer.times;
      const shape = `${layer.kind}, ${show(layer.inputs)} to ${show(layer.outputs)}${layer.kind === "convolution" ? `, ${show(layer.kernel)} positions` : ""}`;
      return row([`${which}: ${shape}`, show(layer.count), show(layer.deviation), show(layer.squares), show(layer.pull)], [1, 2, 3, 4]);
    }));
    const entry = (one) => tables.conventions.find((other) => other.name === one.name);
    const problem = {
      "no-share": "none: the L1 share leaves nothing of this part",
      infinite: "none: 0 has no finite counterpart",
    };
    at("elsewhere").querySelector("tbody").replaceChildren(...found.conversions.filter((one) => !one.refusal).map((one) => {
      const { argument, formula, note } = entry(one);
      const value = one.problem ? problem[one.problem] : plainNumber(one.value);
      return row([one.name, value, argument, note ? `${formula}; ${note}` : formula], [1]);
    }));
    const reasons = new Map();
    for (const one of found.conversions.filter((other) => other.refusal)) {
      reasons.set(one.refusal, [...(reasons.get(one.refusal) ?? []), one.name]);
    }
    at("refusals").replaceChildren(...[...reasons].map(([reason, names]) =>
      make("p", { textContent: `No number in ${names.join(", ")}: ${reason}.` })));
  }

  function plainText(state, found, address) {
    const lines = [`The λ explorer: ${layersToText(state.rows)} on ${state.inputs} inputs, ${state.initializer}, ` +
      `${found.convention.argument} = ${state.value} of ${found.convention.name}, ${LABELS[state.optimizer]}, η = ${state.learningRate}` +
      (state.widthSteps ? `, hidden widths × ${show(F.widthFactor(state.widthSteps), 3)}` : "")];
    for (const entry of at("results").children) {
      lines.push(`${entry.querySelector("dt").textContent}: ${entry.querySelector("dd").textContent}`);
    }
    lines.push(at("slopes").textContent);
    const same = found.conversions.filter((one) => "value" in one && one.name !== found.convention.name);
    lines.push(`The same elsewhere: ${same.map((one) => `${one.name} ${plainNumber(one.value)}`).join("; ") || "nowhere"}`);
    return [...lines, address].join("\n");
  }

  // ---------------------------------------------------------------- the chart

  let chart = null;
  let drawn = null; // { points, now }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const LINES = [
    ["value", "--line-value", []], ["norm", "--line-norm", [10, 5]],
    ["pull", "--line-pull", [2, 4]], ["same", "--line-same", [10, 4, 2, 4]],
  ];

  // Decades; where there are fewer than two of them, 1, 2 and 5 of each
  function splits(u, axis, least, most) {
    const decades = [];
    for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power += 1) decades.push(10 ** power);
    const shown = most / least >= 100 ? decades : decades.flatMap((one) => [one, 2 * one, 5 * one]);
    return shown.filter((one) => one >= least * 0.999 && one <= most * 1.001);
  }

  function ticks(u, values) {
    return values.map((value) => {
      const power = Math.log10(value);
      return Math.abs(power - Math.round(power)) < 1e-9 ? raised(Math.round(power)) : show(value, 2);
    });
  }

  function markNow(u) {
    const x = u.valToPos(drawn.now.penalised, "x", true);
    const { ctx, bbox } = u;
    ctx.save();
    ctx.strokeStyle = colour("--pst-color-text-base");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    for (const [name, line] of LINES) {
      ctx.fillStyle = colour(line);
      ctx.beginPath();
      ctx.arc(x, u.valToPos(drawn.now[name], "y", true), 4 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  }

  function newChart() {
    const place = at("chart");
    if (chart) chart.destroy();
    chart = null;
    place.replaceChildren();
    if (!drawn) return;
    const ink = colour("--pst-color-text-base");
    const grid = { stroke: colour("--pst-color-border"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "13px system-ui, sans-serif", labelFont: "13px system-ui, sans-serif", splits, filter: (u, values) => values, values: ticks };
    chart = new uPlot({
      width: place.clientWidth,
      height: 340,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, distr: 3 }, y: { distr: 3 } },
      axes: [{ ...axis, label: "penalised weights P" }, { ...axis, label: "loss, and loss per weight unit", size: 56 }],
      series: [{}, ...LINES.map(([, line, dash]) => ({ stroke: colour(line), width: 2.5, dash, pxAlign: 0, points: { show: false } }))],
      hooks: { draw: [markNow] },
    }, columns(), place);
  }

  const columns = () => ["penalised", ...LINES.map(([name]) => name)].map((name) => drawn.points.map((one) => one[name]));

  function draw(state, found) {
    const words = at("slopes");
    const body = at("curve-table").querySelector("tbody");
    if (!(found.coefficient > 0)) {
      drawn = null;
      newChart();
      body.replaceChildren();
      words.textContent = "Without a penalty there is nothing to draw.";
      return;
    }
    const points = F.curves(state, REACH, tables);
    const now = points.find((one) => one.penalised === found.penalised) ?? points[0];
    drawn = { points, now };
    if (chart) chart.setData(columns());
    else newChart();
    const slope = F.slopes(state, tables);
    const from = show(found.penalised);
    words.textContent = `From ${from} weights to those of a network twice as wide, the slopes on logarithmic axes are ` +
      `${signed(slope.value)} for the value, ${signed(slope.norm)} for the norm of its gradient, ` +
      `${signed(slope.pull)} for the pull on a typical weight, ${signed(slope.same)} for the pull on one and the same weight.`;
    body.replaceChildren(...points.filter((_, place) => place % 4 === 0).map((one) =>
      row([one.penalised, one.value, one.norm, one.pull, one.same].map((x) => show(x)), [0, 1, 2, 3, 4])));
  }

  // ---------------------------------------------------------------- putting it together

  let announcing = 0;
  function announce(words) {
    const say = () => { at("summary").textContent = words; };
    clearTimeout(announcing); // a dragged slider should be read out once, where it stops
    if (at("summary").textContent) announcing = setTimeout(say, 300);
    else say(); // at first at once, so that nothing below moves later
  }

  function update() {
    showFields();
    const state = read();
    for (const element of [at("results"), at("elsewhere"), at("curve-table")]) element.classList.toggle("stale", !state);
    at("waiting").hidden = Boolean(state);
    at("state-link").hidden = !state;
    for (const id of ["copy-text", "copy-link"]) at(id).disabled = !state;
    if (!state) {
      at("waiting").textContent = "An entry above cannot be used, and nothing is computed until it can. What stands below in italics belongs to the entries before.";
      announce("Nothing was computed: an entry cannot be used.");
      return null;
    }
    const found = F.evaluate(state, tables);
    fill(state, found);
    fillTables(found);
    draw(state, found);
    const words = widthWords(state, found);
    at("width-said").textContent = words;
    at("widthSteps").setAttribute("aria-valuetext", words);
    at("width-hint").textContent = found.list.length === 1 && found.list[0].times === 1
      ? "There is one layer and no hidden width, so its outputs are scaled." : "";
    const hash = link(state);
    at("state-link").href = hash;
    at("plain").value = plainText(state, found, new URL(hash, document.baseURI).href);
    announce(`${show(found.penalised)} penalised weights. ${at("name-value").textContent}: ${at("out-value").textContent}. ` +
      `Pull on a typical weight: ${show(found.pull)}. ${at("name-coefficient").textContent}: ${show(found.coefficient)}.`);
    return hash;
  }

  async function copy(text, what) {
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch { // not granted, as for a page opened from a file in some browsers
      at("plain").select();
      done = what === "text" && document.execCommand("copy");
    }
    at("copied").textContent = done ? `The ${what} is copied.` : `This browser does not let a page copy; the ${what} is in the field above.`;
  }

  function start() {
    const groups = new Map();
    for (const one of tables.conventions) groups.set(one.library, [...(groups.get(one.library) ?? []), one]);
    for (const [library, members] of groups) {
      const options = members.map((one) => make("option", { value: one.name, textContent: LABELS[one.name] ?? `${one.name}, ${one.argument}` }));
      at("convention").append(make("optgroup", { label: library || "formulas" }, ...options));
    }
    for (const { name } of tables.initializers) at("initializer").append(make("option", { value: name, textContent: LABELS[name] ?? name }));

    restore(pairsOf(START)); // a link may leave things out
    if (pairsOf(location.hash)) restore(pairsOf(location.hash));
    update();

    const form = at("explorer-form");
    const remember = () => {
      const hash = update();
      if (hash) history.replaceState(null, "", hash);
    };
    const touched = (event) => {
      refusedByLink.delete(event.target.id);
      if (event.target.closest("#layers")) refusedByLink.delete("layers");
      if (event.target === at("convention") && !convention().optimizers.includes(at("optimizer").value)) {
        [at("optimizer").value] = convention().optimizers;
      }
    };
    form.addEventListener("input", (event) => { touched(event); update(); });
    form.addEventListener("change", remember); // the address follows finished entries only
    at("widthSteps").addEventListener("input", update);
    at("widthSteps").addEventListener("change", remember);
    form.addEventListener("click", (event) => {
      const { state, part: name } = event.target.dataset;
      if (state) restore(pairsOf(state));
      else if (event.target.id === "add-layer") {
        refusedByLink.delete("layers");
        at("layers").append(layerEntry({}));
        tidyLayers();
        part(at("layers").lastChild, "kind").focus();
      } else if (name === "remove") {
        event.target.closest("li").remove();
        at("add-layer").focus();
      } else return;
      remember();
    });
    at("copy-text").addEventListener("click", () => copy(at("plain").value, "text"));
    at("copy-link").addEventListener("click", () => copy(at("state-link").href, "link"));
    addEventListener("hashchange", () => {
      const words = pairsOf(location.hash);
      if (words) { restore(words); update(); }
    });
    new MutationObserver(newChart).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    new ResizeObserver(() => {
      if (chart) chart.setSize({ width: at("chart").clientWidth, height: 340 });
    }).observe(at("chart"));
  }

  start();
})();
