"use strict";

/*
 * A list of videos to choose from, the controls above the chosen one's time axis, and the film beside it. `root` has
 * a data block `<id>-index`, and per video a compressed one, `<id>-<number>`; its parts are named by `data-part`.
 */

const ORDERS = {
  worst: (a, b) => a.quality - b.quality,
  best: (a, b) => b.quality - a.quality,
  name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
  longest: (a, b) => b.duration - a.duration,
  instances: (a, b) => b.instances - a.instances,
};

class Browser {
  constructor(root) {
    this.root = root;
    this.index = block(`${root.id}-index`);
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    const names = ["search", "sort", "count", "list", "name", "facts", "source", "tiou", "threshold", "score"];
    names.push("proposals", "classes", "chart", "detail", "film", "player", "film-note");
    this.part = Object.fromEntries(names.map((name) => [name, part(name)]));
    this.state = { source: 0, tiou: this.firstTiou(), threshold: 0, off: new Set(), proposals: false };
    this.contents = new Map();
    this.timeline = new Timeline(this.part.chart, this.index, {
      seek: (seconds) => this.seek(seconds),
      tell: (lines) => (this.part.detail.textContent = lines.join(" · ")),
    });
    this.options = this.index.videos.map((video, number) => this.option(video, number));
    this.fillControls();
    this.listen();
    this.chooseSource(0);
    this.sort();
    if (this.shown.length) this.choose(this.shown[0]);
  }

  /** The threshold of the diagnosis in the literature, 0.5, or the middle one. */
  firstTiou() {
    const at = this.index.tiou.indexOf(0.5);
    return at < 0 ? Math.floor((this.index.tiou.length - 1) / 2) : at;
  }

  /** An entry of the list. */
  option(video, number) {
    const item = html("li", { role: "option", id: `${this.root.id}-option-${number}`, "aria-selected": "false" });
    item.dataset.number = number;
    html("span", { parent: item, class: "video-name", text: video.name, title: video.name });
    html("span", { parent: item, class: "video-facts", text: "" });
    const meter = svg("svg", { parent: item, class: "meter", viewBox: "0 0 100 3", preserveAspectRatio: "none", "aria-hidden": "true" });
    svg("rect", { parent: meter, class: "meter-back", width: 100, height: 3 });
    svg("rect", { parent: meter, class: "meter-bar", width: 0, height: 3 });
    return item;
  }

  /** Sources, thresholds and classes. */
  fillControls() {
    this.index.sources.forEach((source, number) => html("option", { parent: this.part.source, value: number, text: source.name }));
    this.index.tiou.forEach((tiou, number) => html("option", { parent: this.part.tiou, value: number, text: `tIoU ${tiou}` }));
    this.part.tiou.value = this.state.tiou;
    this.index.classes.forEach((name, label) => {
      const button = html("button", { parent: this.part.classes, type: "button", "aria-pressed": "true", text: name, title: name });
      button.dataset.label = label;
    });
  }

