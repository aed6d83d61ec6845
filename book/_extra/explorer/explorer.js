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
    if (!Number.isFinite(number)) return "a number beyond what a float can express";
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
  const UNTOLD = tables.quantities.filter(({ key }) =>
    !["samples", "batch_size", "learning_rate", "l1_ratio", "momentum"].includes(key));
  const fieldOf = (key) => `quantity-${key}`;

  const VARIANCES = {
    fixed: "the square of the standard deviation", lecun: "1 / fan-in", he: "2 / fan-in", glorot: "2 / (fan-in + fan-out)",
    "torch-default": "1 / (3 fan-in)", orthogonal: "1 / max(outputs, fan-in)",
  };
  const LAWS = { normal: "a normal", uniform: "a uniform", truncated: "a truncated normal", orthogonal: "an orthogonal" };

  // ---------------------------------------------------------------- reading fields

  const LONGEST = 100; // characters of an entry: a float has said everything after some 25
  const LEAST = 1e-30; // of what may not be 0: with less, an answer could leave the range of a float
  const brief = (number) => (number < 1e6 ? String(number) : number.toExponential().replace("+", "")); // 1e12
  const whole = (least, most) => ({
    fits: (number) => Number.isInteger(number) && number >= least && number <= most,
    allowed: `a whole number from ${show(least)} to ${show(most)}, such as ${Math.min(most, Math.max(least, 64))}`,
  });
  const real = (fits, allowed) => ({ fits: (number) => Number.isFinite(number) && fits(number), allowed });
  const above = (most, such) => real((x) => x >= LEAST && x <= most,
    `a number from ${brief(LEAST)} to ${brief(most)}, such as ${such}`);
  const fromZero = (most, such) => real((x) => x === 0 || (x >= LEAST && x <= most),
    `0, or a number from ${brief(LEAST)} to ${brief(most)}, such as ${such}`);
  const RULES = {
    inputs: { name: "number of inputs", ...whole(1, 1e6) },
    deviation: { name: "standard deviation", ...above(1e6, "0.05") },
    momentum: { name: "momentum", ...real((x) => x >= 0 && x < 1, "from 0 to below 1, such as 0.9") },
    learningRate: { name: "learning rate", ...above(1e6, "0.01 or 1e-4") },
    samples: { name: "number of samples", ...whole(1, 1e12) },
    batchSize: { name: "batch size", ...whole(1, 1e12) },
    dataNorm: { name: "norm of the data gradient", ...fromZero(1e12, "0.5") },
    l1Ratio: { name: "L1 share", ...fromZero(1, "0.5") },
    printedLoss: { name: "printed loss", ...fromZero(1e12, "1.53") },
    metric: { name: "metric", ...fromZero(1e12, "0.98") },
  };
  for (const { key, words, whole: counts } of UNTOLD) {
    RULES[fieldOf(key)] = { name: `number ${words}`, ...(counts ? whole(1, 1e12) : above(1e12, "0.5")) };
  }
  const ROW_RULES = {
    outputs: { name: "number of outputs", ...whole(1, 1e6) },
    height: { name: "height of the kernel", ...whole(1, 1000) },
    width: { name: "width of the kernel", ...whole(1, 1000) },
    positions: { name: "number of flattened positions", ...whole(1, 1e6) },
    size: { name: "vocabulary, or width of keys and values", ...whole(1, 1e6) },
    repeat: { name: "number of equal layers", ...whole(1, 1000) },
  };

  // What λ may be depends on whose it is
  function valueRule() {
    const { name, argument, power } = convention();
    return { name: `${argument} of ${name}`, ...(power < 0 ? above : fromZero)(1e12, "0.01 or 1e-4") };
  }

  // No two parts of it can match the same digits, so that a long text is read once and not over and over
  const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
  const isNumber = (word) => word.length <= LONGEST && NUMBER.test(word);
  // 1e400 would be read as infinite, and 1e-400 as 0
  const isBeyond = (word) => isNumber(word) &&
    (Number(word) === 0 ? /[1-9]/.test(word.split(/e/i)[0]) : !Number.isFinite(Number(word)));
  function parse(text) {
    const word = text.trim();
    return isNumber(word) && !isBeyond(word) ? Number(word) : NaN;
  }

  // A text repeated in a message, unless it is too long to be read there
  function quote(text) {
    if (text.length <= LONGEST) return `“${text}”`;
    const start = text.slice(0, 30).replace(/[\ud800-\udbff]$/, ""); // no half of a sign
    return `“${start}…” (${show(text.length)} characters)`;
  }

  function complain(text, { name, allowed }) {
    const word = text.trim();
    if (!word) return `The ${name} is missing; allowed: ${allowed}.`;
    let reason = "";
    if (word.length > LONGEST) reason = `: an entry has at most ${LONGEST} characters`;
    else if (isBeyond(word)) reason = ": it is beyond what a float can express";
    const comma = word.length <= LONGEST && /^\d+(,\d+)+$/.test(word) ? " Write a decimal point, and no separators." : "";
    return `${quote(word)} cannot be the ${name}${reason}; allowed: ${allowed}.${comma}`;
  }

  const complaintOf = (text, rule) => (rule.fits(parse(text)) ? "" : complain(text, rule));

  // What a link asked for and could not have; shown until the field is changed
  const refusedByLink = new Map();

  function mark(input, bad) {
    if (bad) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function say(error, message) {
    error.textContent = message;
    error.hidden = !message;
    return !message;
  }

  function tell(id, message) {
    mark(at(id), message);
    return say(at(`error-${id}`), message);
  }

  // ---------------------------------------------------------------- layers

  // The fields that each kind of layer has, as they are called there
  const REPEAT = { repeat: "Equal layers in a row" };
  const KINDS = {
    dense: { outputs: "Outputs or filters", positions: "Positions flattened", ...REPEAT },
    convolution: { outputs: "Outputs or filters", height: "Kernel height", width: "Kernel width", ...REPEAT },
    embedding: { outputs: "Width", size: "Vocabulary or positions", flag: "Output layer of its own, not tied" },
    attention: { outputs: "Width of the queries", size: "Width of keys and values", ...REPEAT },
    normalisation: { ...REPEAT },
    block: { outputs: "Inner width of the MLP", size: "Width of keys and values", flag: "MLP gated by a third matrix", ...REPEAT },
  };
  const KIND_LABELS = { block: "transformer block" };

  let made = 0;
  function layerEntry({ kind = "dense", outputs = "64", height = "3", width = "3", positions = "1", size = "64", flag = false, repeat = "1" }) {
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
      ...Object.keys(KINDS).map((value) => make("option", { value, textContent: KIND_LABELS[value] ?? value })));
    const check = make("input", { type: "checkbox", id: `${id}-flag`, checked: flag });
    check.dataset.part = "flag";
    select.dataset.part = "kind";
    select.value = kind;
    const remove = make("button", { type: "button", textContent: "Remove" });
    remove.dataset.part = "remove";
    const fields = make("div", { className: "explorer-fields" },
      make("div", { className: "field" }, make("label", { htmlFor: select.id, textContent: "Kind" }), select),
      field("outputs", "Outputs", outputs), field("height", "Kernel height", height),
      field("width", "Kernel width", width), field("positions", "Positions flattened", positions),
      field("size", "Size", size),
      make("div", { className: "field check" }, check, make("label", { htmlFor: check.id, textContent: "Flag" })),
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
      const asked = parse(part(entry, "repeat").value);
      const repeat = ROW_RULES.repeat.fits(asked) ? asked : 1;
      const words = repeat > 1 ? `Layers ${first} to ${first + repeat - 1}` : `Layer ${first}`;
      first += repeat;
      entry.querySelector("legend").textContent = words;
      part(entry, "remove").setAttribute("aria-label", `Remove ${words.toLowerCase()}`);
      part(entry, "remove").hidden = all.length === 1;
      const labels = KINDS[part(entry, "kind").value];
      const flattens = place > 0 && part(all[place - 1], "kind").value === "convolution";
      for (const name of [...Object.keys(ROW_RULES), "flag"]) {
        const field = part(entry, name).parentElement;
        field.hidden = !(name in labels) || (name === "positions" && !flattens);
        if (name in labels) field.querySelector("label").textContent = labels[name];
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
        const idle = input.parentElement.hidden;
        const message = idle ? "" : complaintOf(input.value, rule);
        numbers[name] = idle ? 1 : parse(input.value);
        mark(input, message);
        if (message) messages.push(message);
      }
      good = say(entry.querySelector(".error"), messages.join(" ")) && good;
      const { outputs, height, width, positions, size, repeat } = numbers;
      const kind = part(entry, "kind").value;
      const flag = "flag" in KINDS[kind] && part(entry, "flag").checked;
      return { kind, outputs, height, width, kernel: height * width, positions, size, flag, repeat };
    });
    return good ? rows : null;
  }

  // d2400r6: six dense layers of 2400; c20k2x3: 20 filters of 2 by 3; d10f49: after 49 flattened positions
  // e50257w768: an embedding, with o where the output layer is its own; a768k768: attention, and the width of keys
  // and values; n: a normalisation; b3072k768: a block, with g where the MLP is gated
  const LAYER = /^(?:c(\d+)k(\d+)x(\d+)|d(\d+)(?:f(\d+))?|e(\d+)w(\d+)(o?)|a(\d+)k(\d+)|(n)|b(\d+)k(\d+)(g?))(?:r(\d+))?$/;
  function layersFromText(text) {
    const words = text.split("-");
    if (words.length > MOST_LAYERS || words.some((word) => word.length > LONGEST)) return null;
    const found = words.map((word) => LAYER.exec(word));
    if (found.includes(null)) return null;
    // positions can be flattened behind a convolution only
    if (found.some(([, , , , , positions], place) => positions && positions !== "1" && !found[place - 1]?.[1])) return null;
    return found.map(([, filters, height, width, units, positions, words, across, own, queries, keys, norm, inner, shared, gated, repeat]) => {
      if (filters) return { kind: "convolution", outputs: filters, height, width, repeat };
      if (words) return { kind: "embedding", outputs: across, size: words, flag: own === "o", repeat };
      if (queries) return { kind: "attention", outputs: queries, size: keys, repeat };
      if (norm) return { kind: "normalisation", repeat };
      if (inner) return { kind: "block", outputs: inner, size: shared, flag: gated === "g", repeat };
      return { kind: "dense", outputs: units, positions, repeat };
    });
  }
  const layersToText = (rows) => rows.map((row) => {
    const repeat = row.repeat > 1 ? `r${row.repeat}` : "";
    if (row.kind === "convolution") return `c${row.outputs}k${row.height}x${row.width}${repeat}`;
    if (row.kind === "embedding") return `e${row.size}w${row.outputs}${row.flag ? "o" : ""}`;
    if (row.kind === "attention") return `a${row.outputs}k${row.size}${repeat}`;
    if (row.kind === "normalisation") return `n${repeat}`;
    if (row.kind === "block") return `b${row.outputs}k${row.size}${row.flag ? "g" : ""}${repeat}`;
    return `d${row.outputs}${row.positions > 1 ? `f${row.positions}` : ""}${repeat}`;
  }).join("-");

  // ---------------------------------------------------------------- the state

  const convention = () => tables.conventions.find((one) => one.name === at("convention").value);

  // What the row needs stands beside its value, all else is for other rows
  let moving = false;
  function placeQuantities() {
    if (moving) return; // a field that is left because it moves tells so, and this comes in again
    moving = true;
    for (const { key } of UNTOLD) {
      const place = at(convention().needs.includes(key) ? "needed" : "others");
      const field = at(fieldOf(key)).parentElement;
      if (field.parentElement !== place) place.append(field);
    }
    moving = false;
  }

  function showFields() {
    tidyLayers();
    placeQuantities();
    const { argument, formula, needs, note, solved, biasesInWords } = convention();
    document.querySelector('label[for="value"]').textContent = `Its value, ${argument}`;
    const words = [`${formula}.`, `Biases penalised: ${biasesInWords}.`];
    if (note) words.push(`${note[0].toUpperCase()}${note.slice(1)}.`);
    if (solved) words.push("Solved, not descended: what is said about steps holds for gradient descent on its cost.");
    at("convention-note").textContent = words.join(" ");
    const start = at("initializer").value;
    const drawer = convention().library === "keras" ? "Keras" : "torch";
    at("initializer-note").textContent =
      `Variance ${VARIANCES[start]}; ${LAWS[F.lawOf(convention(), start, tables)]} law, as ${drawer} draws it.`;
    at("momentum").parentElement.hidden = at("optimizer").value !== "momentum" && !needs.includes("momentum");
    at("deviation").parentElement.hidden = at("initializer").value !== "fixed";
  }

  // What may be left empty: quantities that the chosen row does not need, and a question nobody asks
  const optional = (id) => ["printedLoss", "metric"].includes(id) || Boolean(at(id).closest("#others"));

  // Read all fields, mark the bad ones; return the state, or null if there are any
  function read() {
    const state = { biases: at("biases").checked, widthSteps: Number(at("widthSteps").value) };
    let good = say(at("error-link"), refusedByLink.get("link") || "");
    for (const [id, rule] of [...Object.entries(RULES), ["value", valueRule()]]) {
      const input = at(id);
      const idle = input.parentElement.hidden;
      const unasked = !input.value.trim() && optional(id);
      state[id] = idle ? { deviation: tables.fixedScale, momentum: 0 }[id] : parse(input.value);
      good = tell(id, idle ? "" : refusedByLink.get(id) || (unasked ? "" : complaintOf(input.value, rule))) && good;
    }
    state.quantities = {};
    for (const { key } of UNTOLD) {
      if (Number.isFinite(state[fieldOf(key)])) state.quantities[key] = state[fieldOf(key)];
    }
    if (good && Number.isFinite(state.printedLoss) !== Number.isFinite(state.metric)) {
      const lacking = Number.isFinite(state.metric) ? "printedLoss" : "metric";
      good = tell(lacking, `The ${RULES[lacking].name} is missing; allowed: both numbers or neither.`);
    }
    if (good && state.batchSize > state.samples) {
      const message = `${quote(at("batchSize").value.trim())} cannot be the batch size; allowed: at most the ${show(state.samples)} samples.`;
      good = tell("batchSize", message);
    }
    for (const id of ["biases", "widthSteps"]) good = tell(id, refusedByLink.get(id) || "") && good;
    for (const id of ["initializer", "convention", "optimizer", "reach", "loss"]) {
      state[id] = at(id).value;
      good = tell(id, refusedByLink.get(id) || "") && good;
    }
    const { name, optimizers } = convention();
    if (!refusedByLink.has("optimizer") && !optimizers.includes(state.optimizer)) {
      const allowed = optimizers.map((one) => LABELS[one]).join(", ");
      let message = `${LABELS[state.optimizer]} does not go with ${name}; allowed: ${allowed}.`;
      if (name === "keras.optimizers.SGD") message += " With momentum its decay is decoupled and stands for another c; l2scaling convert has --momentum for it.";
      good = tell("optimizer", message) && good;
    }
    if (good && !(F.scaleOf(convention(), F.settingOf(state, convention()), tables) > 0)) {
      const message = `${quote(at("l1Ratio").value.trim())} leaves nothing of this part of ${name}; allowed: a share that leaves some.`;
      good = tell("l1Ratio", message);
    }
    state.rows = readLayers();
    const bare = state.rows && !F.reachesWeights(state, convention()) ? "The penalty reaches no weight here; allowed: layers with some that it reaches." : "";
    good = say(at("error-layers"), refusedByLink.get("layers") || bare) && good;
    return good && state.rows ? state : null;
  }

  // ---------------------------------------------------------------- the state as a link

  // A link reads in-2400--layers-d2400r6--lib-keras-regularizers-L2--lam-1e-2: only signs that may
  // stand in a CSS selector, because the theme looks every link's fragment up as one.
  const KEYS = {
    in: "inputs", sd: "deviation", lam: "value", eta: "learningRate", beta: "momentum", batch: "batchSize",
    n: "samples", l1: "l1Ratio", g: "dataNorm", printed: "printedLoss", metric: "metric",
    ...Object.fromEntries(UNTOLD.map(({ key }) => [key, fieldOf(key)])),
  };
  const CHOICES = { init: "initializer", lib: "convention", opt: "optimizer", reach: "reach", loss: "loss" };
  const EMPTY = Object.fromEntries(["printed", "metric", ...UNTOLD.map(({ key }) => key)].map((key) => [key, ""]));
  const DEFAULTS = { sd: tables.fixedScale, beta: 0.9, l1: 0.5, g: 0, reach: "library", loss: "unsaid", ...EMPTY };
  const FIELDS = new Map(Object.entries({ layers: "layers", bias: "biases", ...KEYS, ...CHOICES, width: "widthSteps" }));
  const WIDTH = {
    name: "width in quarters of a doubling", ...whole(-REACH, REACH),
    allowed: `a whole number from ${-REACH} to ${REACH}, such as 4 for twice as wide`,
  };

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
      if (!at(id).parentElement.hidden && DEFAULTS[key] !== state[id] && Number.isFinite(state[id])) pairs.push([key, numberWord(state[id])]);
    }
    for (const [key, id] of Object.entries(CHOICES)) {
      if (DEFAULTS[key] !== state[id]) pairs.push([key, slug(state[id])]);
    }
    if (state.widthSteps) pairs.push(["width", state.widthSteps]);
    return `#${pairs.map((pair) => pair.join("-")).join("--")}`;
  }

  // The pairs of a link, or null if it is a link to a section
  function pairsOf(hash) {
    const text = hash.replace(/^#/, "");
    const pairs = text.split(/--(?=[a-z])/).map((pair) => {
      const [key] = pair.split("-", 1);
      return [key, pair.slice(key.length + 1)];
    });
    return !at(text) && pairs.some(([key]) => FIELDS.has(key)) ? pairs : null;
  }

  // "“a”, “b” and 7 more"
  function listed(words) {
    const rest = words.length - 3;
    return words.slice(0, 3).map(quote).join(", ") + (rest > 0 ? ` and ${show(rest)} more` : "");
  }

  // Fill the fields from a link; what it does not name takes its default or stays as it is, and what
  // it names and cannot have is refused beside its field, or above the form where it has none
  function restore(pairs) {
    refusedByLink.clear();
    const words = new Map(pairs);
    const unknown = [...words.keys()].filter((key) => !FIELDS.has(key));
    const seen = new Set();
    for (const [key] of pairs) {
      if (seen.has(key) && FIELDS.has(key)) {
        refusedByLink.set(FIELDS.get(key), `“${key}” stands more than once in the link; allowed: once.`);
        words.delete(key);
      }
      seen.add(key);
    }
    for (const [key, id] of Object.entries(CHOICES)) {
      if (!words.has(key)) {
        if (key in DEFAULTS) at(id).value = DEFAULTS[key];
        continue;
      }
      const options = [...at(id).options].map((one) => one.value);
      const wanted = options.find((one) => slug(one) === words.get(key));
      if (wanted) at(id).value = wanted;
      else refusedByLink.set(id, `${quote(words.get(key))} is unknown; allowed: ${options.length > 20 ? `${options.slice(0, 5).join(", ")} and ${show(options.length - 5)} more` : options.join(", ")}.`);
    }
    for (const [key, id] of Object.entries(KEYS)) {
      const word = String(words.get(key) ?? DEFAULTS[key] ?? at(id).value);
      at(id).value = Number.isNaN(parse(word)) ? word : String(parse(word));
    }
    if (words.has("layers")) {
      const rows = layersFromText(words.get("layers"));
      if (rows) at("layers").replaceChildren(...rows.map(layerEntry));
      else refusedByLink.set("layers", `${quote(words.get("layers"))} cannot be the layers; allowed: up to ${MOST_LAYERS} entries such as d64, c20k2x3, e50257w768, b3072k768r12 or, behind a convolution, d10f49r2, joined by hyphens.`);
    }
    const bias = words.get("bias") ?? "1";
    at("biases").checked = bias !== "0";
    if (bias !== "0" && bias !== "1") refusedByLink.set("biases", `${quote(bias)} cannot be the biases; allowed: 1 with them, 0 without.`);
    const width = words.get("width") ?? "0";
    const complaint = complaintOf(width, WIDTH);
    at("widthSteps").value = complaint ? 0 : parse(width);
    if (complaint) refusedByLink.set("widthSteps", complaint);
    showFields();
    const homeless = unknown.length ? [`Unknown in a link: ${listed(unknown)}; allowed: ${[...FIELDS.keys()].join(", ")}.`] : [];
    for (const [key, id] of Object.entries(KEYS)) { // a field that is not shown cannot say what is wrong with it
      if (!at(id).parentElement.hidden) continue;
      const message = refusedByLink.get(id) || (words.has(key) ? complaintOf(at(id).value, RULES[id]) : "");
      if (message) homeless.push(message);
    }
    if (homeless.length) refusedByLink.set("link", `${homeless.join(" ")} A change of any entry goes on without it.`);
  }

  // ---------------------------------------------------------------- answers in words

  function steps(number, perEpoch) {
    return `${show(number)} steps (${show(number / perEpoch)} epochs of ${show(perEpoch)} steps)`;
  }

  const SMALLEST = `The share must be above ${show(tables.smallestShares.float32, 3)} to act in float32, above ${show(tables.smallestShares.bfloat16, 3)} in bfloat16.`;

  function behindWords({ behind, penalised, coefficient, convention: { family, placement, name } }) {
    if (!behind) return "Not asked: give a loss as printed, and the metric beside it that holds the data alone.";
    if (placement !== "loss") return `No printed loss holds the decay of ${name}.`;
    if (!(coefficient > 0)) return "Without a penalty the loss is the metric.";
    if (behind.sum === null) return "The printed loss is below the metric, which no penalty can be.";
    const sum = family === "l1" ? "Σ|w|" : "Σw²";
    const rms = behind.rms === null ? "" : `; over ${show(penalised)} weights a root mean square of ${show(behind.rms)}`;
    return `${sum} = ${show(behind.sum)}${rms}`;
  }

  function halfLifeWords(found) {
    const { decay, stepsPerEpoch, unfelt, convention: { family } } = found;
    if (found.coefficient === 0) return "none: nothing decays";
    const share = show(decay.joint);
    if (unfelt.includes("float32")) {
      return `none in float32: a step takes the share ${share}, and 1 − ${share} rounds to 1${decay.halfLife ? ` (in exact numbers: ${steps(decay.halfLife, stepsPerEpoch)})` : ""}. ${SMALLEST}`;
    }
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
    const coarse = unfelt.length ? `; none for weights kept in bfloat16, where 1 − ${share} rounds to 1. ${SMALLEST}` : "";
    return steps(decay.halfLife, stepsPerEpoch) + flips + coarse;
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

  // What of the trained numbers the penalty leaves alone
  function ignoredWords({ ignored }) {
    return Object.keys(ignored).filter((name) => ignored[name]).join(", ");
  }

  function fill(state, found) {
    const { family, name, argument, formula, meaning } = found.convention;
    const { symbol } = NAMES[family];
    at("name-coefficient").textContent = NAMES[family].coefficient;
    at("name-value").textContent = NAMES[family].value;
    at("name-halflife").textContent = family === "l1" ? "Half-life, or steps to zero" : "Half-life";
    const ignored = found.trainable - found.penalised;
    const rest = ignored ? `, of ${show(found.trainable)} trainable; ${show(ignored)} ${ignoredWords(found)} are not penalised` : ", all that is trainable";
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
      behind: behindWords(found),
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
      const shape = `${KIND_LABELS[layer.kind] ?? layer.kind}${layer.role === "gain" ? "'s gain" : ""}, ${show(layer.inputs)} to ${show(layer.outputs)}${layer.kind === "convolution" ? `, ${show(layer.kernel)} positions` : ""}`;
      return row([`${which}: ${shape}`, show(layer.count), show(layer.deviation), show(layer.squares), show(layer.pull)], [1, 2, 3, 4]);
    }));
    const known = new Map(tables.conventions.map((one) => [one.name, one]));
    const entry = (one) => known.get(one.name);
    const problem = {
      "no-share": "none: the L1 share leaves nothing of this part",
      infinite: "none: 0 has no finite counterpart",
      any: "none: any value above 0 has one effect",
      loss: "none: its data loss is another",
    };
    at("elsewhere").querySelector("tbody").replaceChildren(...found.conversions.filter((one) => !one.refusal && !one.missing).map((one) => {
      const { argument, formula, note } = entry(one);
      const value = one.problem ? problem[one.problem] : plainNumber(one.value);
      return row([one.name, value, argument, note ? `${formula}; ${note}` : formula], [1]);
    }));
    const reasons = new Map();
    for (const one of found.conversions.filter((other) => other.refusal)) {
      reasons.set(one.refusal, [...(reasons.get(one.refusal) ?? []), one.name]);
    }
    const lacking = new Map();
    for (const { name, missing } of found.conversions.filter((other) => other.missing)) {
      const words = missing.map((key) => tables.quantities.find((one) => one.key === key).words).join("; ");
      lacking.set(words, [...(lacking.get(words) ?? []), name]);
    }
    const some = (names) => names.slice(0, 6).join(", ") + (names.length > 6 ? ` and ${show(names.length - 6)} more` : "");
    const { loss } = found.convention;
    const about = tables.losses[loss] ? [`The numbers are for a data loss that is ${tables.losses[loss]}, as ${found.convention.name} has it, unless another is chosen above.`] : [];
    at("refusals").replaceChildren(...[
      ...about,
      ...[...lacking].map(([words, names]) => `A number in ${some(names)} needs: ${words}.`),
      ...[...reasons].map(([reason, names]) => `No number in ${some(names)}: ${reason}.`),
    ].map((textContent) => make("p", { textContent })));
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
    const shown = same.slice(0, 20).map((one) => `${one.name} ${plainNumber(one.value)}`).join("; ");
    lines.push(`The same elsewhere: ${shown || "nowhere"}${same.length > 20 ? `; and ${same.length - 20} more` : ""}`);
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

  // uPlot is given logarithms: its own logarithmic axis stays empty where a number has over 17 digits.
  const WITHIN = [0, Math.log10(2), Math.log10(5), 1]; // a decade
  const NEAR = 1e-9;

  // From a 1, 2 or 5 of a decade to another
  function range(u, least, most) {
    const [low, high] = [Math.floor(least + NEAR), Math.ceil(most - NEAR) - 1];
    return [
      low + Math.max(...WITHIN.filter((one) => low + one <= least + NEAR)),
      high + Math.min(...WITHIN.filter((one) => high + one >= most - NEAR)),
    ];
  }

  // Decades, of many every other or fewer; where there are fewer than two, 1, 2 and 5 of each
  function splits(u, axis, least, most) {
    const step = Math.ceil((most - least) / 10);
    const decades = [];
    for (let one = Math.floor(least / step) * step; one <= most; one += step) decades.push(one);
    const shown = most - least >= 2 ? decades : decades.flatMap((one) => WITHIN.slice(0, 3).map((two) => one + two));
    return shown.filter((one) => one >= least - NEAR && one <= most + NEAR);
  }

  function ticks(u, values) {
    return values.map((value) => {
      const decade = Math.floor(value + NEAR);
      if (value - decade < NEAR) return raised(decade);
      return decade >= -4 && decade < 6 ? show(10 ** value, 2) : `${Math.round(10 ** (value - decade))}·${raised(decade)}`;
    });
  }

  function markNow(u) {
    if (!drawn) return; // uPlot draws a little later, and the penalty may be gone by then
    const x = u.valToPos(Math.log10(drawn.now.penalised), "x", true);
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
      ctx.arc(x, u.valToPos(Math.log10(drawn.now[name]), "y", true), 4 * devicePixelRatio, 0, 2 * Math.PI);
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
      scales: { x: { time: false, range }, y: { range } },
      axes: [{ ...axis, label: "penalised weights P" }, { ...axis, label: "loss, and loss per weight unit", size: 56 }],
      series: [{}, ...LINES.map(([, line, dash]) => ({ stroke: colour(line), width: 2.5, dash, pxAlign: 0, points: { show: false } }))],
      hooks: { draw: [markNow] },
    }, columns(), place);
  }

  const columns = () => ["penalised", ...LINES.map(([name]) => name)].map((name) => drawn.points.map((one) => Math.log10(one[name])));

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
    words.textContent = slope === null
      ? `At this width and at twice this width there are the same ${from} weights, as widths are whole numbers and at least 1: no slope can be given.`
      : `From ${from} weights to those of a network twice as wide, the slopes on logarithmic axes are ` +
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
      const before = at("out-counts").textContent ? " What stands below in italics belongs to the entries before." : "";
      at("waiting").textContent = `An entry cannot be used, and nothing is computed until it can.${before}`;
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
    for (const [value, words] of Object.entries({ unsaid: "as the library's own", ...tables.losses })) {
      at("loss").append(make("option", { value, textContent: words }));
    }
    for (const { key, words } of UNTOLD) {
      const id = fieldOf(key);
      const input = make("input", { id, inputMode: "decimal", autocomplete: "off" });
      input.setAttribute("aria-describedby", `error-${id}`);
      at("others").append(make("div", { className: "field" }, make("label", { htmlFor: id, textContent: words }), input,
        make("p", { className: "error", id: `error-${id}`, hidden: true })));
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
      refusedByLink.delete("link");
      refusedByLink.delete(event.target.id);
      if (event.target.closest("#layers, #add-layer")) refusedByLink.delete("layers");
      if (event.target === at("convention") && !convention().optimizers.includes(at("optimizer").value)) {
        [at("optimizer").value] = convention().optimizers;
      }
    };
    form.addEventListener("input", (event) => { touched(event); update(); });
    form.addEventListener("change", remember); // the address follows finished entries only
    at("widthSteps").addEventListener("input", (event) => { touched(event); update(); });
    at("widthSteps").addEventListener("change", remember);
    form.addEventListener("click", (event) => {
      const { state, part: name } = event.target.dataset;
      if (state) restore(pairsOf(state));
      else if (event.target.id === "add-layer") {
        touched(event);
        at("layers").append(layerEntry({}));
        tidyLayers();
        part(at("layers").lastChild, "kind").focus();
      } else if (name === "remove") {
        touched(event);
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
