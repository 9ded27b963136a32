/** Finds the place that a JSON pointer names in JSON text, so that a mistake can be shown where it was typed. */

/** @typedef {{start: number, end: number, line: number}} Place offsets into the text, and a line counted from 1 */

/** @param {string} pointer such as `#/optimizer/learning_rate` @returns {string[]} its unescaped parts */
export function pointerParts(pointer) {
  return pointer
    .replace(/^#?\/?/, "")
    .split("/")
    .filter((part) => part !== "")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/**
 * @param {string} text well-formed JSON @param {string} pointer
 * @returns {Place} the value, with its key; where the text stops short of the pointer, the deepest part that is there
 */
export function locate(text, pointer) {
  let place = { start: skip(text, 0), end: text.trimEnd().length };
  let value = place.start;
  for (const part of pointerParts(pointer)) {
    const child = children(text, value).find(({ name }) => name === part);
    if (!child) break;
    place = { start: child.start, end: child.end };
    value = child.value;
  }
  return { ...place, line: lineAt(text, place.start) };
}

/** @param {string} text @param {number} offset @returns {number} counted from 1 */
export function lineAt(text, offset) {
  return text.slice(0, offset).split("\n").length;
}

/** The members of the object or array that starts at an offset: name, whole place, and where its value begins. */
function children(text, open) {
  const isObject = text[open] === "{";
  if (!isObject && text[open] !== "[") return [];
  const found = [];
  let at = skip(text, open + 1);
  while (at < text.length && text[at] !== "}" && text[at] !== "]") {
    const start = at;
    let name = String(found.length);
    if (isObject) {
      const end = valueEnd(text, at);
      name = JSON.parse(text.slice(at, end));
      at = skip(text, skip(text, end) + 1);
    }
    const value = at;
    at = valueEnd(text, value);
    found.push({ name, start, end: at, value });
    at = skip(text, at);
    if (text[at] === ",") at = skip(text, at + 1);
  }
  return found;
}

/** The offset behind the value that starts at an offset. */
function valueEnd(text, start) {
  if (text[start] === '"') return stringEnd(text, start);
  if (text[start] !== "{" && text[start] !== "[")
    return start + (/^[^\s,\]}]*/.exec(text.slice(start))?.[0].length ?? 0);
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === '"') at = stringEnd(text, at) - 1;
    else if (text[at] === "{" || text[at] === "[") depth += 1;
    else if ((text[at] === "}" || text[at] === "]") && --depth === 0) return at + 1;
  }
  return text.length;
}

function stringEnd(text, start) {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function skip(text, at) {
  while (/\s/.test(text[at] ?? "")) at += 1;
  return at;
}
