// Sorts a table by the column whose head is clicked; what cannot be had ("–") stays last.
document.querySelectorAll("table").forEach((table) => {
  table.querySelectorAll("th button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      table.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const key = (row) => {
        const cell = row.cells[head.cellIndex];
        return "number" in cell.dataset ? parseFloat(cell.dataset.number) : cell.textContent;
      };
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (typeof x === "string") return sign * x.localeCompare(y);
        return isNaN(x) - isNaN(y) || sign * (x - y);
      };
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(compare));
    });
  });
});
