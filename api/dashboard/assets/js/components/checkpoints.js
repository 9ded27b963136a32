import { useEffect, useState } from "../../vendor/preact/hooks.js";
import { bytes, metric, number, words } from "../format.js";
import { useApi } from "../hooks/use-api.js";
import { html } from "../html.js";
import { jobPath } from "../http.js";
import { FileDownload } from "./file-download.js";
import { Notice } from "./notice.js";
import { Age } from "./time.js";

const COLUMNS = ["Step", "Kind", "Scores", "Saved", "Files"];

/**
 * Saved states of the network; the list is read again when `version` changes.
 *
 * @param {{jobId: string, version: string, now: number}} props
 */
export function Checkpoints({ jobId, version, now }) {
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
        <thead>
          <tr>${COLUMNS.map((name) => html`<th scope="col" key=${name}>${name}</th>`)}</tr>
        </thead>
        <tbody>
          ${checkpoints.map((one) => html`<${Row} key=${one.id} jobId=${jobId} checkpoint=${one} now=${now} />`)}
        </tbody>
      </table>
    </div>
  </section>`;
}

function Row({ jobId, checkpoint, now }) {
  const { step, epoch, kinds, metrics, files } = checkpoint;
  const path = `${jobPath(jobId)}/checkpoints/${encodeURIComponent(checkpoint.id)}/files`;
  const download = (file) =>
    html`<${FileDownload} path=${`${path}/${encodeURIComponent(file.name)}`} file=${file} saveAs=${`step-${step}-${file.name}`} />`;
  return html`<tr>
    <th scope="row">
      ${number(step)} ${epoch !== null && html`<span class="of">epoch ${number(epoch)}</span>`}
    </th>
    <td>${kinds.map((kind) => html`<span class="kind ${kind}" key=${kind}>${kind}</span>`)}</td>
    <td><${Scores} metrics=${metrics} /></td>
    <td class="of"><${Age} at=${checkpoint.created_at} now=${now} /></td>
    <td>
      <ul class="files">${files.map((file) => html`<li key=${file.name}>${download(file)}</li>`)}</ul>
      <span class="of">${bytes(checkpoint.bytes)} together</span>
    </td>
  </tr>`;
}

function Scores({ metrics }) {
  const scores = Object.entries(metrics ?? {}).filter(([, value]) => typeof value !== "object");
  return html`<ul class="scores">
    ${scores.map(([name, value]) => html`<li key=${name}>${words(name)} <b>${metric(name, value)}</b></li>`)}
  </ul>`;
}
