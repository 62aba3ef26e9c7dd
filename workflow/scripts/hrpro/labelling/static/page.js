// The page: the list of videos, what is open, and the keys.

import { Curves } from "./curves.js";
import { Film } from "./film.js";
import { Labels, keyOf } from "./labels.js";
import { Model } from "./model.js";
import { Timeline } from "./timeline.js";

const KEYS = "123456789abcdefghijklmnopqrstuvwxyz";
const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const HUES = 360 / 1.618; // neighbours far apart
const BREAK = 20_000; // milliseconds without a key or a click, from which nobody is labelling
const NOTHING = ["nothing"];
const ORDERING = 1000; // milliseconds between two looks at whether the videos' order is known

const $ = (id) => document.getElementById(id);
const labels = new Labels();
const film = new Film($("film"));
const curves = new Curves($("curves"), $("legend"));
const timeline = new Timeline($("scroll"), $("track"), $("playhead"));
const model = new Model($("model"));

let player = film; // film or curves, whichever the video has
let open = null; // the video: { name, kind, number, button }
let unsureFrom = null; // seconds
let isOrdered = false; // the videos, by which to label next
let lastInput = Date.now();
const session = { seconds: 0, unsent: 0, seen: 0 };

// --- labelling

function act(video, marks) {
  const { unsent: spent, seen } = session;
  session.unsent = 0;
  labels.act(video, { ...marks, spent, seen });
}

function rounded(seconds) {
  return Math.round(seconds * 1000) / 1000;
}

function put(label, seconds = player.time) {
  if (!open || !player.duration) return;
  const mark = ["point", rounded(seconds), label];
  const nothing = labels.of(open.name).some((other) => other[0] === "nothing");
  act(open.name, { add: [mark], remove: nothing ? [NOTHING] : [] });
  timeline.select(mark);
}

function move(mark, seconds) {
  const moved = ["point", rounded(player.snap(seconds)), mark[2]];
  if (keyOf(moved) === keyOf(mark)) return;
  act(open.name, { add: [moved], remove: [mark] });
  timeline.select(moved);
  player.seek(moved[1]);
}

function nudge(frames) {
  const mark = timeline.selected;
  if (mark?.[0] !== "point") return;
  player.seek(mark[1]);
  player.step(frames);
  move(mark, player.position);
}

function remove() {
  if (timeline.selected) act(open.name, { remove: [timeline.selected] });
}

function toggleNothing() {
  if (!open) return;
  const marks = labels.of(open.name);
  if (marks.some((mark) => mark[0] === "nothing")) act(open.name, { remove: [NOTHING] });
  else if (marks.some((mark) => mark[0] === "point")) say("The video has points; remove them first.");
  else act(open.name, { add: [NOTHING] });
}

// --- what the model detects

function accept() {
  const detection = model.current(player.position);
  if (!detection || !player.duration) return;
  put(detection.label, player.snap(detection.moment));
  goOn(detection);
}

function reject() {
  const detection = model.current(player.position);
  if (!detection) return;
  act(open.name, { add: [["rejected", detection.start, detection.end, detection.label]] });
  goOn(detection);
}

// To the next detection, unless the film plays on to it.
function goOn({ moment }) {
  const next = model.beside(moment, 1);
  if (next && !player.isPlaying) choose(next);
  else drawModel();
}

function chooseBeside(direction) {
  const detection = model.beside(model.chosen?.moment ?? player.position, direction);
  if (detection) choose(detection);
}

function choose(detection) {
  if (!detection.isDone) model.chosen = detection;
  player.seek(detection.moment);
  drawModel();
}

function startUnsure() {
  unsureFrom = player.time;
  drawState();
}

function endUnsure() {
  if (unsureFrom === null) return;
  const [start, end] = [unsureFrom, player.time].sort((a, b) => a - b).map(rounded);
  unsureFrom = null;
  if (end > start) act(open.name, { add: [["unsure", start, end]] });
  drawState();
}

