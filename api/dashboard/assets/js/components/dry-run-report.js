import { html } from "../html.js";
import { locate } from "../pointers.js";
import { Facts } from "./facts.js";
import { JsonView } from "./json-view.js";
import { Prose } from "./prose.js";

/**
 * What the service makes of the spec: its mistakes, each a way to its place in the text, or everything it would do.
 *
 * @param {{text: string, report: Record<string, any>|null, problem: (Error & {errors?: import("../types.js").FieldError[]})|null,
 *          isChecking: boolean, onShow: (place: import("../pointers.js").Place) => void}} props
 */
export function DryRunReport({ text, report, problem, isChecking, onShow }) {
  const state = isChecking ? "report stale" : "report";
  return html`<section id="report" class=${state} aria-label="Check" aria-live="polite" aria-busy=${isChecking}>
    ${problem && html`<${Mistakes} text=${text} problem=${problem} onShow=${onShow} />`}
    ${report && html`<${Plan} text=${text} report=${report} />`}
    ${!problem && !report && html`<p class="quiet">Checking</p>`}
  </section>`;
}

function Mistakes({ text, problem, onShow }) {
  const errors = problem.errors ?? [];
  if (!errors.length) return html`<div class="notice"><p><${Prose} text=${problem.message} /></p></div>`;
  return html`<h2>${errors.length === 1 ? "One mistake" : `${errors.length} mistakes`}</h2>
    <ul class="mistakes">${inOrder(text, errors).map(
      ({ pointer, detail, place }) => html`<li key=${pointer + detail}>
        <button type="button" class="link" onClick=${() => onShow(place)}><code>${pointer}</code></button>
        <span class="of"> line ${place.line}</span>
        <p><${Prose} text=${detail} /></p>
      </li>`,
    )}</ul>`;
}

/** The mistakes from top to bottom of the text. */
function inOrder(text, errors) {
  return errors
    .map((error) => ({ ...error, place: locate(text, error.pointer) }))
    .sort((a, b) => a.place.start - b.place.start);
}

function Plan({ text, report }) {
  const { resolved_spec: resolved, ...facts } = report;
  return html`<h2>Ready to submit</h2>
    <${Facts} value=${facts} />
    <p class="quiet">Coloured values are yours; the others are defaults.</p>
    <${JsonView} value=${resolved} given=${JSON.parse(text)} />`;
}
