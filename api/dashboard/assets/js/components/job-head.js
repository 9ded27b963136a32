import { duration, number, secondsBetween, sentence, words } from "../format.js";
import { html } from "../html.js";
import { listHref } from "../router.js";
import { isTerminal, queueSentence } from "../status.js";
import { Controls } from "./controls.js";
import { Labels } from "./job-table.js";
import { Pair } from "./pair.js";
import { ProgressBar } from "./progress-bar.js";
import { StatusMark } from "./status-mark.js";
import { Age } from "./time.js";

const CONNECTION = { connecting: "Connecting", waiting: "Connection lost, trying again" };

/**
 * Name, status and progress of a job, and what may be asked of it.
 *
 * @param {{job: import("../types.js").Job, now: number, connection: string, isStopping: boolean,
 *          onChanged: () => Promise<void>}} props
 */
export function JobHead({ job, now, connection, isStopping, onChanged }) {
  return html`<header class="job-head">
    <p class="crumb"><a href=${listHref()}>Jobs</a></p>
    <div class="room-head">
      <h1>${job.name || "Untitled"}</h1>
      <${Controls} job=${job} isStopping=${isStopping} onChanged=${onChanged} />
    </div>
    <p class="standing" role="status">
      <${StatusMark} status=${job.status} />
      <span>${standing(job, isStopping)}</span>
      ${CONNECTION[connection] && html`<span class="connection">${CONNECTION[connection]}</span>`}
    </p>
    ${job.reason && html`<${Reason} reason=${job.reason} isFinal=${job.status === "failed"} />`}
    <${Progress} job=${job} now=${now} />
    <p class="facts">
      <code>${job.id}</code>
      <span>submitted <${Age} at=${job.created_at} now=${now} /></span>
      <${Labels} labels=${job.labels} />
    </p>
  </header>`;
}

/** What the job is doing, behind its status. */
function standing(job, isStopping) {
  if (job.status === "queued") return queueSentence(job.queue);
  if (isTerminal(job.status) || !job.phase || job.phase === "waiting") return "";
  return isStopping && job.phase === "training" ? "finishing early" : words(job.phase);
}

function Reason({ reason, isFinal }) {
  return html`<div class="notice ${isFinal ? "" : "mild"}">
    <p><strong>${sentence(words(reason.code))}</strong></p>
    <p>${reason.message}</p>
    ${reason.param && html`<p><code>${reason.param}</code></p>`}
  </div>`;
}

function Progress({ job, now }) {
  const { fraction = 0, epoch, epochs, step, steps, eta_seconds: eta } = job.progress ?? {};
  const elapsed = secondsBetween(job.started_at, job.finished_at, now);
  return html`<div class="progress">
    <${ProgressBar} fraction=${fraction} status=${job.status} label="Progress of this job" />
    <dl>
      <${Pair} name="Done">${Math.floor((fraction ?? 0) * 100)} %<//>
      <${Count} name="Epoch" done=${epoch} all=${epochs} />
      <${Count} name="Step" done=${step} all=${steps} />
      ${elapsed !== null && html`<${Pair} name=${job.finished_at ? "Took" : "Since start"}>${duration(elapsed)}<//>`}
      ${job.status === "running" && html`<${Pair} name="Remaining">${duration(eta)}<//>`}
    </dl>
  </div>`;
}

function Count({ name, done, all }) {
  if (done === null || done === undefined) return null;
  return html`<${Pair} name=${name}>${number(done)}${all && html`<small> of ${number(all)}</small>`}<//>`;
}
