import { metric, sentence, words } from "../format.js";
import { html } from "../html.js";

/** One row per class. @param {{rows: Record<string, any>[]|Record<string, Record<string, any>>|undefined}} props a list, or a mapping by class */
export function PerClass({ rows }) {
  const list = Array.isArray(rows) ? rows : Object.entries(rows ?? {}).map(([label, row]) => ({ label, ...row }));
  if (!list.length) return null;
  const columns = Object.keys(list[0]);
  return html`<details><summary>Per class</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Scores per class">
      <table class="small">
        <thead><tr>${columns.map((name, i) => html`<th key=${name} scope="col" class=${i ? "figure" : ""}>${sentence(words(name))}</th>`)}</tr></thead>
        <tbody>${list.map((row) => html`<tr key=${row[columns[0]]}>
          ${columns.map((name, i) => (i ? html`<td key=${name} class="figure">${metric(name, row[name])}</td>` : html`<th key=${name} scope="row">${String(row[name])}</th>`))}
        </tr>`)}</tbody>
      </table>
    </div>
  </details>`;
}
