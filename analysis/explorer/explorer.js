// Asks the server for what a teacher sees, and paints it. Maps come as gray pictures of 8 bits.
"use strict";
const start = JSON.parse(document.getElementById("start").textContent);
const $ = (id) => document.getElementById(id);
const SLIDERS = ["box_threshold", "min_area", "area_threshold", "min_votes", "threshold"];
const COVER = 0.85; // how much of the photo the highest value hides
const choice = { ...start.choice };
const panels = new Map(); // by title: what is shown, and which lists are open
let photo = null;
let photoName = "";

async function ask(path, body) {
  const headers = { "Content-Type": body instanceof Blob ? "application/octet-stream" : "application/json" };
  const sent = body instanceof Blob ? body : JSON.stringify(body);
  const reply = await fetch(path, body === undefined ? {} : { method: "POST", headers, body: sent });
  const answer = await reply.json();
  if (!reply.ok) throw new Error(answer.error);
  return answer;
}

function tell(error) {
  $("error").hidden = !error;
  $("error").textContent = error ? error.message : "";
}

async function loadPicture(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture;
}

// Of several wishes in a row, the last one counts; one at a time is under way.
let isLooking = false;
let wished = null;
async function look() {
  wished = performance.now();
  if (isLooking) return;
  isLooking = true;
  while (wished !== null) {
    const since = wished;
    wished = null;
    try {
      await lookOnce(since);
      tell(null);
    } catch (error) {
      tell(error);
      showNothing("Nothing is shown.");
    }
  }
  isLooking = false;
}

// What is of another image, or of other prompts, would be taken for what was asked for.
function showNothing(status) {
  photoName = "";
  $("panels").replaceChildren();
  $("remarks").replaceChildren();
  $("status").textContent = status;
}

async function lookOnce(since) {
  const name = choice.image;
  if (photoName && photoName !== name) showNothing("Looking …");
  const view = await ask("/look", choice);
  if (photoName !== name) photo = await loadPicture(`/photo?name=${encodeURIComponent(name)}`);
  const maps = await Promise.all(view.panels.map((panel) => panel.map && loadPicture(panel.map)));
  const shown = view.panels.map((panel, i) => showPanel(panel, maps[i], view.size));
  photoName = name;
  $("panels").replaceChildren(...shown);
  $("remarks").replaceChildren(...view.remarks.map((remark) => element("li", remark)));
  paintAll();
  const whole = Math.round(performance.now() - since);
  const how = view.has_asked ? "the models were asked" : "from remembered answers, no model was asked";
  $("status").textContent = `Shown in ${whole} ms, ${view.milliseconds} ms of them the answer: ${how}.`;
  document.body.dataset.asked = view.has_asked;
  document.body.dataset.milliseconds = whole;
  document.body.dataset.looks = Number(document.body.dataset.looks || 0) + 1;
}

