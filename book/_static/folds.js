// Code that only serves is closed, and one control opens or closes all of it, here and on the next
// page. Without this script everything is open.
document.addEventListener("DOMContentLoaded", () => {
  const folds = [...document.querySelectorAll(".bd-article details.hide")];
  const title = document.querySelector(".bd-article h1");
  if (!folds.length || !title) return;
  const remembered = (value) => {
    try {
      return value === undefined ? localStorage.getItem("code") : localStorage.setItem("code", value);
    } catch {} // a browser that keeps nothing
  };
  const control = document.createElement("button");
  control.type = "button";
  control.className = "folds btn btn-sm";
  const show = (open) => {
    for (const fold of folds) fold.open = open;
    control.setAttribute("aria-pressed", open);
    control.textContent = open ? "Close code that only serves" : "Open all code";
  };
  control.addEventListener("click", () => {
    const open = control.getAttribute("aria-pressed") !== "true";
    remembered(open ? "open" : "closed");
    show(open);
  });
  // whoever follows a figure to the cell that drew it wants to see that cell
  const arrive = () => {
    const fold = document.getElementById(location.hash.slice(1))?.querySelector("details.hide");
    if (fold && location.hash.startsWith("#code-")) fold.open = true;
  };
  show(remembered() === "open");
  title.after(control);
  window.addEventListener("hashchange", arrive);
  arrive();
});
