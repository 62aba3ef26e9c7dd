// The marks as the server has them, and the actions of this page on their way there.
//
// An action adds some marks of a video and removes others; it is shown at once and counts as saved when the server says so.
// One that the server refuses, since another tab or program was first, is taken back. Undo is the action the other way round.

const RETRY = 1000; // milliseconds
const LOOK = 2000;
const STEPS = 500; // that can be undone

export const keyOf = (mark) => JSON.stringify(mark);

export class Labels extends EventTarget {
  marks = new Map(); // video -> Map of key -> mark
  classes = [];
  spent = new Map(); // seconds of labelling, by video
  seen = new Map(); // shares that have been shown
  queue = []; // actions that are not confirmed yet
  balance = 0; // points added by this page, less those removed
  version = 0;
  failure = "";
  #mine = new Set();
  #sending = false;
  #done = []; // for undo and redo
  #undone = [];

  async load() {
    const labels = await (await fetch("labels")).json();
    if (labels.message) throw new Error(labels.message);
    this.videos = labels.videos;
    this.file = labels.file;
    this.hasModel = labels.has_model;
    this.#replace(labels);
    [this.#done, this.#undone] = JSON.parse(sessionStorage.getItem(location.pathname) ?? "[[], []]");
    setInterval(() => this.#look(), LOOK);
  }

  of(video) {
    return [...(this.marks.get(video)?.values() ?? [])];
  }

  points(video) {
    return this.of(video).filter((mark) => mark[0] === "point").sort((a, b) => a[1] - b[1]);
  }

  // Add and remove marks; what is there, or gone, already does not count.
  act(video, { add = [], remove = [], spent = 0, seen = 0 }) {
    const action = this.#send({ video, add, remove, spent, seen });
    if (action.add.length || action.remove.length) {
      this.#done.push({ id: action.id, video, add: action.add, remove: action.remove });
      this.#undone = [];
      this.#keepSteps();
    }
  }

  // The video whose marks change, or undefined if there is nothing to undo.
  undo() {
    return this.#reverse(this.#done, this.#undone);
  }

  redo() {
    return this.#reverse(this.#undone, this.#done);
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  // Say the time that was spent while the page is being left.
  leave(video, spent, seen) {
    const action = { id: crypto.randomUUID(), video, add: [], remove: [], spent, seen };
    fetch(`actions/${this.version}`, { ...posted(action), keepalive: true }).catch(() => {});
  }

  #reverse(from, to) {
    const step = from.pop();
    if (!step) return undefined;
    const { id } = this.#send({ video: step.video, add: step.remove, remove: step.add, spent: 0, seen: 0 });
    to.push({ id, video: step.video, add: step.remove, remove: step.add });
    this.#keepSteps();
    return step.video;
  }

  #keepSteps() {
    this.#done = this.#done.slice(-STEPS);
    sessionStorage.setItem(location.pathname, JSON.stringify([this.#done, this.#undone]));
  }

  #send({ video, add, remove, spent, seen }) {
    const present = this.marks.get(video) ?? new Map();
    const action = {
      id: crypto.randomUUID(),
      video,
      add: add.filter((mark) => !present.has(keyOf(mark))),
      remove: remove.filter((mark) => present.has(keyOf(mark))),
      spent,
      seen,
    };
    const points = (list) => list.filter((mark) => mark[0] === "point").length;
    this.balance += points(action.add) - points(action.remove);
    this.#mine.add(action.id);
    this.queue.push(action);
    this.#apply(action);
    this.#tell("change", video);
    this.#pump();
    return action;
  }

  async #pump() {
    if (this.#sending) return;
    this.#sending = true;
    while (this.queue.length) {
      const action = this.queue[0];
      const { status, answer } = await request(`actions/${this.version}`, posted(action));
      if (status === 200) {
        this.queue.shift();
        this.failure = "";
        this.#take(answer);
        this.#tell("saved", action.video);
      } else if (status === 409 || status === 400 || status === 413) {
        this.queue.shift();
        for (const steps of [this.#done, this.#undone]) {
          const place = steps.findIndex((step) => step.id === action.id);
          if (place >= 0) steps.splice(place, 1);
        }
        await this.#reload();
        this.#tell("refused", answer.message);
      } else {
        this.failure = answer.message;
        this.#tell("failed", answer.message);
        await new Promise((resolve) => setTimeout(resolve, RETRY));
      }
    }
    this.#sending = false;
  }

  async #look() {
    if (this.#sending || document.hidden) return;
    const { status, answer } = await request(`changes/${this.version}`);
    if (this.#sending) return; // its answer will say it again
    if (status === 200) {
      const failed = this.failure;
      this.failure = "";
      this.#take(answer);
      if (failed) this.#tell("saved", "");
    } else {
      this.failure = answer.message;
      this.#tell("failed", answer.message);
    }
  }

  // Do what others have done.
  #take({ version, changes }) {
    this.version = version;
    const others = changes.filter((action) => !this.#mine.has(action.id));
    for (const action of others) this.#apply(action);
    const marked = others.filter((action) => action.add.length || action.remove.length);
    for (const video of new Set(others.map((action) => action.video))) this.#tell("change", video);
    if (marked.length) this.#tell("others", marked);
  }

  async #reload() {
    const { status, answer } = await request("labels");
    if (status !== 200) return; // the next action tells
    this.#replace(answer);
    for (const action of this.queue) this.#apply(action);
    this.#tell("change", null);
  }

  #replace({ marks, classes, spent, seen, version }) {
    this.marks = new Map();
    for (const [video, list] of Object.entries(marks)) {
      this.marks.set(video, new Map(list.map((mark) => [keyOf(mark), mark])));
    }
    this.classes = classes;
    this.spent = new Map(Object.entries(spent));
    this.seen = new Map(Object.entries(seen));
    this.version = version;
  }

  #apply({ video, add, remove, spent, seen }) {
    if (!this.marks.has(video)) this.marks.set(video, new Map());
    const present = this.marks.get(video);
    for (const mark of remove) present.delete(keyOf(mark));
    for (const mark of add) {
      present.set(keyOf(mark), mark);
      const label = mark[0] === "point" ? mark[2] : mark[1];
      if (["point", "class"].includes(mark[0]) && !this.classes.includes(label)) this.classes.push(label);
    }
    this.spent.set(video, (this.spent.get(video) ?? 0) + spent);
    this.seen.set(video, Math.max(this.seen.get(video) ?? 0, seen));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function posted(action) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(action) };
}

async function request(path, options) {
  try {
    const response = await fetch(path, options);
    return { status: response.status, answer: await response.json() };
  } catch {
    return { status: 0, answer: { message: "hrpro-label does not answer; start it again and open the address that it prints" } };
  }
}
