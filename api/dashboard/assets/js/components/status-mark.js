import { sentence } from "../format.js";
import { html } from "../html.js";

/** A status as a word, with a mark whose shape differs too. @param {{status: string}} props */
export function StatusMark({ status }) {
  return html`<span class="status ${status}"><i aria-hidden="true"></i>${sentence(status)}</span>`;
}
