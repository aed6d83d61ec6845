"use strict";
// The page side: nothing is fetched before the click; then every change of a field asks the worker again.
(() => {
  const root = document.getElementById("live");
  if (!root) return;
  const by = (name) => document.getElementById(`live-${name}`);
  const here = document.currentScript.src;
  const fields = [...root.querySelectorAll("input")];
  let worker, asked = 0, waiting, clicked;

  const say = (text) => { by("status").textContent = text; };
  const complain = (text) => {
    by("error").textContent = text;
    by("error").hidden = !text;
    for (const field of fields) {
      if (text && text.startsWith(`${field.name} `)) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  };
  const fail = (text) => {
    worker?.terminate();
    worker = undefined;
    say("");
    complain(`Python did not start: ${text}`);
    by("start").disabled = false;
  };

  by("start").addEventListener("click", () => {
    complain("");
    if (location.protocol === "file:") {
      complain("A browser starts no Python from a file. In the folder of the book: python3 -m http.server, then open http://localhost:8000/");
      return;
    }
    if (typeof DecompressionStream === "undefined" || typeof WebAssembly === "undefined") {
      complain("This browser is too old for it: it lacks WebAssembly or DecompressionStream.");
      return;
    }
    by("start").disabled = true;
    clicked = performance.now();
    say("Python is loading …");
    worker = new Worker(new URL("worker.js", here), { type: "module" });
    worker.onerror = (event) => { event.preventDefault(); fail(event.message || "its script could not be loaded"); };
    worker.onmessage = ({ data }) => answer(data);
    worker.postMessage({ number: 0 });
  });

  function answer({ number, found, wrong }) {
    if (number === 0) {
      if (wrong) return fail(wrong);
      const seconds = ((performance.now() - clicked) / 1000).toFixed(1);
      root.dataset.ready = seconds;
      say(`Python ${found[0]} with numpy ${found[1]} was ready after ${seconds} s.`);
      by("fields").disabled = false;
      ask();
    } else if (number === asked) {
      complain(wrong || "");
      by("result").classList.toggle("stale", Boolean(wrong));
      if (!wrong) show(found);
      root.dataset.shown = number;
    }
  }

  function ask() {
    clearTimeout(waiting);
    const values = {};
    for (const field of fields) {
      const text = field.value.trim().replace(",", ".");
      values[field.name] = text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
    }
    worker.postMessage({ number: ++asked, values });
    by("command").textContent = "python -c 'from l2scaling.publish.pages.cloned import clones; print(clones("
      + Object.entries(values).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ") + "))'";
  }

  by("fields").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 250);
  });
  by("form").addEventListener("submit", (event) => { event.preventDefault(); if (worker) ask(); });

  const number = (value) => Number(value.toPrecision(4)).toString();
  const drawn = (name, given, text) => {
    const one = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(given)) one.setAttribute(key, value);
    if (text !== undefined) one.textContent = text;
    return one;
  };

  function show(found) {
    window.liveFound = found;
    const { coefficients, narrow, wide } = found;
    const yours = Number(fields.find((one) => one.name === "coefficient").value.replace(",", "."));
    const [left, right, top, bottom] = [64, 704, 16, 306];
    const span = [Math.log10(coefficients[0]), Math.log10(coefficients[coefficients.length - 1])];
    const most = Math.max(...narrow.risks, ...wide.risks), least = Math.min(narrow.least, wide.least);
    const [floor, roof] = [least - 0.16 * (most - least), most + 0.05 * (most - least)];
    const x = (c) => left + (right - left) * (Math.log10(c) - span[0]) / (span[1] - span[0]);
    const y = (risk) => bottom - (bottom - top) * (risk - floor) / (roof - floor || 1);
    const parts = [drawn("path", { class: "axis", d: `M${left},${top}V${bottom}H${right}` })];
    for (let power = Math.ceil(span[0]); power <= span[1]; power++) {
      parts.push(drawn("text", { x: x(10 ** power), y: bottom + 20, "text-anchor": "middle" }, number(10 ** power)));
    }
    for (const risk of [least, (least + most) / 2, most]) {
      parts.push(drawn("text", { x: left - 8, y: y(risk) + 5, "text-anchor": "end" }, Number(risk.toPrecision(3))));
    }
    parts.push(drawn("text", { x: (left + right) / 2, y: bottom + 44, "text-anchor": "middle" }, "penalty coefficient c"));
    parts.push(drawn("text", { x: 14, y: (top + bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${(top + bottom) / 2})` }, "expected squared error"));
    if (yours >= coefficients[0] && yours <= coefficients[coefficients.length - 1]) {
      parts.push(drawn("path", { class: "yours", d: `M${x(yours)},${top}V${bottom}` }));
      const [beside, side] = x(yours) + 60 < right ? [6, "start"] : [-6, "end"];
      parts.push(drawn("text", { x: x(yours) + beside, y: top + 12, "text-anchor": side }, "your λ"));
    }
    for (const [kind, one, mark] of [["narrow", narrow, "each once"], ["wide", wide, `${wide.copies} of each`]]) {
      const line = one.risks.map((risk, place) => `${x(coefficients[place]).toFixed(2)},${y(risk).toFixed(2)}`).join("L");
      parts.push(drawn("path", { class: `curve ${kind}`, d: `M${line}` }));
      parts.push(kind === "narrow"
        ? drawn("circle", { class: `best ${kind}`, cx: x(one.best), cy: y(one.least), r: 6 })
        : drawn("rect", { class: `best ${kind}`, x: x(one.best) - 6, y: y(one.least) - 6, width: 12, height: 12 }));
      const [shift, anchor] = kind === "narrow" ? [7, "end"] : [-7, "start"];
      if (kind === "narrow" || wide.copies > 1) {
        parts.push(drawn("text", { x: x(one.best) + shift, y: y(one.least) + 24, "text-anchor": anchor }, `best, ${mark}`));
      }
    }
    by("chart").replaceChildren(...parts);
    by("caption").textContent = `Expected error on a new sample over c: solid with each feature once (${narrow.weights} weights), `
      + `dashed with ${wide.copies} of each (${wide.weights} weights). The best c goes from ${number(narrow.best)} to ${number(wide.best)}; `
      + `at your c the sum of squares goes from ${number(narrow.sum_of_squares)} to ${number(wide.sum_of_squares)}.`;
    const rows = [
      ["weights", "weights"], ["Σw² at your λ", "sum_of_squares"], ["penalty, ½ c Σw²", "penalty"],
      ["pull on a weight, c·w, root mean square", "pull"], ["expected error at your λ", "risk"],
      ["best c of those drawn", "best"], ["expected error there", "least"],
    ];
    by("rows").replaceChildren(...rows.map(([words, key]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = words;
      row.append(head, ...[narrow, wide].map((one) => {
        const cell = document.createElement("td");
        cell.className = "number";
        cell.textContent = number(one[key]);
        return cell;
      }));
      return row;
    }));
    by("head-wide").textContent = `${wide.copies} of each`;
    by("result").hidden = false;
  }
})();
