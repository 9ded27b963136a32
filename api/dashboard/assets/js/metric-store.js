/** A job's metric series: first what is stored, then what the feed brings. */
import { jobPath } from "./http.js";
import { append, emptySeries, fill, lastStep, toSeries } from "./series.js";

const MAX_POINTS = 1000;

/** Series by name. Fires `change` at most once per drawn frame; `error` is the last request's, null when it went well. */
export class MetricStore extends EventTarget {
  #api;
  #jobId;
  #series = /** @type {Map<string, import("./series.js").Series>} */ (new Map());
  #early = /** @type {Map<string, import("./series.js").Series>} */ (new Map());
  #abort = new AbortController();
  #drawing = 0;

  /** @param {import("./http.js").Api} api @param {string} jobId */
  constructor(api, jobId) {
    super();
    this.#api = api;
    this.#jobId = jobId;
  }

  /** @type {string[]} every name the job has written so far, loaded or not */
  names = [];

  /** @type {Error|null} */
  error = null;

  /** @param {string} name @returns {import("./series.js").Series} empty while it is loading */
  get(name) {
    return this.#series.get(name) ?? emptySeries();
  }

  /** Learn the names. */
  async loadNames() {
    await this.#attempt(() => this.#written());
  }

  /** Load a series unless it is there or on its way; points that the feed brings meanwhile are kept. @param {string} name */
  async load(name) {
    if (this.#series.has(name) || this.#early.has(name)) return;
    this.#early.set(name, emptySeries());
    await this.#attempt(async () => {
      const stored = await this.#points(name);
      this.#series.set(name, append(stored, this.#early.get(name) ?? emptySeries()));
    });
    this.#early.delete(name);
  }

  /** Fetch what was written while no stream was open. */
  async catchUp() {
    await this.#attempt(async () => {
      for (const name of await this.#written()) {
        if (!this.#series.has(name)) continue;
        const missed = await this.#points(name, lastStep(this.get(name)));
        this.#series.set(name, fill(this.get(name), missed));
      }
    });
  }

  /** Load everything anew, because an attempt began again further back. */
  async reload() {
    await this.#attempt(async () => {
      const written = new Set(await this.#written());
      const loaded = [...this.#series.keys()];
      for (const name of loaded) {
        if (written.has(name)) this.#series.delete(name);
        else this.#series.set(name, emptySeries());
      }
      await Promise.all(loaded.map((name) => this.load(name)));
    });
  }

  /** Take live points. @param {Record<string, any>} columns name to `{step, value}` */
  take(columns) {
    this.#learn(Object.keys(columns));
    for (const [name, points] of Object.entries(columns)) this.#extend(name, toSeries(points));
    this.#changed();
  }

  /** End every request. */
  close() {
    this.#abort.abort();
    cancelAnimationFrame(this.#drawing);
  }

  #extend(name, fresh) {
    const early = this.#early.get(name);
    const loaded = this.#series.get(name);
    if (early) this.#early.set(name, append(early, fresh));
    else if (loaded) this.#series.set(name, append(loaded, fresh));
  }

  #learn(names) {
    this.names = [...new Set([...this.names, ...names])].sort();
  }

  async #attempt(work) {
    try {
      await work();
      this.error = null;
    } catch (problem) {
      if (this.#abort.signal.aborted) return;
      this.error = problem;
    }
    this.#changed();
  }

  #changed() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => this.dispatchEvent(new Event("change")));
  }

  /** The names that stand written now; an attempt that begins anew has fewer than the one before. */
  async #written() {
    const { data } = await this.#json("");
    const names = data.map((entry) => entry.name);
    this.#learn(names);
    return names;
  }

  /**
   * @param {string} name @param {number|null} [afterStep]
   * @returns {Promise<import("./series.js").Series>} nothing, where an attempt that begins anew has taken the series away
   */
  async #points(name, afterStep = null) {
    try {
      return toSeries(await this.#json(`/${name}`, { max_points: MAX_POINTS, after_step: afterStep }));
    } catch (problem) {
      if (problem.status === 404) return emptySeries();
      throw problem;
    }
  }

  #json(path, query = {}) {
    return this.#api.json(`${jobPath(this.#jobId)}/metrics${path}`, { query, signal: this.#abort.signal });
  }
}
