// Marks images as right, wrong or skipped; they are kept in the browser until they are downloaded.
(() => {
  const cards = [...document.querySelectorAll("article")];
  const { key, maps, teacher } = document.body.dataset;
  const place = `murmuration-review-${key}`;
  const KEYS = { r: "right", w: "wrong", s: "skip" };
  let marks = {};
  let canKeep = true;
  try {
    marks = JSON.parse(localStorage.getItem(place)) || {};
  } catch {
    canKeep = false; // the browser lets no file keep anything
  }
  let current = Math.max(0, cards.findIndex((card) => !(card.dataset.image in marks)));

  function show() {
    cards.forEach((card, number) => {
      card.classList.toggle("current", number === current);
      card.querySelectorAll("button").forEach((button) => {
        button.setAttribute("aria-pressed", marks[card.dataset.image] === button.dataset.mark);
      });
    });
    const count = cards.filter((card) => card.dataset.image in marks).length;
    const warning = canKeep ? "" : "; this browser does not keep them, so download them before you leave";
    document.getElementById("progress").textContent = `${count} of ${cards.length} marked${warning}`;
  }

  function go(number) {
    current = Math.min(Math.max(number, 0), cards.length - 1);
    cards[current].focus({ preventScroll: true });
    cards[current].scrollIntoView({ block: "start" });
    show();
  }

  function mark(number, value) {
    marks[cards[number].dataset.image] = value;
    try {
      localStorage.setItem(place, JSON.stringify(marks));
    } catch {
      canKeep = false;
    }
    current = number;
    show();
  }

  cards.forEach((card, number) => {
    card.querySelectorAll("button").forEach((button) => {
      button.addEventListener("click", () => mark(number, button.dataset.mark));
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !cards.length) return;
    const value = KEYS[event.key.toLowerCase()];
    if (value) {
      mark(current, value);
      go(current + 1);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      go(current + (event.key === "ArrowDown" ? 1 : -1));
    }
  });
  document.getElementById("download").addEventListener("click", () => {
    const text = JSON.stringify({ teacher, maps, marks }, null, 2);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "marks.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  show();
})();
