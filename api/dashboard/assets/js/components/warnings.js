import { html } from "../html.js";

/** @param {{warnings: any[]}} props each a sentence, or `{code, message}` */
export function Warnings({ warnings }) {
  if (!warnings?.length) return null;
  return html`<section class="warnings" aria-label="Warnings">
    <ul>${warnings.map((warning, i) => html`<li key=${i}>${typeof warning === "string" ? warning : warning.message}</li>`)}</ul>
  </section>`;
}
