// A button above each page that copies it as Markdown; where a browser may not, it opens that instead.
document.addEventListener("DOMContentLoaded", () => {
  const link = document.querySelector('link[rel="alternate"][type="text/markdown"]');
  const place = document.querySelector(".article-header-buttons");
  if (!link || !place) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm copy-page";
  button.title = "Copy this page as Markdown";
  button.setAttribute("aria-label", button.title);
  const icon = document.createElement("i");
  icon.className = "fas fa-copy";
  button.append(icon);
  const done = document.createElement("span");
  done.className = "visually-hidden";
  done.setAttribute("aria-live", "polite");
  const markdown = async () => {
    const answer = await fetch(link.href);
    if (!answer.ok) throw new Error(String(answer.status));
    return new Blob([await answer.text()], { type: "text/plain" });
  };
  button.addEventListener("click", async () => {
    try {
      if (location.protocol === "file:") throw new Error("a page opened as a file may not read its neighbours");
      // a promise, and no text: after a fetch WebKit has forgotten the click that allows to write
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": markdown() })]);
      icon.className = "fas fa-check";
      done.textContent = "Copied";
      setTimeout(() => { icon.className = "fas fa-copy"; done.textContent = ""; }, 2000);
    } catch {
      location.href = link.href;
    }
  });
  place.prepend(button, done);
});
