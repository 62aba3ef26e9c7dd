"use strict";

/** What a cell says, as a number where it is one; nothing known is less than all. */
function valueOf(row, column) {
  const text = row.cells[column].textContent.trim();
  if (text === "–") return -Infinity;
  const number = Number(text.replaceAll(",", "").replace(/ %$/, ""));
  return Number.isNaN(number) ? text : number;
}

/** Tables of class "sortable": a click on a column's name orders the rows by it, a second one the other way round. */
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  for (const heading of headings) {
    heading.querySelector("button").addEventListener("click", () => {
      const column = heading.cellIndex;
      const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, column) }));
      const words = rows.some(({ value }) => typeof value === "string");
      const up = words !== (heading.getAttribute("aria-sort") === (words ? "ascending" : "descending"));
      const compare = words
        ? (a, b) => String(a.value).localeCompare(String(b.value), "en", { numeric: true })
        : (a, b) => a.value - b.value || 0;
      rows.sort((a, b) => (up ? compare(a, b) : compare(b, a)));
      body.append(...rows.map(({ row }) => row));
      for (const each of headings) each.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    });
  }
}
