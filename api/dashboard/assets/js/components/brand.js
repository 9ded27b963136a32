import { html } from "../html.js";

/** The name with its mark: a siding that joins the line. */
export function Brand() {
  return html`<span class="brand">
    <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
      <path d="M3 18h18M3 18c6 0 7-12 18-12" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" />
      <circle cx="21" cy="6" r="2" fill="currentColor" />
    </svg>
    Trainyard
  </span>`;
}
