// What a trained model detects in the open video: a row per class with its curve and a bar per detection, to accept or reject.
//
// A detection is done where a point of its class lies in it. Rejected is one whose moment lies in a stretch that was rejected of
// its class, so that what another model detects at the same place stays away too. Of those that overlap, the best is shown.

const SVG = "http://www.w3.org/2000/svg";
const LOOK = 300; // milliseconds between two looks at whether the model is done

export class Model extends EventTarget {
  shown = []; // detections, by their moments
  chosen = null; // one of them that is not done
  message = ""; // why there are none
  #place;
  #number = -1;
  #drawing = null;
  #bars = new Map(); // detection -> its element
  #built = ""; // what the rows were built for
  #current = null;

  constructor(place) {
    super();
    this.#place = place;
  }

  async open(number) {
    this.#number = number;
    for (;;) {
      const { drawing, message } = await (await fetch(`detections/${number}`)).json();
      if (number !== this.#number) return;
      this.message = message ?? drawing?.message ?? "";
      if (drawing?.detections) this.#drawing = drawing;
      if (drawing || message) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
    this.dispatchEvent(new CustomEvent("change"));
  }

  close() {
    this.#number = -1;
    this.#drawing = this.#current = this.chosen = null;
    this.#built = this.message = "";
    this.shown = [];
    this.#bars.clear();
    this.#place.replaceChildren();
    this.#place.parentElement.style.removeProperty("--rows");
  }

  get isReady() {
    return this.#drawing !== null;
  }

  // Those that are neither accepted nor rejected, by their moments.
  get left() {
    return this.shown.filter((detection) => !detection.isDone);
  }

  // The one that is accepted or rejected next: the chosen one, else the first that ends after a time.
  current(seconds) {
    const { left } = this;
    return this.chosen ?? left.find(({ end }) => end > seconds) ?? left[0] ?? null;
  }

  beside(seconds, direction) {
    const { left } = this;
    return direction > 0 ? left.find(({ moment }) => moment > seconds) : left.findLast(({ moment }) => moment < seconds);
  }

  // Which detections are shown, and which of them are done, by the marks of the video.
  update(marks) {
    if (!this.#drawing) return;
    const rejected = marks.filter(([kind]) => kind === "rejected");
    const points = Map.groupBy(marks.filter(([kind]) => kind === "point"), ([, , label]) => label);
    const { detections, step } = this.#drawing;
    const shown = [];
    for (const detection of detections) {
      const { label, start, end, moment } = detection;
      const isRejected = rejected.some(([, from, to, of]) => of === label && from <= moment && moment <= to);
      if (isRejected || shown.some((o) => o.label === label && o.start < end && start < o.end)) continue;
      // a point goes to a frame, which may lie just outside
      const holds = ([, time]) => (start <= time && time <= end) || Math.abs(time - moment) <= step / 2;
      detection.isDone = (points.get(label) ?? []).some(holds);
      shown.push(detection);
    }
    this.shown = shown.sort((a, b) => a.moment - b.moment);
    if (this.chosen && (this.chosen.isDone || !shown.includes(this.chosen))) this.chosen = null;
  }

  // looks: class -> { hue }
  draw(duration, looks) {
    if (!this.#drawing || !duration) return;
    const labels = [...looks.keys()].filter((label) => label in this.#drawing.curves);
    const built = JSON.stringify([duration, labels]);
    if (built !== this.#built) {
      this.#built = built;
      this.#bars.clear();
      this.#place.parentElement.style.setProperty("--rows", labels.length);
      this.#place.replaceChildren(...labels.map((label) => this.#row(label, looks.get(label).hue, duration)));
    }
    const shown = new Set(this.shown);
    for (const [detection, bar] of this.#bars) {
      bar.hidden = !shown.has(detection);
      bar.classList.toggle("done", Boolean(detection.isDone));
    }
  }

  // Show which one is accepted or rejected next.
  set lit(detection) {
    if (detection === this.#current && this.#bars.get(detection)?.classList.contains("selected")) return;
    this.#bars.get(this.#current)?.classList.remove("selected");
    this.#bars.get(detection)?.classList.add("selected");
    this.#current = detection;
  }

  #row(label, hue, duration) {
    const row = document.createElement("div");
    row.className = "of-class";
    row.style.setProperty("--hue", hue);
    row.append(
      this.#curve(this.#drawing.curves[label], duration),
      Object.assign(document.createElement("span"), { textContent: label }),
      ...this.#drawing.detections.filter((each) => each.label === label).map((each) => this.#bar(each, duration)),
    );
    return row;
  }

  #curve(values, duration) {
    const { from, step } = this.#drawing;
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    svg.setAttribute("viewBox", `0 0 ${values.length} 1`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.style.left = `${(100 * from) / duration}%`;
    svg.style.width = `${(100 * step * values.length) / duration}%`;
    path.setAttribute("d", `M0 1${values.map((value, i) => `V${(1 - value).toFixed(3)}H${i + 1}`).join("")}V1Z`);
    svg.append(path);
    return svg;
  }

  #bar(detection, duration) {
    const { label, start, end, score } = detection;
    const bar = document.createElement("button");
    bar.type = "button";
    bar.tabIndex = -1;
    bar.className = "detection";
    bar.detection = detection;
    bar.textContent = score.toFixed(2);
    bar.title = `${label}, ${start.toFixed(2)} to ${end.toFixed(2)} s, score ${score.toFixed(2)}`;
    bar.setAttribute("aria-label", bar.title);
    bar.style.left = `${(100 * start) / duration}%`;
    bar.style.width = `${(100 * (end - start)) / duration}%`;
    this.#bars.set(detection, bar);
    return bar;
  }
}
