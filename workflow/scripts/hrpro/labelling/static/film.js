// A film, by the times at which its frames are shown, in seconds since the first one.

const CONVERTING = 400; // milliseconds between two looks at a conversion
const ARRIVED = 150; // milliseconds after a seek, in which the browser calls back
const AGAIN = 500; // milliseconds, after which the first frame is asked for again
const USUAL = 0.04; // seconds of a frame, until the server has said the times

export class Film extends EventTarget {
  frames = null; // times of the frames, as soon as they are known
  #video;
  #number = -1;
  #origin = null; // the browser's time of the first frame
  #shown = null; // the browser's time of the frame on the screen
  #target = null; // the time that was sought, until it is on the screen
  #isCalled = true; // back by the browser, since the last seek
  #isConverted = false;
  #watching = 0;

  constructor(video) {
    super();
    this.#video = video;
    video.addEventListener("error", () => this.#unplayable());
    video.addEventListener("loadedmetadata", () => (video.videoWidth ? this.#changed() : this.#unplayable()));
    for (const type of ["play", "pause", "durationchange"]) video.addEventListener(type, () => this.#changed());
    video.addEventListener("seeked", () => this.#arrived());
    if (!video.requestVideoFrameCallback) {
      for (const type of ["loadeddata", "timeupdate"]) video.addEventListener(type, () => this.#show(video.currentTime));
    }
  }

  async open(number, kind) {
    this.#number = number;
    this.frames = this.#origin = this.#shown = this.#target = null;
    this.#isConverted = false;
    if (kind === "film") this.#play(`film/${number}`);
    else this.#convert();
    const response = await fetch(`frames/${number}`);
    if (number !== this.#number) return;
    if (response.ok) {
      this.frames = new Float64Array(await response.arrayBuffer());
      this.#changed();
    } else {
      this.#say("failed", (await response.json()).message);
    }
  }

  close() {
    this.#number = -1;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  get duration() {
    const count = this.frames?.length;
    if (count > 1) return 2 * this.frames[count - 1] - this.frames[count - 2];
    return Number.isFinite(this.#video.duration) ? this.#video.duration : 0;
  }

  get isPlaying() {
    return !this.#video.paused && !this.#video.ended;
  }

  // Where the film is, between frames too: for the playhead.
  get position() {
    if (!this.isPlaying) return this.#video.seeking ? (this.#target ?? this.time) : this.time;
    return Math.max(0, this.#video.currentTime - (this.#origin ?? 0));
  }

  // The time of the frame that is on the screen.
  get time() {
    return this.snap((this.#shown ?? this.#video.currentTime) - (this.#origin ?? 0));
  }

  // The time of the frame that is nearest.
  snap(seconds) {
    return this.frames?.length ? this.frames[this.#index(seconds)] : Math.max(0, seconds);
  }

  seek(seconds) {
    this.#target = this.snap(seconds);
    if (this.#origin === null) return; // done with the first frame
    this.#isCalled = false;
    // into the middle of the frame, for times are rounded
    this.#video.currentTime = this.#origin + this.#target + this.#length(this.#target) / 2;
    this.#changed();
  }

  step(count) {
    this.#video.pause();
    const from = this.#target ?? this.time;
    if (!this.frames?.length) return this.seek(from + count * USUAL);
    const index = Math.min(Math.max(this.#index(from) + count, 0), this.frames.length - 1);
    return this.seek(this.frames[index]);
  }

  skip(seconds) {
    this.seek(Math.min(Math.max(this.position + seconds, 0), this.duration));
  }

  toggle() {
    if (this.#origin === null) return; // it is the first frame that tells it
    this.#target = null;
    if (this.isPlaying) this.#video.pause();
    else this.#video.play().catch(() => {});
  }

  set speed(rate) {
    this.#video.defaultPlaybackRate = this.#video.playbackRate = rate;
  }

  // "frame 3 of 50"
  get place() {
    return this.frames?.length ? `frame ${this.#index(this.time) + 1} of ${this.frames.length}` : "";
  }

  #play(source) {
    this.#origin = this.#shown = null;
    this.#video.src = source;
    if (!this.#video.requestVideoFrameCallback) return;
    this.#watch();
    const number = this.#number;
    const again = setInterval(() => {
      if (this.#origin !== null || number !== this.#number) clearInterval(again);
      else if (this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.#video.currentTime = 0;
    }, AGAIN);
  }

  // Where the browser does not call back for a frame that was sought, it is the one of its time. It mostly does, and may then
  // name an earlier one, of films of varying rate: by their mean rate it takes that frame to last longer.
  async #arrived() {
    this.#changed();
    await new Promise((resolve) => setTimeout(resolve, ARRIVED));
    if (this.#isCalled || this.#origin === null || this.isPlaying || !this.frames?.length) return;
    const seconds = this.#video.currentTime - this.#origin;
    const index = this.#index(seconds);
    this.#show(this.#origin + this.frames[this.frames[index] > seconds + 1e-6 ? Math.max(index - 1, 0) : index]);
  }

  #watch() {
    if (this.#watching) this.#video.cancelVideoFrameCallback(this.#watching); // it may be of the film before
    this.#watching = this.#video.requestVideoFrameCallback((_, { mediaTime }) => {
      this.#isCalled = true;
      this.#show(mediaTime);
      this.#watch();
    });
  }

  #show(time) {
    this.#shown = time;
    if (this.#origin === null) {
      this.#origin = time;
      if (this.#target !== null) this.seek(this.#target);
    } else if (this.#target !== null && Math.abs(this.time - this.#target) < 1e-4) {
      this.#target = null;
    }
    this.#changed();
  }

  #index(seconds) {
    let low = 0;
    let high = this.frames.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.frames[middle] + this.frames[middle + 1]) / 2 < seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #length(seconds) {
    if (!(this.frames?.length > 1)) return USUAL / 10;
    const index = Math.min(this.#index(seconds), this.frames.length - 2);
    return this.frames[index + 1] - this.frames[index];
  }

  #unplayable() {
    if (this.#number < 0 || !this.#video.getAttribute("src")) return;
    if (this.#isConverted) this.#say("failed", "the browser cannot play this film");
    else this.#convert();
  }

  async #convert() {
    const number = this.#number;
    this.#isConverted = true;
    this.#video.removeAttribute("src");
    for (;;) {
      const response = await fetch(`convert/${number}`, { method: "POST" });
      const { share, done, error, message } = await response.json();
      if (number !== this.#number) return;
      if (error ?? message) return this.#say("failed", error ?? message);
      this.#say("converting", done ? null : share);
      if (done) break;
      await new Promise((resolve) => setTimeout(resolve, CONVERTING));
    }
    this.#play(`converted/${number}`);
  }

  #changed() {
    this.#say("change");
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
