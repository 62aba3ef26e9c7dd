"use strict";

/*
 * A video on a time axis: a row for the background score, and one per class with its score, its true segments
 * and points, proposals and detections. Inside of a row x is in seconds, which `scale` turns into pixels, so that
 * zooming changes no bar. Bars are laid into lanes from the best score on: hiding those under a threshold then
 * moves no other.
 */

const HEIGHT = { axis: 24, title: 20, curve: 36, truth: 11, proposal: 5, bar: 10, gap: 3, row: 14 };
const LANES = { detections: 12, proposals: 6 }; // at most; what has no place there overlaps in the last one
const PIECE = 100; // snippets of a curve that are drawn as one
const EDGE = 10; // pixels free on either side
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600];
const LONG = 60; // seconds from which on times are minutes and seconds
const CLOSEST = 60; // pixels per second, at the strongest zoom

/** The lane of each bar of a class: the first in which it overlaps no better one. */
function lanesOf(bars, rows, most, margin) {
  const lanes = [];
  return rows.map((row) => {
    const [start, end] = [bars.start[row] - margin, bars.end[row] + margin];
    let lane = lanes.findIndex((taken) => taken.every(([from, to]) => end <= from || to <= start));
    if (lane < 0) lane = Math.min(lanes.length, most - 1);
    (lanes[lane] ??= []).push([bars.start[row], bars.end[row]]);
    return lane;
  });
}

/** tIoU of two segments. */
function overlap(start, end, otherStart, otherEnd) {
  const shared = Math.max(0, Math.min(end, otherEnd) - Math.max(start, otherStart));
  const union = end - start + otherEnd - otherStart - shared;
  return union > 0 ? shared / union : 0;
}

class Timeline {
  /**
   * root: an element that scrolls; index: what the page knows of all videos; seek(seconds): where to play;
   * tell(words): what the bar that the keys have reached says.
   */
  constructor(root, index, { seek, tell }) {
    Object.assign(this, { root, index, seek, tell });
    this.zoom = 1;
    this.tip = html("div", { parent: document.body, class: "tip", hidden: "" });
    root.addEventListener("pointermove", (event) => this.hover(event));
    root.addEventListener("pointerleave", () => (this.tip.hidden = true));
    root.addEventListener("click", (event) => this.click(event));
    root.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    root.addEventListener("scroll", () => (this.tip.hidden = true));
    new ResizeObserver(() => this.video && this.scale()).observe(root);
  }

  /** Draw a video: its entry in the index, its content, and the number of the source whose bars are shown. */
  show(video, content, source) {
    Object.assign(this, { video, content, source, focused: null });
    this.bars = content.sources[source].detections;
    this.proposals = content.sources[source].proposals;
    this.tip.hidden = true;
    this.root.replaceChildren();
    this.titles = html("div", { parent: this.root, class: "titles" });
    this.drawing = svg("svg", { parent: this.root, class: "timeline", "aria-hidden": "true" });
    this.grid = svg("g", { parent: this.drawing, class: "grid" });
    for (const [start, end] of content.ambiguous) this.ambiguous(start, end);
    this.rows = new Map();
    this.rects = [];
    const curves = content.curves[content.sources[source].scores];
    if (curves) this.addRow(null, curves, curves.background);
    this.index.classes.forEach((_, label) => this.addRow(label, curves, curves?.classes[label]));
    this.playhead = svg("line", { parent: this.layer(this.drawing), class: "playhead", visibility: "hidden" });
  }

  /** A part of the drawing in which x is in seconds. */
  layer(parent) {
    return svg("g", { parent, class: "layer" });
  }

  /** A segment that counts neither way, behind all rows. */
  ambiguous(start, end) {
    svg("rect", {
      parent: this.layer(this.drawing), class: "ambiguous", x: start, width: end - start, y: 0, height: "100%",
    });
  }