function step(direction) {
  const video = labels[direction]();
  const entry = labels.videos.find(({ name }) => name === video);
  if (entry && entry !== open) show(entry);
}

function selectBeside(direction) {
  const points = labels.points(open.name);
  const at = player.position;
  const beside = direction > 0 ? points.find((p) => p[1] > at + 1e-3) : points.findLast((p) => p[1] < at - 1e-3);
  if (!beside) return;
  timeline.select(beside);
  player.seek(beside[1]);
}

// --- videos

function show(video) {
  if (open) sendTime();
  open?.button.removeAttribute("aria-current");
  open = video;
  unsureFrom = null;
  session.seen = labels.seen.get(video.name) ?? 0;
  video.button.setAttribute("aria-current", "true");
  bringIntoList(video.button);
  $("name").scrollIntoView({ block: "nearest" });
  $("name").textContent = video.name;
  player.close();
  player = video.kind === "curves" ? curves : film;
  const isFilm = player === film;
  for (const id of ["film", "waiting"]) $(id).hidden = true;
  $("stage").classList.toggle("curves", !isFilm);
  $("track").classList.toggle("tall", !isFilm);
  $("curves").toggleAttribute("hidden", isFilm);
  $("legend").hidden = isFilm;
  $("film").hidden = video.kind !== "film";
  for (const id of ["play", "speed"]) $(id).disabled = !isFilm;
  timeline.clear();
  timeline.duration = 0;
  model.close();
  if (labels.hasModel) model.open(video.number).catch((error) => say(String(error)));
  hush();
  player.open(video.number, video.kind).catch((error) => say(String(error)));
  drawMarks();
}

function beside(direction) {
  const listed = labels.videos.filter((video) => !video.button.parentElement.hidden);
  const place = listed.indexOf(open);
  const video = listed[place < 0 ? 0 : place + direction];
  if (video) show(video);
}

// As scrollIntoView, which would scroll the page too, and the film out of it.
function bringIntoList(button) {
  const list = $("videos").getBoundingClientRect();
  const { top, bottom } = button.getBoundingClientRect();
  $("videos").scrollTop += Math.min(top - list.top, 0) + Math.max(bottom - list.bottom, 0);
}

function listVideos() {
  const items = labels.videos.map((video, number) => {
    const item = document.createElement("li");
    video.number = number;
    video.button = document.createElement("button");
    video.state = document.createElement("small");
    video.bar = document.createElement("i");
    video.button.append(video.name, video.state, video.bar);
    video.button.addEventListener("click", () => show(video));
    item.append(video.button);
    return item;
  });
  $("videos").replaceChildren(...items);
  for (const video of labels.videos) drawEntry(video);
  drawProgress();
}

function drawEntry(video) {
  const marks = labels.of(video.name);
  const count = (kind) => marks.filter((mark) => mark[0] === kind).length;
  const parts = [];
  if (count("point")) parts.push(`${count("point")} ${count("point") === 1 ? "point" : "points"}`);
  if (count("nothing")) parts.push("nothing happens");
  video.isLabelled = parts.length > 0;
  if (count("unsure")) parts.push(`${count("unsure")} unsure`);
  video.state.textContent = parts.join(", ") || "no label";
  const others = video.covers - 1; // covers counts the video itself
  const alike = others === 1 ? "1 other video is" : `${others} other videos are`;
  video.state.title = !video.isLabelled && others > 0 ? `${alike} more like it than like any above or with labels` : "";
  video.button.classList.toggle("labelled", video.isLabelled);
  video.bar.style.setProperty("--seen", `${100 * (labels.seen.get(video.name) ?? 0)}%`);
  video.bar.title = "how much of it has been shown";
}

function drawProgress() {
  const done = labels.videos.filter((video) => video.isLabelled).length;
  const order = !labels.hasModel ? "" : isOrdered ? "; the others in the order that teaches most" : "; their order is being worked out";
  $("progress").textContent = `${done} of ${labels.videos.length} labelled${order}`;
}

