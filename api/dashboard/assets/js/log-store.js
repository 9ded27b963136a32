/** The end of a job's log: first what is stored, then what the feed brings, without a gap and without a repetition. */
import { jobPath } from "./http.js";

const LINES = 1000;
const encoder = new TextEncoder();

/** Fires `change`. `isCut` says that older lines are left out. */
export class LogStore extends EventTarget {
  #api;
  #jobId;
  #abort = new AbortController();
  #offset = 0;
  #heardOf = 0;
  #loading = false;

  text = "";
  isCut = false;
  error = /** @type {Error|null} */ (null);

  /** @param {import("./http.js").Api} api @param {string} jobId */
  constructor(api, jobId) {
    super();
    this.#api = api;
    this.#jobId = jobId;
  }

  /** Read the last lines, again while newer ones are known of. */
  async load() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      do await this.#read();
      while (this.#heardOf > this.#offset);
      this.error = null;
    } catch (problem) {
      if (!this.#abort.signal.aborted) this.error = problem;
    }
    this.#loading = false;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {{text: string, next_after: number}} part live text, and the byte behind it */
  take({ text, next_after: end }) {
    this.#heardOf = Math.max(this.#heardOf, end);
    if (this.#loading || end <= this.#offset) return;
    if (end - encoder.encode(text).length !== this.#offset) return void this.load();
    this.#show(this.text + text, end);
    this.dispatchEvent(new Event("change"));
  }

  /** @returns {Promise<string>} all of it; the service hands it out in pieces */
  async whole() {
    const pieces = [];
    for (let after = 0, end = -1; end !== after;) {
      if (end >= 0) after = end;
      const response = await this.#request({ after });
      pieces.push(await response.text());
      end = Number(response.headers.get("X-Next-After") ?? after);
    }
    return pieces.join("");
  }

  /** End every request. */
  close() {
    this.#abort.abort();
  }

  async #read() {
    const response = await this.#request({ tail: LINES });
    const text = await response.text();
    const end = Number(response.headers.get("X-Next-After") ?? encoder.encode(text).length);
    this.isCut = end > encoder.encode(text).length;
    this.#show(text, end);
  }

  #show(text, end) {
    const lines = text.split("\n");
    const extra = Math.max(0, lines.length - 1 - LINES);
    this.isCut ||= extra > 0;
    this.text = lines.slice(extra).join("\n");
    this.#offset = end;
    this.#heardOf = Math.max(this.#heardOf, end);
  }

  #request(query) {
    const headers = { Accept: "text/plain" };
    return this.#api.request(`${jobPath(this.#jobId)}/logs`, { query, headers, signal: this.#abort.signal });
  }
}
