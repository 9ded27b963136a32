import { html } from "../html.js";

/** A named value in a description list. @param {{name: string, children: any}} props */
export function Pair({ name, children }) {
  return html`<div>
    <dt>${name}</dt>
    <dd>${children}</dd>
  </div>`;
}
