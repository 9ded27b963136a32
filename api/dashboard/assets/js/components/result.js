import { duration, metric, number, sentence, words } from "../format.js";
import { html } from "../html.js";
import { baselineSentences, primaryScore } from "../verdict.js";
import { Facts } from "./facts.js";
import { PerClass } from "./per-class.js";

/** What the training came to, scored once on the test split. @param {{result: Record<string, any>|null}} props */
export function Result({ result }) {
  if (!result) return null;
  const primary = primaryScore(result.test);
  const others = Object.entries(result.test ?? {}).filter(([name, value]) => name !== primary?.name && typeof value !== "object");
  return html`<section class="result" aria-labelledby="result-title">
    <h2 id="result-title">Result</h2>
    ${primary && html`<p class="score"><b>${metric(primary.name, primary.value)}</b> test ${words(primary.name)}</p>`}
    ${baselineSentences(result).map((text) => html`<p key=${text}>${text}</p>`)}
    <dl class="pairs">
      ${others.map(([name, value]) => html`<div key=${name}><dt>Test ${words(name)}</dt><dd>${metric(name, value)}</dd></div>`)}
      ${result.best && html`<div><dt>Best ${words(result.best.metric)}</dt><dd>${metric(result.best.metric, result.best.value)} <small>step ${number(result.best.step)}</small></dd></div>`}
      <div><dt>Parameters</dt><dd>${number(result.parameters)}</dd></div>
      <div><dt>Samples per second</dt><dd>${number(result.samples_per_second)}</dd></div>
      ${Object.entries(result.phase_seconds ?? {}).map(([phase, seconds]) => html`<div key=${phase}><dt>${sentence(words(phase))}</dt><dd>${duration(seconds)}</dd></div>`)}
    </dl>
    <${PerClass} rows=${result.per_class} />
    <${DataReport} report=${result.data_report} />
  </section>`;
}

function DataReport({ report }) {
  if (!Object.keys(report ?? {}).length) return null;
  return html`<details><summary>Data report</summary><${Facts} value=${report} /></details>`;
}
