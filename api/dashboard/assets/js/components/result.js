import { duration, metric, number, sentence, words } from "../format.js";
import { html } from "../html.js";
import { baselineSentences, primaryScore } from "../verdict.js";
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
  const facts = flat(report);
  if (!facts.length) return null;
  return html`<details><summary>Data report</summary>
    <dl class="pairs">${facts.map(([name, value]) => html`<div key=${name}><dt>${sentence(words(name))}</dt><dd>${value}</dd></div>`)}</dl>
  </details>`;
}

/** Nested facts as one list: `splits.train` becomes "splits train". */
function flat(value, name = "") {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.length ? [[name, value.map(String).join(", ")]] : [];
  if (typeof value !== "object") return [[name, typeof value === "number" ? number(value) : String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flat(inner, name ? `${name} ${key}` : key));
}