function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function showPanel(panel, map, size) {
  let known = panels.get(panel.title);
  if (!known) {
    known = { article: $("panel").content.firstElementChild.cloneNode(true) };
    known.article.querySelector("h2").textContent = panel.title;
    panels.set(panel.title, known);
  }
  const { article } = known;
  known.map = map;
  const boxes = panel.count === null ? "" : panel.count === 1 ? "1 box" : `${panel.count} boxes`;
  const facts = [boxes, panel.peak === null ? "" : `highest value ${panel.peak}`, panel.note];
  article.querySelector(".facts").textContent = facts.filter(Boolean).join("; ");
  const canvas = article.querySelector("canvas");
  [canvas.width, canvas.height] = map ? [map.naturalWidth, map.naturalHeight] : [photo.naturalWidth, photo.naturalHeight];
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${panel.title}: ${facts.filter(Boolean).join(", ")}`);
  drawBoxes(article.querySelector("svg"), panel, size);
  const some = panel.boxes.length < panel.count ? `scores of the best ${panel.boxes.length}` : "scores of boxes";
  fillList(article.querySelector(".kept-list"), panel.boxes, some);
  fillList(article.querySelector(".dropped-list"), panel.dropped, panel.dropped_title);
  return article;
}

function drawBoxes(svg, panel, [width, height]) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const rectangle = ({ box: [x0, y0, x1, y1], label, score, reason }, kind) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const places = { x: x0, y: y0, width: Math.max(x1 - x0, 0), height: Math.max(y1 - y0, 0), class: kind };
    Object.entries(places).forEach(([key, value]) => made.setAttribute(key, value));
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = [label, score, reason].filter((part) => part !== undefined && part !== "").join(" ");
    made.append(title);
    return made;
  };
  const pair = (kind) => (box) => [rectangle(box, `halo halo-${kind}`), rectangle(box, kind)];
  svg.replaceChildren(...panel.dropped.flatMap(pair("dropped")), ...panel.boxes.flatMap(pair("kept")));
}

function fillList(list, boxes, title) {
  list.hidden = boxes.length === 0;
  list.querySelector("summary").textContent = title;
  list.querySelector(".scroll").setAttribute("aria-label", title);
  const rows = boxes.map(({ label, score, reason }) => {
    const row = element("tr", "");
    row.append(element("td", label || "–"), element("td", score, "number"));
    if (reason !== undefined) row.append(element("td", reason));
    return row;
  });
  list.querySelector("tbody").replaceChildren(...rows);
}

function paintAll() {
  $("panels").classList.toggle("without-boxes", !$("with_boxes").checked);
  $("panels").classList.toggle("without-dropped", !$("with_dropped").checked);
  document.querySelectorAll("#panels article").forEach((article) => {
    paint(article.querySelector("canvas"), panels.get(article.querySelector("h2").textContent).map);
  });
}

function paint(canvas, map) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const { width, height } = canvas;
  const hasPhoto = $("with_photo").checked;
  context.drawImage(photo, 0, 0, width, height);
  if (!map) return;
  const below = context.getImageData(0, 0, width, height);
  context.drawImage(map, 0, 0, width, height);
  const levels = context.getImageData(0, 0, width, height).data;
  for (let i = 0; i < levels.length; i += 4) {
    const cover = hasPhoto ? (COVER * levels[i]) / 255 : 1;
    const colour = start.colours[levels[i]];
    for (let j = 0; j < 3; j++) below.data[i + j] = (1 - cover) * below.data[i + j] + cover * colour[j];
  }
  context.putImageData(below, 0, 0);
}

// Controls.
function readPrompts() {
  if ($("prompts")) choice.prompts = $("prompts").value.split("\n").map((line) => line.trim()).filter(Boolean);
  $("min_votes").max = Math.max(2, choice.prompts.length);
}

function showValues() {
  SLIDERS.filter($).forEach((id) => {
    $(id).value = choice[id];
    document.querySelector(`output[for="${id}"]`).textContent = choice[id];
  });
  $("strategy").value = choice.strategy;
  $("min_votes").disabled = choice.strategy !== "majority";
}

SLIDERS.filter($).forEach((id) => $(id).addEventListener("input", () => {
  choice[id] = Number($(id).value);
  showValues();
  look();
}));
$("strategy").addEventListener("change", () => {
  choice.strategy = $("strategy").value;
  showValues();
  look();
});
["with_photo", "with_boxes", "with_dropped"].forEach((id) => $(id).addEventListener("change", paintAll));
$("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  readPrompts();
  look();
});
$("prompts")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("controls").requestSubmit();
});

// Images.
let sought = ""; // Previous and Next go through the images that have it in their ids
async function listImages() {
  const found = await ask(`/images?find=${encodeURIComponent(sought)}`);
  $("ids").replaceChildren(...found.ids.map((id) => {
    const option = document.createElement("option");
    option.value = id;
    return option;
  }));
  const isPart = sought && !found.ids.includes(sought);
  const those = isPart ? `${found.total} fit “${sought}”, through which Previous and Next go` : `${found.total} fit`;
  $("counted").textContent = `${those}; or drop an image anywhere on this page`;
}
$("image").addEventListener("input", (event) => {
  // What is picked from the list is one of those that were sought.
  const isPicked = !event.inputType || event.inputType === "insertReplacementText";
  if (!isPicked) sought = $("image").value.trim();
  listImages().catch(tell);
});
$("image").addEventListener("change", () => chooseImage($("image").value.trim()));
function chooseImage(id) {
  choice.image = `image:${id}`;
  $("image").value = id;
  listImages().catch(tell);
  look();
}
async function step(by) {
  try {
    const found = await ask(`/step?name=${encodeURIComponent(choice.image)}&by=${by}&find=${encodeURIComponent(sought)}`);
    chooseImage(found.id);
  } catch (error) {
    tell(error);
  }
}
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
async function takeFile(file) {
  if (!file) return;
  if (file.size > start.most_bytes) { // the server would hang up in the midst of it
    const megabytes = (bytes) => Math.round(bytes / 2 ** 20);
    const sizes = `${file.name} has ${megabytes(file.size)} MB, and ${megabytes(start.most_bytes)} MB can be dropped in`;
    tell(new Error(`${sizes}; put it among the images (data.images), or make it smaller`));
    return;
  }
  try {
    choice.image = (await ask(`/drop?file=${encodeURIComponent(file.name)}`, new Blob([file]))).name;
    $("image").value = sought = "";
    $("counted").textContent = `${file.name}, an image of your own`;
    look();
  } catch (error) {
    tell(error);
  }
}
$("file").addEventListener("change", () => takeFile($("file").files[0]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("is-dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("is-dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("is-dropping");
  takeFile(event.dataTransfer.files[0]);
});

// What is kept. What is told of it is no longer of what is chosen once anything changes.
$("controls").addEventListener("input", () => { $("saved").hidden = true; });
async function keep(isStudy) {
  readPrompts();
  $("saved").hidden = true;
  try {
    const kept = await ask("/save", { name: $("name").value, choice, is_study: isStudy });
    $("saved").hidden = false;
    $("saved").textContent = kept.text;
    $("saved").focus();
    tell(null);
  } catch (error) {
    tell(error);
  }
}
$("save").addEventListener("click", () => keep(false));
$("study").addEventListener("click", () => keep(true));

const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map((i) => `rgb(${start.colours[i].join(" ")})`);
document.querySelector(".bar").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
$("name").value = start.name;
$("image").value = choice.image.replace(/^image:/, "");
if ($("prompts")) $("prompts").value = choice.prompts.join("\n");
readPrompts();
showValues();
listImages().catch(tell);
look();

// Ranking, which goes on while the page is used.
async function follow() {
  const state = await ask("/rank");
  $("progress").max = state.total;
  $("progress").value = state.done;
  if (state.error) throw new Error(state.error);
  if (state.ranked === null) {
    setTimeout(() => follow().catch(stopRanking), 300);
    return;
  }
  $("progress").hidden = true;
  $("ranked").replaceChildren(...state.ranked.map((text) => element("li", text)));
  $("ranked_said").replaceChildren(...state.said.map((text) => element("p", text, "hint")));
}
function stopRanking(error) {
  $("progress").hidden = true;
  tell(error);
}
$("rank")?.addEventListener("click", async () => {
  readPrompts();
  try {
    await ask("/rank", choice);
    $("ranked").replaceChildren();
    $("ranked_said").replaceChildren();
    $("progress").hidden = false;
    tell(null);
    await follow();
  } catch (error) {
    stopRanking(error);
  }
});
