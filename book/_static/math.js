// Set the formulas of the first screens before the text is shown, and the rest while it is read:
// nothing moves under a reader's eye, and a long chapter opens as fast as a short one.
(() => {
  const waiting = document.documentElement.classList;
  const pause = () => new Promise((done) => setTimeout(done));
  const show = () => waiting.remove("math-waits");
  waiting.add("math-waits");
  window.addEventListener("error", show, true); // a formula's source is better than no text
  setTimeout(show, 10000);

  // a formula within a line that is wider than the text scrolls in a line of its own
  function markWide(formulas) {
    const edge = document.querySelector(".bd-article")?.getBoundingClientRect().right;
    const within = formulas.filter((formula) => formula.tagName === "SPAN");
    const wide = within.filter((formula) => formula.firstElementChild?.getBoundingClientRect().right > edge);
    for (const formula of wide) formula.classList.add("wide");
  }

  async function set() {
    const all = [...document.querySelectorAll(".math")];
    // who comes to a place within the page needs all that stands above it
    const atTop = !location.hash && !window.scrollY;
    const isNear = (formula) => formula.getBoundingClientRect().top < 3 * window.innerHeight;
    const near = atTop ? all.filter(isNear) : all;
    await MathJax.typesetPromise(near);
    document.body.getBoundingClientRect(); // so that the browser asks for the letters it needs,
    await document.fonts.ready; // which are wider or narrower than those that stand in for them
    markWide(near);
    show();
    if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView({ behavior: "instant" });
    const far = atTop ? all.filter((formula) => !near.includes(formula)) : [];
    while (far.length) {
      await pause();
      const next = far.splice(0, 30);
      await MathJax.typesetPromise(next);
      markWide(next);
    }
    document.documentElement.dataset.math = "set";
  }
  window.MathJax = { ...window.MathJax, startup: { pageReady: set } };
})();
