import { html } from "../html.js";
import { Prose } from "./prose.js";

/** What went wrong, said once and plainly. @param {{problem: Error|null, children?: any}} props `children` is what may help */
export function Notice({ problem, children }) {
  if (!problem) return null;
  return html`<div class="notice" role="alert"><p><${Prose} text=${problem.message} /></p>${children}</div>`;
}
