import { number, sentence, words } from "../format.js";
import { html } from "../html.js";

/** What the diagnosis found in a run, by its events; a rule that found something twice is shown once. @param {{events: any[]}} props */
export function Findings({ events }) {
  const found = new Map(events.filter(({ type }) => type === "job.finding").map(({ data }) => [data.rule, data]));
  if (!found.size) return null;
  return html`<section class="findings" aria-labelledby="findings-title">
    <h2 id="findings-title">Diagnosis</h2>
    <ul>${[...found.values()].map((one) => html`<${Finding} key=${one.rule} finding=${one} />`)}</ul>
  </section>`;
}

function Finding({ finding }) {
  const { rule, severity, first_step, message, suggestion } = finding;
  return html`<li class=${`finding ${severity}`}>
    <h3>${sentence(words(rule))} <span class="of">step ${number(first_step)}</span></h3>
    <p>${message}</p>
    <p>${suggestion.message}</p>
    ${
      suggestion.patch &&
      html`<details><summary>Patch to fork with</summary><pre tabindex="0">${JSON.stringify(suggestion.patch, null, 2)}</pre></details>`
    }
  </li>`;
}
