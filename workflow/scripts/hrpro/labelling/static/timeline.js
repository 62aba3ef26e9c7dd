// Points and unsure stretches on a time axis: to select, drag and click beside.

import { keyOf } from "./labels.js";

const LANES = 4;
const DRAGGED = 3; // pixels, from which a press is no click

export class Timeline extends EventTarget {
  selected = null; // a mark
  duration = 0;
  #scroll;
  #track;
  #playhead;
  #elements = new Map(); // key of a mark -> its element
  #looks; // class -> { key, hue, lane }

  constructor(scroll, track, playhead) {
    super();
    this.#scroll = scroll;
    this.#track = track;
    this.#playhead = playhead;
    track.addEventListener("pointerdown", (event) => this.#press(event));
  }

  set zoom(times) {
    const middle = (this.#scroll.scrollLeft + this.#scroll.clientWidth / 2) / this.#track.clientWidth;
    this.#track.style.setProperty("--zoom", times);
    this.#scroll.scrollLeft = middle * this.#track.clientWidth - this.#scroll.clientWidth / 2;
  }

  // looks: class -> { key, hue, lane }
  draw(marks, looks, isPending) {
    this.#looks = looks;
    const gone = new Set(this.#elements.keys());
    const added = document.createDocumentFragment();
    for (const mark of marks) {
      const key = keyOf(mark);
      gone.delete(key);
      let element = this.#elements.get(key);
      if (!element) {
        element = this.#element(mark);
        if (!element) continue;
        this.#elements.set(key, element);
        added.append(element);
      }
      element.classList.toggle("pending", isPending(mark));
    }
    for (const key of gone) {
      this.#elements.get(key).remove();
      this.#elements.delete(key);
      if (this.selected && keyOf(this.selected) === key) this.select(null);
    }
    this.#track.append(added);
    if (this.selected) this.#elements.get(keyOf(this.selected))?.classList.add("selected");
  }

  clear() {
    for (const element of this.#elements.values()) element.remove();
    this.#elements.clear();
    this.select(null);
  }

  select(mark) {
    if (this.selected) this.#elements.get(keyOf(this.selected))?.classList.remove("selected");
    this.selected = mark;
    if (mark) this.#elements.get(keyOf(mark))?.classList.add("selected");
    this.dispatchEvent(new CustomEvent("select"));
  }

  // Move the playhead, and what is in view with it.
  set position(seconds) {
    const share = this.duration ? Math.min(seconds / this.duration, 1) : 0;
    this.#playhead.style.left = `${share * 100}%`;
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
    } else if (kind === "unsure") {
      element.className = "unsure";
      element.title = `unsure, ${start.toFixed(2)} to ${end.toFixed(2)} s`;
      element.style.width = `${(100 * (end - start)) / this.duration}%`;
    } else {
      return null;
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
    const { mark } = element;
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
