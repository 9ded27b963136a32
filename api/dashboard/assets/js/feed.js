/**
 * One job's event stream, kept open. Everything that is live on a job's page rides on this single connection, because a
 * browser opens only six to one origin.
 */
import { jobPath } from "./http.js";
import { frames } from "./sse.js";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Fires `frame` with `{event, data, seq}` for every frame, `open` each time a connection stands (what was missed in between
 * is the listener's to fetch), `connection` with "connecting", "live", "waiting" or "closed", and `end` when the stream says
 * that the job is over.
 */
export class JobFeed extends EventTarget {
  #api;
  #jobId;
  #abort = /** @type {AbortController|null} */ (null);
  #lastSeq = 0;

  /** @param {import("./http.js").Api} api @param {string} jobId */
  constructor(api, jobId) {
    super();
    this.#api = api;
    this.#jobId = jobId;
  }

  /** Connect and stay connected. @param {number} lastSeq the newest event that is already known */
  start(lastSeq) {
    this.stop();
    this.#lastSeq = lastSeq;
    this.#abort = new AbortController();
    void this.#run(this.#abort.signal);
  }

  /** Disconnect for good, until started again. */
  stop() {
    this.#abort?.abort();
    this.#abort = null;
  }

  async #run(signal) {
    for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      this.#tell("connection", "connecting");
      const outcome = await this.#follow(signal);
      if (signal.aborted || outcome === "refused") return;
      if (outcome === "ended") return this.#tell("end", null);
      if (outcome === "cut") pause = FIRST_PAUSE_MS;
      this.#tell("connection", "waiting");
      await sleep(pause * (0.75 + Math.random() / 2), signal);
    }
  }

  /** @param {AbortSignal} signal @returns {Promise<"ended"|"cut"|"failed"|"refused">} how this connection came to its end */
  async #follow(signal) {
    let connected = false;
    try {
      const headers = { Accept: "text/event-stream", "Last-Event-ID": String(this.#lastSeq) };
      const response = await this.#api.request(`${jobPath(this.#jobId)}/events`, { headers, signal });
      connected = true;
      this.#tell("connection", "live");
      this.#tell("open", null);
      if (!response.body) return "ended";
      for await (const frame of frames(response.body)) {
        if (frame.event === "end") return "ended";
        this.#pass(frame);
      }
    } catch (error) {
      if ([401, 403, 404].includes(error.status)) return "refused";
    }
    return connected ? "cut" : "failed";
  }

  /** @param {import("./sse.js").Frame} frame */
  #pass(frame) {
    if (!frame.data) return;
    const seq = frame.id === null ? null : Number(frame.id);
    if (seq !== null && seq <= this.#lastSeq) return;
    if (seq !== null) this.#lastSeq = seq;
    this.#tell("frame", { event: frame.event, data: JSON.parse(frame.data), seq });
  }

  #tell(type, detail) {
    if (type === "end") this.#tell("connection", "closed");
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function sleep(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve(undefined)), { once: true });
  });
}
