// Code that only serves and proofs are closed, and one control opens or closes all of it, here and on the next
// page. Without this script everything is open.
document.addEventListener("DOMContentLoaded", () => {
  const folds = [...document.querySelectorAll(".bd-article details:is(.hide, .fold)")];
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
  let all = remembered() === "open";
  const show = () => {
    for (const fold of folds) fold.open = all;
    control.textContent = all ? "Close code and proofs" : "Open code and proofs";
  };
  control.addEventListener("click", () => {
    all = !all;
    remembered(all ? "open" : "closed");
    show();
  });
  // whoever follows a figure to the cell that drew it wants to see that cell
  const arrive = () => {
    const place = document.getElementById(location.hash.slice(1));
    const fold = place?.closest("details.fold") ?? place?.querySelector("details.hide");
    if (fold && (location.hash.startsWith("#code-") || fold.contains(place))) fold.open = true;
  };
  show();
  title.after(control);
  window.addEventListener("hashchange", arrive);
  arrive();
});
