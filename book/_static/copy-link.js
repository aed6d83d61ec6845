// Beside each figure, proposition, numbered formula and record of the evidence, a button that copies its address:
// that at which the book is published, if it has one, or else that at which it is read.
document.addEventListener("DOMContentLoaded", () => {
  const page = (document.querySelector('link[rel="canonical"]') ?? location).href.replace(/#.*/, "");
  const article = document.querySelector(".bd-article");
  if (!article) return;
  const done = document.createElement("span");
  done.className = "visually-hidden";
  done.setAttribute("aria-live", "polite");
  article.append(done);
  const offer = (one, place, name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-link";
    button.title = "Copy link";
    button.setAttribute("aria-label", `Copy link to ${name.trim()}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(`${page}#${one.id}`);
        button.classList.add("copied");
        done.textContent = "Copied";
        setTimeout(() => { button.classList.remove("copied"); done.textContent = ""; }, 2000);
      } catch {
        location.hash = one.id; // to be copied from where the browser shows it
      }
    });
    place.append(button);
  };
  for (const one of article.querySelectorAll("figure[id], .proof[id]")) {
    const number = one.querySelector(".caption-number");
    if (number) offer(one, number.closest("p"), number.textContent);
  }
  for (const one of article.querySelectorAll(".math[id]")) {
    const number = one.querySelector(".eqno");
    if (number) offer(one, number, `equation ${number.firstChild.textContent}`);
  }
  for (const one of article.querySelectorAll("span[id^='record-']")) offer(one, one.parentElement, one.textContent);
});
