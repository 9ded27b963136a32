import { useEffect, useState } from "../../vendor/preact/hooks.js";
import { useApi } from "../hooks/use-api.js";
import { PAGE, useJobs } from "../hooks/use-jobs.js";
import { useNow } from "../hooks/use-now.js";
import { html } from "../html.js";
import { listHref } from "../router.js";
import { JobFilters } from "./job-filters.js";
import { JobTable } from "./job-table.js";
import { Notice } from "./notice.js";

/** All jobs, newest first, narrowed by the filters in the address. @param {{query: URLSearchParams}} props */
export function JobsPage({ query }) {
  const filters = { status: query.get("status") ?? "", label: query.get("label") ?? "" };
  const [wanted, setWanted] = useState(PAGE);
  const { jobs, hasMore, error, refresh } = useJobs(useApi(), filters, wanted);
  const now = useNow(1000);
  useEffect(() => void (document.title = "Jobs · Trainyard"), []);
  useEffect(() => setWanted(PAGE), [filters.status, filters.label]);

  return html`<div class="jobs-page">
    <div class="room-head">
      <h1>Jobs</h1>
      <a class="button primary" href="#/submit">New job</a>
    </div>
    <${JobFilters} filters=${filters} onChange=${(changed) => (location.hash = listHref(changed))} />
    <${Notice} problem=${error}><button type="button" onClick=${refresh}>Try again</button><//>
    ${jobs === null && !error && html`<p class="quiet" role="status">Loading jobs</p>`}
    ${jobs?.length === 0 && html`<${NoJobs} isFiltered=${filters.status || filters.label} />`}
    ${jobs && jobs.length > 0 && html`<${JobTable} jobs=${jobs} now=${now} />`}
    ${hasMore && html`<button type="button" class="more" onClick=${() => setWanted(wanted + PAGE)}>Show older jobs</button>`}
  </div>`;
}

function NoJobs({ isFiltered }) {
  if (isFiltered)
    return html`<div class="empty"><p>No job matches.</p><p><a href=${listHref()}>Show all jobs</a></p></div>`;
  return html`<div class="empty">
    <p>The yard is empty.</p>
    <p class="quiet">The smallest useful job is <code>{"data": {"dataset": "digits"}}</code>.</p>
    <p><a href="#/submit">Submit it from here</a></p>
  </div>`;
}
