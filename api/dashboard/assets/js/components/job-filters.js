import { useEffect, useState } from "../../vendor/preact/hooks.js";
import { sentence } from "../format.js";
import { html } from "../html.js";
import { STATUSES } from "../status.js";

/**
 * @typedef {import("../hooks/use-jobs.js").Filters} Filters
 *
 * @param {{filters: Filters, onChange: (filters: Filters) => void}} props
 */
export function JobFilters({ filters, onChange }) {
  const [label, setLabel] = useState(filters.label);
  useEffect(() => setLabel(filters.label), [filters.label]);
  const isHalf = label !== "" && !/^[^=]+=.+$/.test(label);

  function apply(event) {
    event.preventDefault();
    if (!isHalf) onChange({ ...filters, label: label.trim() });
  }

  return html`<form class="filters" role="search" aria-label="Filter jobs" onSubmit=${apply}>
    <div>
      <label for="filter-status">Status</label>
      <select
        id="filter-status"
        value=${filters.status}
        onChange=${(event) => onChange({ ...filters, status: event.currentTarget.value })}
      >
        <option value="">Any</option>
        ${STATUSES.map((status) => html`<option key=${status} value=${status}>${sentence(status)}</option>`)}
      </select>
    </div>
    <div>
      <label for="filter-label">Label</label>
      <input id="filter-label" type="search" placeholder="team=risk" autocomplete="off" spellcheck="false" aria-invalid=${isHalf}
        aria-describedby="filter-hint" value=${label} onInput=${(event) => setLabel(event.currentTarget.value)} onBlur=${apply} />
      <span id="filter-hint" class="hint">${isHalf ? "Write a label as key=value." : ""}</span>
    </div>
  </form>`;
}
