import { html } from "../html.js";

/**
 * JSON as indented text. With `given`, values that stand in it too are marked, so that defaults recede.
 *
 * @param {{value: any, given?: any}} props
 */
export function JsonView({ value, given }) {
  return html`<pre class="json" tabindex="0" aria-label="JSON">
    <${Value} value=${value} given=${given} marks=${given !== undefined} depth=${0} />
  </pre>`;
}

function Value({ value, given, marks, depth }) {
  if (isBlock(value)) return html`<${Block} value=${value} given=${given} marks=${marks} depth=${depth} />`;
  const kind = typeof value === "string" ? "text" : "literal";
  return html`<span class="${kind} ${marks && given === undefined ? "default" : ""}">${oneLine(value)}</span>`;
}

/** An object, or a list of objects: one member a line. */
function Block({ value, given, marks, depth }) {
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const names = Object.keys(value);
  if (!names.length) return `${open}${close}`;
  const indent = `\n${"  ".repeat(depth + 1)}`;
  const members = names.map((name, i) => {
    const inner = { value: value[name], given: givenAt(given, name), marks, depth: depth + 1 };
    return html`<span key=${name}>
      ${indent}${!Array.isArray(value) && html`<${Key} name=${name} />`}
      <${Value} ...${inner} />${i < names.length - 1 && ","}
    </span>`;
  });
  return html`${open}${members}${`\n${"  ".repeat(depth)}`}${close}`;
}

function Key({ name }) {
  return html`<span class="key">${JSON.stringify(name)}</span>${": "}`;
}

function isBlock(value) {
  if (Array.isArray(value)) return value.some((item) => typeof item === "object" && item !== null);
  return typeof value === "object" && value !== null;
}

/** A bare string in a spec is short for `{"type": that}`. */
function givenAt(given, key) {
  if (typeof given === "string") return key === "type" ? given : undefined;
  return given === null || given === undefined ? undefined : given[key];
}

function oneLine(value) {
  return Array.isArray(value) ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]` : JSON.stringify(value);
}
