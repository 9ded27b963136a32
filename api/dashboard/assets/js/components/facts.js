import { number, sentence, words } from "../format.js";
import { html } from "../html.js";
import { Pair } from "./pair.js";

/** Any JSON object as a list of names and values. @param {{value: any}} props nothing is drawn when it is empty */
export function Facts({ value }) {
  const facts = flat(value);
  if (!facts.length) return null;
  return html`<dl class="pairs">
    ${facts.map(([name, text]) => html`<${Pair} key=${name} name=${sentence(words(name))}>${text}<//>`)}
  </dl>`;
}

/** Nested facts as one list: `splits.train` becomes "splits train". */
function flat(value, name = "") {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value))
    return value.length
      ? [[name, value.map((item) => (typeof item === "object" ? JSON.stringify(item) : String(item))).join(", ")]]
      : [];
  if (typeof value !== "object") return [[name, typeof value === "number" ? number(value) : String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flat(inner, name ? `${name} ${key}` : key));
}
