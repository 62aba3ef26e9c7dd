// Points and unsure stretches on a time axis: to select, drag and click beside.

import { keyOf } from "./labels.js";

const LANES = 4;
const APART = 4; // pixels, up to which a point in its lane covers another
const DRAGGED = 3; // pixels, from which a press is no click

export class Timeline extends EventTarget {
  selected = null; // a mark
  duration = 0;
  #scroll;
  #track;
  #playhead;
  #marks = new Map(); // by their keys
  #elements = new Map(); // key of a mark -> its element
  #pending = new Set(); // keys of marks that are drawn as not saved yet
  #looks; // class -> { key, hue, lane }

  constructor(scroll, track, playhead) {
    super();
    this.#scroll = scroll;
    this.#track = track;
    this.#playhead = playhead;
    track.addEventListener("pointerdown", (event) => this.#press(event));
    scroll.addEventListener("scroll", () => this.#redraw());
    new ResizeObserver(() => this.#redraw()).observe(track); // zoomed, too
  }

  set zoom(times) {
    const middle = (this.#scroll.scrollLeft + this.#scroll.clientWidth / 2) / this.#track.clientWidth;
    this.#track.style.setProperty("--zoom", times);
    this.#scroll.scrollLeft = middle * this.#track.clientWidth - this.#scroll.clientWidth / 2;
  }

  // marks, pending: by their keys; looks: class -> { key, hue, lane }
  draw(marks, looks, pending) {
    for (const key of this.#pending) if (!pending.has(key)) this.#elements.get(key)?.classList.remove("pending");
    this.#marks = marks;
    this.#looks = looks;
    this.#pending = pending;
    if (this.selected && !marks.has(keyOf(this.selected))) this.select(null);
    this.#redraw();
  }

  // Touches what has changed alone.
  #redraw() {
    if (!this.duration) return;
    const shown = this.#shown();
    for (const [key, element] of this.#elements) {
      if (shown.has(key)) continue;
      element.remove();
      this.#elements.delete(key);
    }
    const added = document.createDocumentFragment();
    for (const [key, mark] of shown) {
      if (this.#elements.has(key)) continue;
      const element = this.#element(mark);
      this.#elements.set(key, element);
      added.append(element);
    }
    if (added.childElementCount) this.#track.append(added);
    for (const key of this.#pending) this.#elements.get(key)?.classList.add("pending");
    if (this.selected) this.#elements.get(keyOf(this.selected))?.classList.add("selected");
  }

  // The marks that get an element: points out of view do not, nor those that another one covers. Thousands of
  // elements would slow down each key and each picture of the film.
  #shown() {
    const width = this.#track.clientWidth;
    const { scrollLeft, clientWidth } = this.#scroll;
    const selected = this.selected && keyOf(this.selected);
    const places = new Set();
    const shown = new Map();
    for (const [key, mark] of this.#marks) {
      const [kind, start, label] = mark;
      if (kind === "point" && key !== selected && !this.#pending.has(key)) {
        const left = (width * start) / this.duration;
        const place = Math.floor(left / APART) * LANES + (this.#looks.get(label).lane % LANES);
        if (left < scrollLeft - clientWidth || left > scrollLeft + 2 * clientWidth || places.has(place)) continue;
        places.add(place);
      }
      if (kind === "point" || kind === "unsure") shown.set(key, mark);
    }
    return shown;
  }

  clear() {
    for (const element of this.#elements.values()) element.remove();
    this.#elements.clear();
    this.#marks = new Map();
    this.select(null);
  }

  select(mark) {
    if (this.selected) this.#elements.get(keyOf(this.selected))?.classList.remove("selected");
    this.selected = mark;
    if (mark) this.#redraw();
    this.dispatchEvent(new CustomEvent("select"));
  }

  // Move the playhead, and what is in view with it. It is as wide as the track, and a layer of its own: a
  // film that plays moves it with each picture, and the points are neither laid out nor painted again.
  set position(seconds) {
    const share = this.duration ? Math.min(seconds / this.duration, 1) : 0;
    this.#playhead.style.transform = `translateX(${share * 100}%)`;
    const place = share * this.#track.clientWidth - this.#scroll.scrollLeft;
    if (place < 0 || place > this.#scroll.clientWidth) this.#scroll.scrollLeft += place - this.#scroll.clientWidth / 4;
  }

  #element(mark) {
    const element = document.createElement("button");
    element.type = "button";
    element.tabIndex = -1;
    element.mark = mark;
    const [kind, start, end] = mark;
    if (kind === "point") {
      const look = this.#looks.get(end);
      element.className = "point";
      element.textContent = look.key || "•";
      element.title = `${end}, ${start.toFixed(3)} s`;
      element.style.setProperty("--hue", look.hue);
      element.style.setProperty("--lane", look.lane % LANES);
    } else {
      element.className = "unsure";
      element.title = `unsure, ${start.toFixed(2)} to ${end.toFixed(2)} s`;
      element.style.width = `${(100 * (end - start)) / this.duration}%`;
    }
    element.setAttribute("aria-label", element.title);
    element.style.left = `${(100 * start) / this.duration}%`;
    return element;
  }

  #secondsAt(event) {
    const box = this.#track.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * this.duration;
  }

  #press(event) {
    if (event.button !== 0) return;
    const element = event.target.closest("button");
    if (!element) {
      this.#follow(event, (at) => this.#say("seek", this.#secondsAt(at)));
      this.#say("seek", this.#secondsAt(event));
      return;
    }
    event.preventDefault();
    const { mark, detection } = element;
    if (detection) return this.#say("choose", detection);
    const offset = this.#secondsAt(event) - mark[1];
    let isDragged = false;
    this.select(mark);
    this.#say("seek", mark[1]);
    if (mark[0] !== "point") return;
    const move = (at) => {
      isDragged ||= Math.abs(at.clientX - event.clientX) >= DRAGGED;
      if (!isDragged) return;
      const seconds = Math.min(Math.max(this.#secondsAt(at) - offset, 0), this.duration);
      element.style.left = `${(100 * seconds) / this.duration}%`;
      this.#say("seek", seconds);
    };
    const drop = (at) => {
      if (!isDragged) return;
      element.style.left = `${(100 * mark[1]) / this.duration}%`; // until it is moved
      if (at.type === "pointerup") this.#say("move", { mark, seconds: this.#secondsAt(at) - offset });
    };
    this.#follow(event, move, drop);
  }

  // Call `move` while the pointer is down, and `drop` at the end.
  #follow(event, move, drop = () => {}) {
    const stop = new AbortController();
    const options = { signal: stop.signal };
    this.#track.setPointerCapture(event.pointerId);
    this.#track.addEventListener("pointermove", move, options);
    for (const type of ["pointerup", "pointercancel"]) {
      this.#track.addEventListener(type, (at) => { stop.abort(); drop(at); }, options);
    }
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