  /** The row of a class, or of the background (null), with its score; none where it would hold nothing. */
  addRow(label, curves, values) {
    const of = (bars) => (bars ? bars.label.flatMap((each, row) => (each === label ? [row] : [])) : []);
    const [found, proposed] = [of(this.bars), of(this.proposals)];
    const truth = this.content.truth.flatMap((each, row) => (each[2] === label ? [row] : []));
    const points = this.content.points.flatMap((each, row) => (each[1] === label ? [row] : []));
    if (!values && !found.length && !proposed.length && !truth.length && !points.length) return;
    const group = svg("g", { parent: this.drawing, class: "row" });
    const layer = this.layer(group);
    const title = html("div", { parent: this.titles, class: "row-title" });
    const name = label === null ? "background score" : this.index.classes[label];
    html("span", { parent: title, text: name, title: name });
    if (values) this.curve(layer, curves, values, label === null);
    const below = HEIGHT.title + HEIGHT.curve;
    for (const row of truth) {
      const [start, end] = this.content.truth[row];
      svg("rect", {
        parent: layer, class: "truth", "data-kind": "truth", "data-row": row,
        x: start, width: end - start, y: below, height: HEIGHT.truth,
      });
    }
    for (const row of points) {
      const [seconds] = this.content.points[row];
      svg("line", {
        parent: layer, class: "point", "data-kind": "point", "data-row": row,
        x1: seconds, x2: seconds, y1: HEIGHT.title, y2: below + HEIGHT.truth,
      });
    }
    const row = { group, title, hasTruth: truth.length + points.length > 0 };
    row.proposals = this.addBars(layer, "proposals", this.proposals, proposed, HEIGHT.proposal, 1);
    row.detections = this.addBars(layer, "detections", this.bars, found, HEIGHT.bar, 2);
    this.rows.set(label, row);
  }

  /** The bars of a row, in lanes. */
  addBars(parent, kind, bars, rows, height, gap) {
    const group = svg("g", { parent, class: kind });
    const lanes = bars ? lanesOf(bars, rows, LANES[kind], this.video.duration / 1000) : [];
    const { lowest, highest } = this.index.sources[this.source];
    const rects = rows.map((row, place) => {
      const strength = Math.min(1, Math.max(0, (bars.score[row] - lowest) / (highest - lowest || 1)));
      const rect = svg("rect", {
        parent: group, class: "bar", "data-kind": kind, "data-row": row,
        x: bars.start[row], width: Math.max(0, bars.end[row] - bars.start[row]),
        y: lanes[place] * (height + gap), height,
        "fill-opacity": (0.45 + 0.55 * strength).toFixed(2),
      });
      return { rect, row, lane: lanes[place] };
    });
    if (kind === "detections") this.rects.push(...rects);
    return { group, rects, height: height + gap };
  }

  /** A score over the snippets as an area; in pieces, as the browser draws those alone that are in view. */
  curve(parent, curves, values, isBackground) {
    const base = HEIGHT.title + HEIGHT.curve - 2;
    const kind = isBackground ? "curve background" : "curve";
    const x = (number) => +(curves.first + number * curves.step).toFixed(3);
    const y = (value) => +(base - ((HEIGHT.curve - 4) * value) / 100).toFixed(1);
    for (let from = 0; from < values.length; from += PIECE) {
      const piece = values.slice(from, from + PIECE + 1);
      const line = piece.map((value, number) => `${x(from + number)},${y(value)}`).join(" ");
      const end = x(from + piece.length - 1);
      svg("polygon", { parent, class: `${kind} area`, points: `${x(from)},${base} ${line} ${end},${base}` });
      svg("polyline", { parent, class: kind, points: line });
    }
  }

  /** Show what the state says: threshold, tiou (its number), off (classes), proposals (whether). */
  update(state) {
    this.state = state;
    const digits = this.bars.errors?.[state.tiou];
    for (const { rect, row } of this.rects) {
      const off = this.bars.score[row] < state.threshold || state.off.has(this.bars.label[row]);
      rect.toggleAttribute("hidden", off);
      rect.setAttribute("class", `bar e-${digits ? digits[row] : "none"}`);
    }
    let top = HEIGHT.axis;
    for (const [label, row] of this.rows) {
      const height = this.stack(row, state);
      const shown = !state.off.has(label) && (label === null || row.hasTruth || row.filled);
      row.group.toggleAttribute("hidden", !shown);
      row.title.hidden = !shown;
      if (!shown) continue;
      row.group.setAttribute("transform", `translate(0 ${top})`);
      row.title.style.top = `${top}px`;
      top += height + HEIGHT.row;
    }
    this.height = top + HEIGHT.axis;
    if (this.focused !== null && this.visible().every(({ row }) => row !== this.focused)) this.focus(null);
    this.scale();
  }