  listen() {
    const { search, sort, source, tiou, threshold, proposals, classes, list, player } = this.part;
    search.addEventListener("input", () => this.sort());
    sort.addEventListener("change", () => this.sort());
    source.addEventListener("change", () => this.chooseSource(+source.value));
    tiou.addEventListener("change", () => this.set({ tiou: +tiou.value }));
    threshold.addEventListener("input", () => this.set({ threshold: +threshold.value }));
    proposals?.addEventListener("change", () => this.set({ proposals: proposals.checked }));
    classes.addEventListener("click", (event) => this.toggle(event.target.closest("button")));
    list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.choose(+item.dataset.number);
    });
    list.addEventListener("keydown", (event) => this.listKey(event));
    for (const button of this.root.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.timeline.zoomBy(+button.dataset.zoom));
    }
    player.addEventListener("error", () => this.noFilm());
    player.addEventListener("seeked", () => this.timeline.play(player.currentTime));
    player.addEventListener("timeupdate", () => this.timeline.play(player.currentTime));
  }

  /** How well a video went by the chosen source; null where nobody knows. */
  quality(number) {
    return this.index.videos[number].quality[this.state.source];
  }

  /** Order the list, and leave out what the search does not find. */
  sort() {
    const words = this.part.search.value.trim().toLowerCase();
    const order = ORDERS[this.part.sort.value];
    const unknown = this.part.sort.value === "best" ? -Infinity : Infinity; // in either order at the end
    const entry = (number) => ({ ...this.index.videos[number], quality: this.quality(number) ?? unknown });
    this.shown = this.index.videos.flatMap((video, number) => (video.name.toLowerCase().includes(words) ? [number] : []));
    this.shown.sort((a, b) => order(entry(a), entry(b)) || a - b);
    this.part.list.replaceChildren(...this.shown.map((number) => this.options[number]));
    const all = this.index.videos.length;
    this.part.count.textContent = this.shown.length === all ? `${all} videos` : `${this.shown.length} of ${all} videos`;
  }

  /** Draw the bars of a source, from the score on that suits it. */
  chooseSource(number) {
    const { lowest, highest, first } = this.index.sources[number];
    const { threshold } = this.part;
    Object.assign(this.state, { source: number, threshold: first });
    threshold.min = lowest;
    threshold.max = highest;
    threshold.step = highest - lowest > 10 ? 0.01 : 0.0001;
    threshold.value = first;
    this.options.forEach((item, row) => this.fillOption(item, row));
    this.sort();
    if (this.chosen !== undefined) this.choose(this.chosen);
  }

  /** What an entry of the list says of its video. */
  fillOption(item, number) {
    const { duration, instances } = this.index.videos[number];
    const quality = this.quality(number);
    const facts = [clock(duration, duration >= LONG)];
    if (instances !== null) facts.push(instances === 1 ? "1 instance" : `${instances} instances`);
    if (quality !== null && quality !== undefined) facts.unshift(`${quality.toFixed(1)} %`);
    item.querySelector(".video-facts").textContent = facts.join(" · ");
    item.querySelector(".meter-bar").setAttribute("width", quality ?? 0);
  }

  /** Open a video. */
  async choose(number) {
    const before = this.options[this.chosen];
    before?.setAttribute("aria-selected", "false");
    this.chosen = number;
    this.options[number].setAttribute("aria-selected", "true");
    this.part.list.setAttribute("aria-activedescendant", this.options[number].id);
    if (!this.contents.has(number)) this.contents.set(number, await unpacked(`${this.root.id}-${number}`));
    if (this.chosen !== number) return; // another one was chosen meanwhile
    const video = this.index.videos[number];
    this.part.name.textContent = video.name;
    this.timeline.zoom = 1;
    this.timeline.show(video, this.contents.get(number), this.state.source);
    this.film(video.film);
    this.dimClasses();
    this.set({});
    this.root.dataset.ready = number; // the drawing is there
  }

  /** Take over what changed, and show it. */
  set(change) {
    Object.assign(this.state, change);
    if (!this.timeline.video) return;
    this.timeline.update(this.state);
    const bars = this.timeline.bars;
    const shown = this.timeline.visible().length;
    this.part.score.textContent = this.state.threshold.toFixed(3);
    const known = bars.all > bars.score.length ? ` (the best of ${bars.all})` : "";
    const kind = this.index.bar === "detection" ? "detections" : `${this.index.bar}s`;
    this.part.facts.textContent = `${shown} of ${bars.score.length} ${kind} shown${known}`;
  }

  /** Classes of which a video holds nothing are faint. */
  dimClasses() {
    for (const button of this.part.classes.querySelectorAll("[data-label]")) {
      button.classList.toggle("empty", !this.timeline.rows.has(+button.dataset.label));
    }
  }

  /** Show or hide a class, or all of them. */
  toggle(button) {
    if (!button) return;
    const { off } = this.state;
    const label = +button.dataset.label;
    if (button.dataset.all === "on") off.clear();
    else if (button.dataset.all === "off") this.index.classes.forEach((_, each) => off.add(each));
    else if (!off.delete(label)) off.add(label);
    for (const each of this.part.classes.querySelectorAll("[data-label]")) {
      each.setAttribute("aria-pressed", String(!off.has(+each.dataset.label)));
    }
    this.set({});
  }

  /** Arrows, Home and End choose another video of the list. */
  listKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || !this.shown.length) return;
    event.preventDefault();
    const next = Math.min(Math.max(this.shown.indexOf(this.chosen) + step, 0), this.shown.length - 1);
    this.choose(this.shown[next]);
    this.options[this.shown[next]].scrollIntoView({ block: "nearest" });
  }

  /** Load the film of a video, where there is one. */
  film(address) {
    const { film, player } = this.part;
    this.part["film-note"].textContent = "";
    film.hidden = !address;
    this.timeline.play(null);
    if (address) player.src = address;
    else player.removeAttribute("src");
  }

  /** Say that a film cannot be played. */
  noFilm() {
    if (!this.part.player.hasAttribute("src")) return;
    this.part["film-note"].textContent = `${decodeURI(this.part.player.getAttribute("src"))}: cannot be played here`;
  }

  /** Go to a time of the film. */
  seek(seconds) {
    const { player, film } = this.part;
    if (film.hidden) return;
    player.currentTime = seconds;
  }
}

for (const root of document.querySelectorAll(".browser")) root.browser = new Browser(root);