// Ask for the order once; whether it is known.
async function order() {
  const { order: ranks } = await (await fetch("order")).json();
  if (!ranks) return false;
  const places = new Map(ranks.map(({ video }, place) => [video, place]));
  for (const video of labels.videos) video.covers = ranks[places.get(video.name)]?.covers;
  const group = (video) => (video.isLabelled ? 2 : Number(!places.has(video.name)));
  labels.videos.sort((a, b) => group(a) - group(b) || (group(a) ? 0 : places.get(a.name) - places.get(b.name)) || a.number - b.number);
  $("videos").append(...labels.videos.map(({ button }) => button.parentElement));
  isOrdered = true;
  labels.videos.forEach(drawEntry);
  drawProgress();
  if (open) bringIntoList(open.button);
  return true;
}

async function orderLater() {
  do await new Promise((resolve) => setTimeout(resolve, ORDERING));
  while (!(await order()));
}

function filter() {
  const words = $("search").value.normalize("NFC").toLowerCase();
  for (const video of labels.videos) {
    const isWanted = video.name.toLowerCase().includes(words) && !($("to-do").checked && video.isLabelled && video !== open);
    video.button.parentElement.hidden = !isWanted;
  }
}

// --- drawing

function looks() {
  return new Map(labels.classes.map((label, i) => [label, { key: KEYS[i] ?? "", hue: Math.round(i * HUES) % 360, lane: i }]));
}

function drawClasses() {
  if ($("classes").childElementCount === labels.classes.length) return;
  const buttons = [...looks()].map(([label, { key, hue }]) => {
    const button = document.createElement("button");
    button.style.setProperty("--hue", hue);
    if (key) button.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    button.append(label);
    button.addEventListener("click", () => put(label));
    return button;
  });
  $("classes").replaceChildren(...buttons);
}

function drawMarks() {
  drawClasses();
  if (open && timeline.duration) {
    const pending = new Set(
      labels.queue.filter((action) => action.video === open.name).flatMap((action) => action.add.map(keyOf)),
    );
    timeline.draw(labels.marks.get(open.name) ?? new Map(), looks(), pending);
    model.update(labels.of(open.name));
    model.draw(timeline.duration, looks());
  }
  drawState();
  drawModel();
}

function drawModel() {
  if (!labels.hasModel) return;
  const detection = model.current(player.position);
  const { length } = model.left;
  model.lit = detection;
  let words = model.message || "the model is at work";
  if (detection) words = `${detection.label} at ${clock(detection.moment)}, score ${detection.score.toFixed(2)}; ${length} left`;
  else if (model.isReady) words = model.shown.length ? "all that the model detects here is done" : "the model detects nothing here";
  if ($("detection").value !== words) $("detection").value = words;
  for (const id of ["accept", "reject"]) $(id).disabled = !detection;
}

function drawState() {
  const marks = open ? labels.of(open.name) : [];
  $("nothing").setAttribute("aria-pressed", marks.some((mark) => mark[0] === "nothing"));
  $("unsure").setAttribute("aria-pressed", unsureFrom !== null);
  $("unsure").lastChild.textContent = unsureFrom === null ? " unsure from here" : ` unsure from ${clock(unsureFrom)} to here`;
  $("unsure").firstElementChild.textContent = unsureFrom === null ? "[" : "]";
  $("undo").disabled = !labels.canUndo;
  $("redo").disabled = !labels.canRedo;
  const [kind, start, end] = timeline.selected ?? [];
  $("delete").disabled = !kind;
  $("selected").value = { point: `${end} at ${clock(start ?? 0)}`, unsure: `unsure from ${clock(start ?? 0)}` }[kind] ?? "";
}

