// A recording without film: curves, and a place in them that a click or a step moves.

const SVG = "http://www.w3.org/2000/svg";
const HUES = 360 / 1.618; // neighbours far apart

export class Curves extends EventTarget {
  duration = 0;
  isPlaying = false;
  position = 0;
  speed = 1;
  #svg;
  #legend;
  #rate = 1;

  constructor(svg, legend) {
    super();
    this.#svg = svg;
    this.#legend = legend;
  }

  async open(number) {
    this.duration = this.position = 0;
    const response = await fetch(`curves/${number}`);
    const answer = await response.json();
    if (!response.ok) {
      this.dispatchEvent(new CustomEvent("failed", { detail: answer.message }));
      return;
    }
    const { rows, rows_per_value: step, names, curves, rate } = answer;
    this.#rate = rate;
    this.duration = rows / rate;
    this.#svg.setAttribute("viewBox", `0 0 ${rows} ${curves.length}`);
    this.#svg.replaceChildren(
      ...curves.map((values, place) => {
        const path = document.createElementNS(SVG, "path");
        const steps = values.map((value, i) => {
          const height = (place + 0.95 - 0.9 * value).toFixed(3);
          return `${i ? "V" : `M0 `}${height}H${Math.min((i + 1) * step, rows)}`;
        });
        path.setAttribute("d", steps.join(""));
        path.style.setProperty("--hue", (place * HUES) % 360);
        return path;
      }),
    );
    this.#legend.textContent = `From top to bottom: ${names.join(", ")}`;
    this.seek(0);
  }

  close() {
    this.#svg.replaceChildren();
  }

  // The middle of the row.
  get time() {
    return this.position;
  }

  get place() {
    return `row ${Math.floor(this.position * this.#rate) + 1}`;
  }

  snap(seconds) {
    const last = Math.round(this.duration * this.#rate) - 1;
    const row = Math.min(Math.max(Math.floor(seconds * this.#rate), 0), last);
    return (row + 0.5) / this.#rate;
  }

  seek(seconds) {
    this.position = this.snap(seconds);
    this.dispatchEvent(new CustomEvent("change"));
  }

  step(count) {
    this.seek(this.position + count / this.#rate);
  }

  skip(seconds) {
    this.seek(this.position + seconds);
  }

  toggle() {}
}
