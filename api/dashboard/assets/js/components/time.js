import { age, moment } from "../format.js";
import { html } from "../html.js";

/** How long ago, with the full date on hover. @param {{at: string|null, now: number}} props */
export function Age({ at, now }) {
  return html`<time datetime=${at} title=${moment(at)}>${age(at, now)}</time>`;
}