  /** Place a row's proposals and detections below each other; the row's height. */
  stack(row, state) {
    let y = HEIGHT.title + HEIGHT.curve + HEIGHT.truth + HEIGHT.gap;
    if (!row.hasTruth) y -= HEIGHT.truth;
    row.filled = false;
    row.proposals.group.toggleAttribute("hidden", !state.proposals);
    for (const part of state.proposals ? [row.proposals, row.detections] : [row.detections]) {
      part.group.setAttribute("transform", `translate(0 ${y})`);
      const lanes = part.rects.filter(({ rect }) => !rect.hasAttribute("hidden")).map(({ lane }) => lane);
      if (!lanes.length) continue;
      y += (Math.max(...lanes) + 1) * part.height + HEIGHT.gap;
      row.filled = true;
    }
    return y;
  }

  /** Fit the drawing to the width that the zoom asks for; the ticks of its axis. */
  scale() {
    const fit = this.root.clientWidth;
    const most = Math.max(1, (CLOSEST * this.video.duration) / fit);
    this.zoom = Math.min(Math.max(this.zoom, 1), most);
    const width = Math.round(fit * this.zoom);
    this.perSecond = (width - 2 * EDGE) / this.video.duration;
    this.drawing.setAttribute("width", width);
    this.drawing.setAttribute("height", this.height);
    for (const layer of this.drawing.querySelectorAll(".layer")) {
      layer.setAttribute("transform", `translate(${EDGE} 0) scale(${this.perSecond} 1)`);
    }
    this.playhead.setAttribute("y2", this.height);
    for (const { title } of this.rows.values()) title.style.maxWidth = `${fit - 2 * EDGE}px`;
    this.drawTicks(width);
  }

  /** The lines and times of the axis. */
  drawTicks(width) {
    const step = TICKS.find((each) => each * this.perSecond >= 64) ?? TICKS.at(-1);
    this.grid.replaceChildren();
    for (let number = 0; number * step <= this.video.duration; number += 1) {
      const x = EDGE + number * step * this.perSecond;
      svg("line", { parent: this.grid, x1: x, x2: x, y1: HEIGHT.axis - 4, y2: this.height - HEIGHT.axis + 4 });
      const anchor = x < 24 ? "start" : x > width - 24 ? "end" : "middle";
      const words = clock(number * step, this.video.duration >= LONG);
      for (const y of [HEIGHT.axis - 9, this.height - 6]) {
        svg("text", { parent: this.grid, x, y, class: anchor, text: words });
      }
    }
  }

  /** Zoom by a factor about a place of the window, in pixels from the left edge of the drawing's part in view. */
  zoomBy(factor, place = this.root.clientWidth / 2) {
    const seconds = (this.root.scrollLeft + place - EDGE) / this.perSecond;
    this.zoom *= factor;
    this.scale();
    this.root.scrollLeft = seconds * this.perSecond + EDGE - place;
  }

  /** The detections that are shown, by their starts. */
  visible() {
    const shown = this.rects.filter(({ rect }) => !rect.hasAttribute("hidden"));
    return shown.sort((a, b) => this.bars.start[a.row] - this.bars.start[b.row] || a.row - b.row);
  }

  /** The instance that overlaps a bar most, of any class but its own first, with their tIoU; none where none does. */
  nearest(start, end, label) {
    const overlaps = this.content.truth.map((each) => ({ tiou: overlap(start, end, each[0], each[1]), each }));
    const better = (a, b) => b.tiou > a.tiou || (b.tiou === a.tiou && b.each[2] === label);
    const best = overlaps.reduce((a, b) => (better(a, b) ? b : a), { tiou: 0 });
    return best.tiou > 0 ? best : null;
  }