function drawPosition() {
  if (player.duration !== timeline.duration) {
    timeline.clear();
    timeline.duration = player.duration;
    drawMarks();
  }
  timeline.position = player.position;
  drawModel();
  const { place } = player;
  $("clock").value = `${clock(player.position)} of ${clock(player.duration)}${place ? `, ${place}` : ""}`;
  const verb = player.isPlaying ? "stop" : "play";
  if ($("play").textContent !== verb) $("play").textContent = verb;
  if (player.duration) session.seen = Math.max(session.seen, Math.min(player.position / player.duration, 1));
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

function drawSaved() {
  const count = labels.queue.length;
  $("saved").classList.toggle("failed", Boolean(labels.failure));
  $("saved").classList.toggle("waiting", !labels.failure && count > 0);
  if (labels.failure) $("saved").textContent = count ? `${count} not saved: ${labels.failure}` : labels.failure;
  else $("saved").textContent = count ? "saving" : `saved in ${labels.file}`;
}

function drawSpeedOfWork() {
  const minutes = session.seconds / 60;
  const rate = minutes > 0.1 ? `, ${(labels.balance / minutes).toFixed(1)} per minute` : "";
  $("speed-of-work").textContent = `${labels.balance} ${labels.balance === 1 ? "point" : "points"} in ${clock(session.seconds).slice(0, -3)}${rate}`;
}

function say(text) {
  $("message").textContent = text;
  $("message").hidden = false;
}

function hush() {
  $("message").hidden = true;
}

// --- time

function tick() {
  const isLabelling = player.isPlaying || Date.now() - lastInput < BREAK;
  if (open && !document.hidden && isLabelling) {
    session.seconds += 1;
    session.unsent += 1;
    drawSpeedOfWork();
  }
}

function sendTime() {
  if (session.unsent) act(open.name, {});
}

// --- keys

function keyed(event) {
  lastInput = Date.now();
  const { key, target } = event;
  if (target.matches("input:not([type=range]):not([type=checkbox])")) {
    if (key === "Escape") target.blur();
    return;
  }
  const action = commandOf(event);
  const isControl = target.matches("button:not(.point, .unsure, .detection), summary, [type=checkbox]");
  if (!action || ([" ", "Enter"].includes(key) && isControl)) return;
  event.preventDefault();
  hush();
  action();
}

function commandOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (ctrlKey || metaKey) {
    const letter = key.toLowerCase();
    if (letter === "z") return () => step(shiftKey ? "redo" : "undo");
    return letter === "y" ? () => step("redo") : undefined;
  }
  const right = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (right && altKey) return () => nudge(right);
  if (right) return () => (shiftKey ? player.skip(right) : player.step(right));
  if (altKey) return undefined;
  const commands = {
    " ": () => player.toggle(),
    ArrowUp: () => beside(-1),
    ArrowDown: () => beside(1),
    PageUp: () => selectBeside(-1),
    PageDown: () => selectBeside(1),
    Delete: remove,
    "-": () => setSpeed(-1),
    "+": () => setSpeed(1),
    "=": () => setSpeed(1),
    0: toggleNothing,
    "[": startUnsure,
    "]": endUnsure,
    "/": () => $("search").focus(),
  };
  const ofModel = { Enter: accept, Backspace: reject, ",": () => chooseBeside(-1), ".": () => chooseBeside(1) };
  if (labels.hasModel && ofModel[key]) return ofModel[key];
  if (commands[key]) return commands[key];
  const label = key.length === 1 ? labels.classes[KEYS.indexOf(key.toLowerCase())] : undefined;
  return label === undefined ? undefined : () => put(label);
}

function setSpeed(direction) {
  const place = SPEEDS.indexOf(Number($("speed").value)) + direction;
  if (SPEEDS[place]) $("speed").value = SPEEDS[place];
  film.speed = Number($("speed").value);
}

// --- beginning

for (const speed of SPEEDS) $("speed").add(new Option(`${speed}`, speed, speed === 1, speed === 1));

