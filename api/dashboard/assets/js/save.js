/** Hands files to the reader. A plain link cannot carry the key, so the bytes are fetched and saved from memory. */

/** @param {Blob} blob @param {string} name */
export function saveBlob(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser reads the address after this turn; a minute is ample, and then the memory is given back.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** @param {string} text @param {string} name */
export function saveText(text, name) {
  saveBlob(new Blob([text], { type: "text/plain" }), name);
}

/**
 * @param {Response} response @param {(received: number) => void} onProgress bytes so far
 * @returns {Promise<Blob>}
 */
export async function readBlob(response, onProgress) {
  const parts = [];
  let received = 0;
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    parts.push(piece.value);
    received += piece.value.byteLength;
    onProgress(received);
  }
  return new Blob(parts, { type: "application/octet-stream" });
}

/**
 * @param {Blob} blob
 * @returns {Promise<string|null>} hexadecimal; null where the page is not served securely and the browser does not compute it
 */
export async function sha256(blob) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
