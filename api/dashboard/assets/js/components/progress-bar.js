import { html } from "../html.js";

/** @param {{fraction: number, label: string, status: string}} props */
export function ProgressBar({ fraction, label, status }) {
  const percent = Math.round(Math.min(1, Math.max(0, fraction || 0)) * 1000) / 10;
  return html`<div
    class="bar ${status}"
    role="progressbar"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${percent}
  >
    <div style=${{ width: `${percent}%` }}></div>
  </div>`;
}
