// What a link leads to, shown while the mouse or the keyboard rests on it: by Escape, or by leaving both, it goes.
// It comes from a script beside the pages, which is loaded when first asked for. Where nothing can hover, there is none.
document.addEventListener("DOMContentLoaded", () => {
  const KINDS = /^#(claim|prop|def|rem|equation|fig|record|term|atlas)-/;
  const root = new URL(document.documentElement.dataset.content_root ?? "./", location.href);
  const box = document.createElement("div");
  box.id = "preview";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.querySelector("main")?.append(box);
  let shown, timer;

  const script = (address) => new Promise((resolve, reject) => {
    const one = Object.assign(document.createElement("script"), { src: new URL(address, root), onload: resolve, onerror: reject });
    document.head.append(one);
  });
  const loaded = new Map();
  const once = (address) => loaded.get(address) ?? loaded.set(address, script(address)).get(address);

  // pages without formulas do not load MathJax
  async function set() {
    if (!box.querySelector(".math")) return;
    if (!window.MathJax) window.MathJax = { options: { processHtmlClass: "math", ignoreHtmlClass: "bd-article" }, startup: { typeset: false } };
    if (!document.querySelector("script[src*='mathjax/']")) await once("mathjax/tex-chtml.js");
    while (!window.MathJax.typesetPromise) await new Promise((done) => setTimeout(done, 50));
    await window.MathJax.typesetPromise([box]);
    for (const one of box.querySelectorAll("div.math")) {
      const wide = one.scrollWidth / one.clientWidth;
      if (wide > 1) one.style.fontSize = `${98 / wide}%`;
    }
  }

  function place(link) {
    const base = (box.offsetParent ?? document.documentElement).getBoundingClientRect();
    const at = link.getClientRects()[0], edge = document.querySelector("main").getBoundingClientRect();
    const left = Math.max(edge.left + 8, Math.min(at.left, edge.right - box.offsetWidth - 8));
    const above = at.bottom + box.offsetHeight + 8 > window.innerHeight && at.top > box.offsetHeight + 8;
    box.style.left = `${left - base.left}px`;
    box.style.top = `${(above ? at.top - box.offsetHeight : link.getBoundingClientRect().bottom) - base.top}px`;
  }

  async function show(link) {
    if (link === shown) return;
    hide();
    shown = link;
    const name = link.pathname.slice(root.pathname.length).replace(/\.html$/, "");
    await once(`previews/${name.replaceAll("/", "-")}.js`);
    const html = window.previews[name][decodeURIComponent(link.hash.slice(1))];
    if (shown !== link || !html) return;
    box.innerHTML = html;
    for (const image of box.querySelectorAll("img")) image.src = new URL(image.getAttribute("src"), link.href);
    box.style.visibility = "hidden";
    box.hidden = false;
    place(link);
    await set();
    if (shown !== link) return;
    place(link);
    box.classList.toggle("cut", box.scrollHeight > box.clientHeight);
    box.style.visibility = "";
    link.setAttribute("aria-describedby", box.id);
  }

  function hide() {
    clearTimeout(timer);
    shown?.removeAttribute("aria-describedby");
    shown = undefined;
    box.hidden = true;
  }

  const later = (what, time) => {
    clearTimeout(timer);
    timer = setTimeout(what, time);
  };
  const asked = ({ target }) => {
    const link = target.closest?.(".bd-article a[href*='#']:not(.headerlink)");
    return link && link.protocol === location.protocol && KINDS.test(link.hash) && matchMedia("(hover: hover)").matches ? link : null;
  };
  document.addEventListener("pointerover", (event) => {
    const link = asked(event);
    if (link && event.pointerType === "mouse") later(() => show(link), 250);
    else if (box.contains(event.target)) clearTimeout(timer);
    else if (shown && document.activeElement !== shown) later(hide, 250);
    else if (!shown) clearTimeout(timer);
  });
  document.addEventListener("focusin", (event) => {
    const link = asked(event);
    if (link?.matches(":focus-visible")) show(link);
    else if (shown) hide();
  });
  document.addEventListener("focusout", ({ target }) => target === shown && hide());
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
});
