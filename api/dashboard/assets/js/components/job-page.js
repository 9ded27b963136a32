import { useEffect } from "../../vendor/preact/hooks.js";
import { useApi } from "../hooks/use-api.js";
import { useJob } from "../hooks/use-job.js";
import { useMetrics } from "../hooks/use-metrics.js";
import { useNow } from "../hooks/use-now.js";
import { html } from "../html.js";
import { listHref } from "../router.js";
import { Attempts } from "./attempts.js";
import { Charts } from "./charts.js";
import { Checkpoints } from "./checkpoints.js";
import { Findings } from "./findings.js";
import { JobHead } from "./job-head.js";
import { LogTail } from "./log-tail.js";
import { Notice } from "./notice.js";
import { Result } from "./result.js";
import { SpecView } from "./spec-view.js";
import { Timeline } from "./timeline.js";
import { TryIt } from "./try-it.js";
import { Warnings } from "./warnings.js";

/** One job, live. @param {{id: string}} props */
export function JobPage({ id }) {
  const api = useApi();
  const { job, events, error, connection, feed, refresh } = useJob(api, id);
  const store = useMetrics(api, id, feed);
  const now = useNow(1000);
  useEffect(() => void (document.title = `${job?.name || "Job"} · Trainyard`), [job?.name]);

  if (job === null) return html`<${NotYet} error=${error} onRetry=${refresh} />`;
  return html`<article class="job">
    <${JobHead} job=${job} now=${now} connection=${connection} isStopping=${isStopping(events)} onChanged=${refresh} />
    <${Notice} problem=${error} />
    <${Warnings} warnings=${job.warnings} />
    <div class="job-columns">
      <div class="job-main">
        <${Findings} events=${events} />
        <${TryIt} key=${id} job=${job} />
        <${Charts} store=${store} status=${job.status} />
        <${LogTail} jobId=${id} feed=${feed} />
        <${Checkpoints} jobId=${id} version=${checkpointVersion(job, events)} now=${now} />
      </div>
      <aside class="job-side">
        <${Result} result=${job.result} />
        <${Timeline} events=${events} />
        <${Attempts} attempts=${job.attempts} now=${now} />
      </aside>
    </div>
    <${SpecView} spec=${job.spec} resolved=${job.resolved_spec} />
  </article>`;
}

function NotYet({ error, onRetry }) {
  if (!error) return html`<p class="quiet" role="status">Loading the job</p>`;
  return html`<div class="empty">
    <${Notice} problem=${error}><button type="button" onClick=${onRetry}>Try again</button><//>
    <p><a href=${listHref()}>All jobs</a></p>
  </div>`;
}

/** Whether this attempt has been asked to finish early; the status stays "running" meanwhile. */
function isStopping(events) {
  return events.findLast(({ type }) => type === "job.stopping" || type === "job.running")?.type === "job.stopping";
}

/** Changes whenever the list of checkpoints may have. */
function checkpointVersion(job, events) {
  return `${job.status} ${events.filter(({ type }) => type.includes("checkpoint")).length}`;
}
