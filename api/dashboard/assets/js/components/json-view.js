import { html } from "../html.js";

/**
 * JSON as indented text. With `given`, values that stand in it too are marked, so that defaults recede.
 *
 * @param {{value: any, given?: any}} props
 */
export function JsonView({ value, given }) {
  return html`<pre class="json" tabindex="0" aria-label="JSON"><${Value} value=${value} given=${given} marks=${given !== undefined} depth=${0} /></pre>`;
}

function Value({ value, given, marks, depth }) {
  if (Array.isArray(value) && value.some((item) => typeof item === "object" && item !== null)) {
    return html`<${Block} open="[" close="]" depth=${depth} entries=${value.map((item, i) => [null, item, given?.[i]])} marks=${marks} />`;
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    const entries = Object.entries(value).map(([key, inner]) => [key, inner, givenAt(given, key)]);
    return html`<${Block} open="{" close="}" depth=${depth} entries=${entries} marks=${marks} />`;
  }
  const kind = typeof value === "string" ? "text" : "literal";
  return html`<span class="${kind} ${marks && given === undefined ? "default" : ""}">${oneLine(value)}</span>`;
}

function Block({ open, close, depth, entries, marks }) {
  if (!entries.length) return `${open}${close}`;
  const inner = "  ".repeat(depth + 1);
  return html`${open}${entries.map(([key, value, given], i) => html`<span key=${key ?? i}>${"\n"}${inner}${key !== null && html`<span class="key">${JSON.stringify(key)}</span>${": "}`}<${Value}
    value=${value} given=${given} marks=${marks} depth=${depth + 1} />${i < entries.length - 1 ? "," : ""}</span>`)}${"\n"}${"  ".repeat(depth)}${close}`;
}

/** A bare string in a spec is short for `{"type": that}`. */
function givenAt(given, key) {
  if (typeof given === "string") return key === "type" ? given : undefined;
  return given === null || given === undefined ? undefined : given[key];
}

function oneLine(value) {
  return Array.isArray(value) ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]` : JSON.stringify(value);
}
