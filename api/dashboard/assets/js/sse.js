/**
 * Server-sent events out of a `fetch` body. The browser's own EventSource cannot send an Authorization header,
 * so the few parsing rules of the HTML standard are written out here.
 */

/** @typedef {{event: string, data: string, id: string|null, retry: number|null}} Frame */

/** Takes text as it arrives, in pieces cut anywhere, and hands out whole frames. */
export class FrameParser {
  #rest = "";
  #fields = blank();

  /** @param {string} text @returns {Frame[]} the frames completed by this piece */
  push(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => this.#take(line)).filter((frame) => frame !== null);
  }

  #take(line) {
    if (line === "") return this.#finish();
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "data") this.#fields.data.push(value ?? "");
    if (name === "event") this.#fields.event = value ?? "";
    if (name === "id") this.#fields.id = value ?? "";
    if (name === "retry" && /^\d+$/.test(value ?? "")) this.#fields.retry = Number(value);
    return null;
  }

  #finish() {
    const { event, data, id, retry } = this.#fields;
    this.#fields = blank();
    if (!data.length && !event && id === null && retry === null) return null;
    return { event: event || "message", data: data.join("\n"), id, retry };
  }
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<Frame>} frames until the stream ends
 */
export async function* frames(body) {
  const parser = new FrameParser();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield* parser.push(piece.value);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function blank() {
  return {
    event: "",
    data: /** @type {string[]} */ ([]),
    id: /** @type {string|null} */ (null),
    retry: /** @type {number|null} */ (null),
  };
}
