import { metric } from "../format.js";
import { html } from "../html.js";
import { contest } from "../verdict.js";

/**
 * The network among simple methods, as bars; `score` is the measure that they are compared by.
 *
 * @param {{result: Record<string, any>, score: string}} props
 */
export function Contest({ result, score }) {
  const contestants = contest(result);
  if (!contestants.length) return null;
  return html`<ol class="contest">${contestants.map(
    ({ name, value, share, isNetwork }) => html`<li key=${name} class=${isNetwork ? "network" : ""}>
      <span>${name}</span> <b>${metric(score, value)}</b>
      <div aria-hidden="true" style=${{ width: `${100 * share}%` }}></div>
    </li>`,
  )}</ol>`;
}
