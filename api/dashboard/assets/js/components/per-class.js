import { metric, sentence, words } from "../format.js";
import { html } from "../html.js";

/**
 * One row per class.
 *
 * @param {{rows: Record<string, any>[]|Record<string, Record<string, any>>|undefined}} props a list, or a mapping by class
 */
export function PerClass({ rows }) {
  const list = Array.isArray(rows)
    ? rows
    : Object.entries(rows ?? {}).map(([label, row]) => ({ class: label, ...row }));
  if (!list.length) return null;
  const [first, ...others] = Object.keys(list[0]);
  return html`<details>
    <summary>Per class</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Scores per class">
      <table class="small">
        <thead>
          <tr>
            <th scope="col">${sentence(words(first))}</th>
            ${others.map((name) => html`<th key=${name} scope="col" class="figure">${sentence(words(name))}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${list.map((row) => html`<${Row} key=${row[first]} label=${row[first]} row=${row} names=${others} />`)}
        </tbody>
      </table>
    </div>
  </details>`;
}

function Row({ label, row, names }) {
  return html`<tr>
    <th scope="row">${String(label)}</th>
    ${names.map((name) => html`<td key=${name} class="figure">${metric(name, row[name])}</td>`)}
  </tr>`;
}
