// The search page: MiniSearch over the words of every section, in the browser, with no request to anyone.
(() => {
  // ---- words, the same way in the book and in a question
  const SAME = new Map(Object.entries({
    α: "alpha", β: "beta", γ: "gamma", ε: "epsilon", η: "eta", κ: "kappa", λ: "lambda", μ: "mu", σ: "sigma", θ: "theta",
    ω: "omega", lr: "eta", fp16: "float16", bf16: "bfloat16", rerun: "run",
  }));
  const ASKING = "what which how do does did i my me we you your per vs can should from when why has have so its s t";
  const unheard = new Set([...stopwords, ...ASKING.split(" ")]); // what Sphinx leaves out of English, and questions
  const stemmer = new Stemmer();
  const known = new Map();

  // start, end and terms of every word: λ is lambda, weight_decay also weight and decay, LayerNorm also layer and norm
  function words(text) {
    return [...text.matchAll(/[\p{L}\p{N}_]+(?:[.:][\p{L}\p{N}_]+)*%?/gu)].map(({ 0: word, index }) => {
      if (!known.has(word)) known.set(word, read(word));
      return [index, index + word.length, known.get(word)];
    });
  }

  function read(word) {
    const names = word.split(/(?<!\d)[.:]|%/); // 0.1 stays
    const parts = names.flatMap((name) => name.split(/_|(?<=\p{Ll})(?=\p{Lu}\p{Ll})|(?<=[α-ω])|(?=[α-ω])/u));
    return [...new Set([word, ...names, ...parts].map(term))].filter(Boolean);
  }

  function term(word) {
    const plain = word.normalize("NFKC").toLowerCase();
    const same = SAME.get(plain) ?? plain;
    if (unheard.has(plain)) return "";
    return /[^a-z]/.test(same) ? same : stemmer.stemWord(same.replace(/is(e|ed|er|ers|es|ing|ation|ations)$/, "iz$1"));
  }

  // ---- what is looked in: every section, row, term and function, by its page's title, its heading and its words
  const LESS = { "book/api": 0.4, "book/robustness": 0.5, "book/controls": 0.6, "book/references": 0.7, "book/runs": 0.5, "book/verdicts": 0.8 };
  const SAME_IN_ALL = ["Prediction", "Evidence", "Exercises", "How this was run", "Cite this chapter", "Summary and what comes next"];
  const MUCH_USED = /^atlas-(torch-optim|keras|optax|sklearn|xgboost|lightgbm)-/;

  function weight({ page, heading, anchor, first }) {
    if (first && page.startsWith("notebooks/")) return 1.5; // what the chapter found
    if (SAME_IN_ALL.includes(heading)) return 0.5;
    return (LESS[page] ?? 1) * (MUCH_USED.test(anchor) ? 1.3 : 1);
  }

  function indexed(pages) {
    const places = pages.flatMap(([page, all]) => all.map(([anchor, heading, text], at) => (
      { page, anchor, heading, text, title: all[0][1], first: at === 0 })));
    const index = new MiniSearch({
      fields: ["title", "heading", "text"],
      tokenize: (text) => words(text).flatMap(([, , terms]) => terms),
      processTerm: (one) => one,
      searchOptions: {
        boost: { title: 2, heading: 3 },
        boostDocument: (id) => weight(places[id]),
        prefix: (one, at, all) => at === all.length - 1 && one.length > 2, // the last word may not be whole yet
      },
    });
    index.addAll(places.map(({ title, heading, text, first }, id) => ({ id, title, heading: first ? "" : heading, text })));
    return { index, places };
  }

  // The places of each page, best first. A page is as good as its best place, times the share of the words that it has
  // anywhere, in which rare words count more.
  function search({ index, places }, question) {
    const pages = new Map(), frequency = new Map();
    for (const { id, score, match, queryTerms } of index.search(question)) {
      const { page } = places[id];
      if (!pages.has(page)) pages.set(page, { hits: [], has: new Set() });
      pages.get(page).hits.push({ ...places[id], score, terms: new Set(Object.keys(match)) });
      for (const one of queryTerms) {
        pages.get(page).has.add(one);
        frequency.set(one, (frequency.get(one) ?? 0) + 1);
      }
    }
    const rarity = (terms) => [...terms].reduce((sum, one) => sum + Math.log(1 + places.length / frequency.get(one)), 0);
    const value = ({ hits, has }) => hits[0].score * rarity(has);
    return [...pages.values()].sort((one, other) => value(other) - value(one)).map(({ hits }) => hits);
  }

  // ---- what is shown
  const MOST = 12, LENGTH = 220;
  const made = (tag, className, ...children) => {
    const one = document.createElement(tag);
    if (className) one.className = className;
    one.append(...children);
    return one;
  };

  // the stretch of a text in which most of the words stand, with these marked
  function excerpt({ text, terms }) {
    const found = words(text).filter(([, , all]) => all.some((one) => terms.has(one)));
    const within = (start) => new Set(found.filter(([from, to]) => from >= start && to <= start + LENGTH).flatMap(([, , all]) => all)).size;
    const best = found.reduce((one, other) => (within(other[0]) > within(one[0]) ? other : one), found[0] ?? [0]);
    const start = best[0] < 80 ? 0 : text.lastIndexOf(" ", best[0] - 40) + 1;
    const end = text.length - start <= LENGTH ? text.length : text.lastIndexOf(" ", start + LENGTH);
    const parts = [start ? "… " : ""];
    let at = start;
    for (const [from, to] of found.filter(([from, to]) => from >= start && to <= end)) {
      parts.push(text.slice(at, from), made("mark", "", text.slice(from, to)));
      at = to;
    }
    return made("p", "", ...parts, text.slice(at, end), end < text.length ? " …" : "");
  }

  const address = ({ page, anchor, first }) => `${page}.html${first ? "" : `#${anchor}`}`;
  const link = (place, ...children) => Object.assign(made("a", "", ...children), { href: address(place) });

  function shown(hits) {
    const [best, ...others] = hits;
    const title = best.first ? [best.title] : [best.title, made("span", "place", ` › ${best.heading}`)];
    const further = others.filter((one) => one.score > best.score / 2).slice(0, 3);
    const list = made("ul", "further", ...further.map((one) => made("li", "", link(one, one.first ? "beginning" : one.heading))));
    return made("li", "", link(best, ...title), excerpt(best), ...(further.length ? [list] : []));
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector(".bd-search-container form");
    const field = form.elements.q, results = document.querySelector("#search-results");
    const count = document.querySelector("#search-count");
    const book = indexed(window.places);
    const show = () => {
      const question = field.value.trim();
      const pages = question ? search(book, question) : [];
      results.replaceChildren(...pages.slice(0, MOST).map(shown));
      count.textContent = question ? `${pages.length || "No"} ${pages.length === 1 ? "page" : "pages"} for “${question}”${pages.length > MOST ? `, the best ${MOST}` : ""}` : "";
      results.dataset.for = question;
    };
    let waiting;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        history.replaceState(null, "", `?q=${encodeURIComponent(field.value)}`);
        show();
      }, 150);
    });
    form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
    field.value = new URLSearchParams(location.search).get("q") ?? "";
    field.focus();
    show();
  });
})();
