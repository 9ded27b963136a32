/** Speaks HTTP with the service: the key as a bearer token, problem documents as exceptions. */

/** A request that was refused or could not be made. `status` is 0 when the service cannot be reached. */
export class Problem extends Error {
  /**
   * @param {{status: number, code?: string, title?: string, detail?: string,
   *          errors?: import("./types.js").FieldError[]}} document
   */
  constructor({ status, code = "", title = "", detail = "", errors = [] }) {
    super(detail || title || `The service answered ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/**
 * @typedef {{method?: string, query?: Record<string, string|number|null|undefined>, headers?: Record<string, string>,
 *            body?: string, signal?: AbortSignal}} Options
 */

/** One signed-in client. Every path is relative to the page, so a service behind a path prefix works too. */
export class Api {
  #key;
  #onUnauthorized;

  /**
   * @param {string} key sent as `Authorization: Bearer`
   * @param {() => void} onUnauthorized called when the service no longer accepts the key
   */
  constructor(key, onUnauthorized = () => {}) {
    this.#key = key;
    this.#onUnauthorized = onUnauthorized;
  }

  /**
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<Response>} a 2xx answer; throws Problem for any other, AbortError when aborted
   */
  async request(path, { query = {}, headers = {}, ...options } = {}) {
    const url = new URL(path, document.baseURI);
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
    }
    const response = await this.#fetch(url, {
      ...options,
      headers: { ...headers, Authorization: `Bearer ${this.#key}` },
    });
    if (response.ok) return response;
    if (response.status === 401) this.#onUnauthorized();
    throw await problemOf(response);
  }

  /**
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async json(path, options = {}) {
    const headers = { Accept: "application/json", ...options.headers };
    if (options.body !== undefined) headers["Content-Type"] = "application/json";
    return (await this.request(path, { ...options, headers })).json();
  }

  async #fetch(url, options) {
    try {
      return await fetch(url, { ...options, credentials: "omit" });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Problem({ status: 0, code: "unreachable", detail: "The service cannot be reached." });
    }
  }
}

/** @param {string} id @returns {string} the path of a job, its id escaped */
export function jobPath(id) {
  return `v1/jobs/${encodeURIComponent(id)}`;
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const document = typeof body === "object" && body !== null ? body : {};
  return new Problem({ ...document, status: response.status });
}
