import { duration, metric, number, sentence, words } from "../format.js";
import { html } from "../html.js";
import { decisiveScore, verdict } from "../verdict.js";
import { Contest } from "./contest.js";
import { Facts } from "./facts.js";
import { Pair } from "./pair.js";
import { PerClass } from "./per-class.js";

/** What the training came to, scored once on the test split. @param {{result: Record<string, any>|null}} props */
export function Result({ result }) {
  if (!result) return null;
  const decisive = decisiveScore(result.test);
  const others = Object.entries(result.test ?? {}).filter(
    ([name, value]) => name !== decisive && typeof value !== "object",
  );
  const phases = Object.entries(result.phase_seconds ?? {});
  return html`<section class="result" aria-labelledby="result-title">
    <h2 id="result-title">Result</h2>
    ${
      decisive &&
      html`<p class="score"><b>${metric(decisive, result.test[decisive])}</b> test ${words(decisive)}</p>
      <p>${verdict(result)}</p>
      <${Contest} result=${result} score=${decisive} />`
    }
    <dl class="pairs">
      ${others.map(([name, value]) => html`<${Pair} key=${name} name=${`Test ${words(name)}`}>${metric(name, value)}<//>`)}
      ${result.best && html`<${Best} best=${result.best} />`}
      <${Pair} name="Parameters">${number(result.parameters)}<//>
      <${Pair} name="Samples per second">${number(result.samples_per_second)}<//>
      ${phases.map(([name, seconds]) => html`<${Pair} key=${name} name=${sentence(words(name))}>${duration(seconds)}<//>`)}
    </dl>
    <${PerClass} rows=${result.per_class} />
    <${DataReport} report=${result.data_report} />
  </section>`;
}

function Best({ best }) {
  return html`<${Pair} name=${`Best ${words(best.metric)}`}>
    ${metric(best.metric, best.value)}<small> step ${number(best.step)}</small>
  <//>`;
}

function DataReport({ report }) {
  if (!Object.keys(report ?? {}).length) return null;
  return html`<details><summary>Data report</summary><${Facts} value=${report} /></details>`;
}