labels.addEventListener("change", ({ detail: video }) => {
  const entries = video === null ? labels.videos : labels.videos.filter(({ name }) => name === video);
  entries.forEach(drawEntry);
  drawProgress();
  if (!video || video === open?.name) drawMarks();
  else drawState();
  drawSaved();
  drawSpeedOfWork();
});
labels.addEventListener("saved", () => { drawMarks(); drawSaved(); });
labels.addEventListener("failed", drawSaved);
labels.addEventListener("refused", ({ detail }) => { say(`Not done: ${detail}.`); drawSaved(); });
labels.addEventListener("others", ({ detail: actions }) => {
  const count = (list) => actions.reduce((sum, action) => sum + action[list].length, 0);
  const who = actions.some(({ by }) => by === "file") ? `Another program has changed ${labels.file}` : "Another tab has labelled";
  say(`${who}: ${count("add")} added, ${count("remove")} removed; shown here too.`);
});
for (const each of [film, curves]) {
  each.addEventListener("change", () => { if (each === player) drawPosition(); });
  each.addEventListener("failed", ({ detail }) => say(detail));
}
film.addEventListener("converting", ({ detail: share }) => {
  const isDone = share === null;
  $("waiting").hidden = isDone;
  $("film").hidden = !isDone;
  $("waiting").firstElementChild.textContent = "making a film that the browser plays";
  $("waiting").lastElementChild.value = share ?? 1;
});
timeline.addEventListener("seek", ({ detail }) => player.seek(detail));
timeline.addEventListener("move", ({ detail: { mark, seconds } }) => move(mark, seconds));
timeline.addEventListener("select", drawState);
timeline.addEventListener("choose", ({ detail }) => choose(detail));
model.addEventListener("change", drawMarks);

const clicks = {
  play: () => player.toggle(),
  "frame-back": () => player.step(-1),
  "frame-on": () => player.step(1),
  "second-back": () => player.skip(-1),
  "second-on": () => player.skip(1),
  undo: () => step("undo"),
  redo: () => step("redo"),
  delete: remove,
  accept,
  reject,
  nothing: toggleNothing,
  unsure: () => (unsureFrom === null ? startUnsure() : endUnsure()),
};
for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", () => { hush(); action(); });
$("speed").addEventListener("change", () => { film.speed = Number($("speed").value); $("speed").blur(); });
$("zoom").addEventListener("input", () => { timeline.zoom = 2 ** Number($("zoom").value); });
$("search").addEventListener("input", filter);
$("to-do").addEventListener("change", filter);
$("new-class").addEventListener("submit", (event) => {
  event.preventDefault();
  const label = $("class-name").value.normalize("NFC").trim();
  $("class-name").value = "";
  $("class-name").blur();
  if (label && !labels.classes.includes(label)) labels.act("", { add: [["class", label]] });
});
document.addEventListener("keydown", keyed);
document.addEventListener("pointerdown", () => { lastInput = Date.now(); });
document.addEventListener("click", (event) => {
  if (event.detail) event.target.closest("button, input[type=range], input[type=checkbox]")?.blur(); // a mouse: keys are for the film again
});
addEventListener("beforeunload", (event) => { if (labels.queue.length) event.preventDefault(); });
addEventListener("pagehide", () => { if (open && session.unsent) labels.leave(open.name, session.unsent, session.seen); });
setInterval(tick, 1000);
(function follow() {
  if (player.isPlaying) drawPosition();
  requestAnimationFrame(follow);
})();

try {
  await labels.load();
  listVideos();
  drawClasses();
  drawSaved();
  drawSpeedOfWork();
  for (const element of document.querySelectorAll("[data-model]")) element.hidden = !labels.hasModel;
  if (labels.hasModel && !(await order())) orderLater().catch((error) => say(String(error)));
  show(labels.videos.find((video) => !video.isLabelled) ?? labels.videos[0]);
} catch (error) {
  $("saved").className = "failed";
  $("saved").textContent = error.message;
}
