import { useEffect, useState } from "../../vendor/preact/hooks.js";
import { bytes, metric, moment, number, words } from "../format.js";
import { useApi } from "../hooks/use-api.js";
import { html } from "../html.js";
import { jobPath } from "../http.js";
import { FileDownload } from "./file-download.js";
import { Notice } from "./notice.js";

/** Saved states of the network. @param {{jobId: string, version: string}} props the list is read again when `version` changes */
export function Checkpoints({ jobId, version }) {
  const api = useApi();
  const [checkpoints, setCheckpoints] = useState(/** @type {import("../types.js").Checkpoint[]} */ ([]));
  const [problem, setProblem] = useState(/** @type {Error|null} */ (null));
  useEffect(() => {
    const abort = new AbortController();
    api.json(`${jobPath(jobId)}/checkpoints`, { signal: abort.signal }).then(
      ({ data }) => (setCheckpoints(data), setProblem(null)),
      (error) => abort.signal.aborted || setProblem(error),
    );
    return () => abort.abort();
  }, [api, jobId, version]);

  if (!checkpoints.length && !problem) return null;
  return html`<section aria-labelledby="checkpoints-title">
    <h2 id="checkpoints-title">Checkpoints</h2>
    <${Notice} problem=${problem} />
    <div class="scroll" tabindex="0" role="region" aria-labelledby="checkpoints-title">
      <table class="checkpoints">
        <thead><tr><th scope="col">Step</th><th scope="col">Kind</th><th scope="col">Scores</th><th scope="col">Saved</th><th scope="col">Files</th></tr></thead>
        <tbody>${checkpoints.map((checkpoint) => html`<${Row} key=${checkpoint.id} jobId=${jobId} checkpoint=${checkpoint} />`)}</tbody>
      </table>
    </div>
  </section>`;
}

function Row({ jobId, checkpoint }) {
  const path = `${jobPath(jobId)}/checkpoints/${encodeURIComponent(checkpoint.id)}/files`;
  return html`<tr>
    <th scope="row">${number(checkpoint.step)} ${checkpoint.epoch !== null && html`<span class="of">epoch ${number(checkpoint.epoch)}</span>`}</th>
    <td>${checkpoint.kinds.map((kind) => html`<span class="kind ${kind}" key=${kind}>${kind}</span>`)}</td>
    <td><${Scores} metrics=${checkpoint.metrics} /></td>
    <td class="of"><time datetime=${checkpoint.created_at}>${moment(checkpoint.created_at)}</time></td>
    <td><ul class="files">${checkpoint.files.map((file) => html`<li key=${file.name}><${FileDownload} path=${`${path}/${encodeURIComponent(file.name)}`} file=${file} saveAs=${`step-${checkpoint.step}-${file.name}`} /></li>`)}</ul>
      <span class="of">${bytes(checkpoint.bytes)} together</span></td>
  </tr>`;
}

function Scores({ metrics }) {
  const scores = Object.entries(metrics ?? {}).filter(([, value]) => typeof value !== "object");
  return html`<ul class="scores">${scores.map(([name, value]) => html`<li key=${name}>${words(name)} <b>${metric(name, value)}</b></li>`)}</ul>`;
}
