import { useState } from "../../vendor/preact/hooks.js";
import { bytes } from "../format.js";
import { useApi } from "../hooks/use-api.js";
import { html } from "../html.js";
import { readBlob, saveBlob, sha256 } from "../save.js";

/**
 * One file to download; what arrives is compared with the declared digest before it is saved.
 *
 * @param {{path: string, file: {name: string, bytes: number, sha256: string}, saveAs: string}} props
 */
export function FileDownload({ path, file, saveAs }) {
  const api = useApi();
  const [state, setState] = useState("");

  async function download() {
    setState("0 %");
    try {
      const response = await api.request(path);
      const blob = await readBlob(response, (received) =>
        setState(`${Math.floor((100 * received) / (file.bytes || 1))} %`),
      );
      const digest = await sha256(blob);
      if (digest !== null && digest !== file.sha256) throw new Error("The digest does not match; nothing was saved.");
      saveBlob(blob, saveAs);
      setState(digest === null ? "saved" : "saved, digest verified");
    } catch (error) {
      setState(error.message);
    }
  }

  return html`<span class="file">
    <button type="button" class="link" onClick=${download} title=${`sha256 ${file.sha256}`}>${file.name}</button>
    <span class="of">${bytes(file.bytes)}</span>
    <span class="of" role="status">${state}</span>
  </span>`;
}