  /** What an element of the drawing says, a line each. */
  words(kind, row) {
    const span = (start, end) => `${+start.toFixed(2)} to ${+end.toFixed(2)} s, ${+(end - start).toFixed(2)} s long`;
    if (kind === "truth") {
      const [start, end, label] = this.content.truth[row];
      return [this.index.classes[label], "true segment", span(start, end)];
    }
    if (kind === "point") {
      const [seconds, label] = this.content.points[row];
      return [this.index.classes[label], `point at ${seconds} s`];
    }
    const bars = kind === "detections" ? this.bars : this.proposals;
    const [start, end] = [bars.start[row], bars.end[row]];
    const lines = [this.index.classes[bars.label[row]] ?? "no class"];
    lines.push(`${kind === "detections" ? this.index.bar : "proposal"}, score ${bars.score[row]}`, span(start, end));
    if (this.video.instances === null) return lines;
    const near = this.nearest(start, end, bars.label[row]);
    if (near) lines.push(`tIoU ${near.tiou.toFixed(2)} with ${this.index.classes[near.each[2]]} (${span(near.each[0], near.each[1])})`);
    else lines.push("overlaps no true segment");
    const digits = bars.errors?.[this.state.tiou];
    if (digits) lines.push(`${this.index.errors[digits[row]]} at tIoU ${this.index.tiou[this.state.tiou]}`);
    return lines;
  }

  /** Show what is under the pointer. */
  hover(event) {
    const target = event.target.closest("[data-kind]");
    this.tip.hidden = !target;
    if (!target) return;
    const [first, ...rest] = this.words(target.dataset.kind, +target.dataset.row);
    this.tip.replaceChildren();
    html("strong", { parent: this.tip, text: first });
    for (const line of rest) html("div", { parent: this.tip, text: line });
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const x = Math.min(event.clientX + 14, document.documentElement.clientWidth - width - 8);
    const y = event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 12 : event.clientY + 18;
    this.tip.style.left = `${Math.max(8, x)}px`;
    this.tip.style.top = `${Math.max(8, y)}px`;
  }

  /** Play from the start of the bar that is clicked, or from the time where none is. */
  click(event) {
    const target = event.target.closest("[data-kind]");
    if (target?.dataset.kind === "detections") this.focus(+target.dataset.row);
    const left = this.drawing.getBoundingClientRect().left;
    const here = (event.clientX - left - EDGE) / this.perSecond;
    this.seek(target ? +(target.getAttribute("x") ?? target.getAttribute("x1")) : Math.max(0, here));
  }

  /** Arrows go from detection to detection, in time or in score; plus and minus zoom; Enter plays. */
  key(event) {
    const shown = this.visible();
    const byScore = [...shown].sort((a, b) => a.row - b.row);
    const moves = {
      ArrowRight: [shown, 1], ArrowLeft: [shown, -1], ArrowDown: [byScore, 1], ArrowUp: [byScore, -1],
      Home: [shown, -Infinity], End: [shown, Infinity],
    };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (moves[event.key] && shown.length) {
      const [order, step] = moves[event.key];
      const now = order.findIndex(({ row }) => row === this.focused);
      const next = now < 0 && Number.isFinite(step) ? 0 : Math.min(Math.max(now + step, 0), order.length - 1);
      this.focus(order[next].row);
    } else if (event.key === "+" || event.key === "=") this.zoomBy(1.5);
    else if (event.key === "-") this.zoomBy(1 / 1.5);
    else if (event.key === "Enter" && this.focused !== null) this.seek(this.bars.start[this.focused]);
    else if (event.key === "Escape") this.focus(null);
    else return;
    event.preventDefault();
  }

  /** Zoom where the wheel turns with Ctrl held, as pages and maps do. */
  wheel(event) {
    if (!event.ctrlKey || !this.video) return;
    event.preventDefault();
    this.zoomBy(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - this.root.getBoundingClientRect().left);
  }

  /** Mark a detection, bring it into view and tell it; null: none. */
  focus(row) {
    this.focused = row;
    for (const one of this.rects) one.rect.classList.toggle("focused", one.row === row);
    if (row === null) return this.tell([]);
    const middle = EDGE + ((this.bars.start[row] + this.bars.end[row]) / 2) * this.perSecond;
    const { scrollLeft, clientWidth } = this.root;
    if (middle < scrollLeft || middle > scrollLeft + clientWidth) this.root.scrollLeft = middle - clientWidth / 2;
    return this.tell(this.words("detections", row));
  }

  /** Where the film is, in seconds; null where none plays. */
  play(seconds) {
    if (!this.playhead) return;
    this.playhead.setAttribute("visibility", seconds === null ? "hidden" : "visible");
    this.playhead.setAttribute("x1", seconds ?? 0);
    this.playhead.setAttribute("x2", seconds ?? 0);
  }
}
