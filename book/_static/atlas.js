// The table of the atlas, searched and filtered. Without this script it is whole.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.atlas");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
  const said = (row, column) => row.cells[column].textContent.trim();
  const form = document.createElement("form");
  form.className = "atlas-filters";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Arguments");
  form.addEventListener("submit", (event) => event.preventDefault());
  const field = (words, control) => {
    const label = document.createElement("label");
    label.append(words, control);
    form.append(label);
    return control;
  };
  const search = field("Search", document.createElement("input"));
  search.type = "search";
  const choice = (words, valuesOf) => {
    const control = field(words, document.createElement("select"));
    const values = new Set(rows.flatMap(valuesOf));
    control.append(new Option("any", ""));
    for (const value of [...values].sort((a, b) => a.localeCompare(b))) control.append(new Option(value, value));
    return { control, fits: (row) => !control.value || valuesOf(row).includes(control.value) };
  };
  const filters = [
    choice("Library", (row) => [said(row, 0).split(".")[0]]),
    choice("Family", (row) => [said(row, 1)]),
    choice("Counts", (row) => said(row, 3).split(", ")),
  ];
  const biases = field("Decays biases", document.createElement("select"));
  biases.append(new Option("any", ""), new Option("yes", "also"), new Option("no", "not"));
  const byDefault = field("On by default", document.createElement("input"));
  byDefault.type = "checkbox";
  const count = document.createElement("p");
  count.setAttribute("role", "status");
  const decays = (row) => said(row, 5).split("; ").find((part) => part.includes("biases"))?.split(" ")[0] ?? "";
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word)) && filters.every((one) => one.fits(row)) &&
        (!biases.value || decays(row) === biases.value) && (!byDefault.checked || row.dataset.on === "yes");
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} arguments`;
  };
  for (const row of rows) row.dataset.on = Number(said(row, 4)) > 0 ? "yes" : "no";
  // whoever follows a link to a row must see it
  const arrive = () => {
    if (document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("table") !== table) return;
    form.reset();
    show();
    document.getElementById(location.hash.slice(1)).scrollIntoView();
  };
  form.addEventListener("input", show);
  const place = table.closest(".pst-scrollable-table-container") ?? table;
  place.before(form, count);
  show();
  window.addEventListener("hashchange", arrive);
});
