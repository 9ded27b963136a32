import { duration, metric, secondsBetween, words } from "../format.js";
import { html } from "../html.js";
import { jobHref } from "../router.js";
import { ProgressBar } from "./progress-bar.js";
import { StatusMark } from "./status-mark.js";
import { Age } from "./time.js";

/** @param {{jobs: import("../types.js").Job[], now: number}} props */
export function JobTable({ jobs, now }) {
  return html`<table class="jobs">
    <thead>
      <tr><th scope="col">Job</th><th scope="col">Status</th><th scope="col">Progress</th><th scope="col" class="figure">Best</th>
        <th scope="col" class="figure">Duration</th><th scope="col" class="figure">Submitted</th></tr>
    </thead>
    <tbody>${jobs.map((job) => html`<${JobRow} key=${job.id} job=${job} now=${now} />`)}</tbody>
  </table>`;
}

function JobRow({ job, now }) {
  return html`<tr>
    <th scope="row" class="job-name">
      <a href=${jobHref(job.id)}>${job.name || "Untitled"}</a>
      <${Labels} labels=${job.labels} />
    </th>
    <td><${StatusMark} status=${job.status} /></td>
    <td class="job-progress"><${Progress} job=${job} /></td>
    <td class="figure"><${Best} result=${job.result} /></td>
    <td class="figure">${job.started_at && duration(secondsBetween(job.started_at, job.finished_at, now))}</td>
    <td class="figure"><${Age} at=${job.created_at} now=${now} /></td>
  </tr>`;
}

/** @param {{labels: Record<string, string>}} props */
export function Labels({ labels }) {
  const entries = Object.entries(labels ?? {});
  if (!entries.length) return null;
  return html`<span class="labels">${entries.map(([key, value]) => html`<span key=${key}>${key}=${value}</span>`)}</span>`;
}

function Progress({ job }) {
  if (job.status === "succeeded") return null;
  if (job.status === "failed")
    return html`<span class="why" title=${job.reason?.message}>${words(job.reason?.code ?? "")}</span>`;
  const fraction = job.progress?.fraction ?? 0;
  if (!fraction) return null;
  return html`<${ProgressBar} fraction=${fraction} status=${job.status} label=${`Progress of ${job.name || job.id}`} />
    <span class="percent">${Math.floor(fraction * 100)} %</span>`;
}

function Best({ result }) {
  if (!result?.best) return "";
  const { metric: name, value } = result.best;
  return html`${metric(name, value)}<span class="of">${words(name)}</span>`;
}
