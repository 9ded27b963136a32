/** Rows to predict: which fields a job's network reads, and what has been typed as a row. */

/**
 * @typedef {{name: string, kind: "number"|"word"|"text"|"image"|"series"}} Field
 * @typedef {{missing: Record<string, number>, unseen: Record<string, number>}} Unusual
 */

/**
 * @param {Record<string, any>} spec resolved
 * @returns {Field[]} what one row is made of
 */
export function fieldsOf(spec) {
  if (spec.task === "forecasting") return [{ name: "series", kind: "series" }];
  const features = Object.entries(spec.data.features ?? {}).filter(([name]) => name !== "*");
  if (features.length) return features.map(([name, { type }]) => ({ name, kind: kindOf(type) }));
  const isText = (spec.preprocessing?.text?.tokenizer ?? "auto") !== "auto";
  return [isText ? { name: "text", kind: "text" } : { name: "image", kind: "image" }];
}

function kindOf(type) {
  return type === "number" || type === "text" ? type : "word";
}

/**
 * What was typed goes as it is: the service reads numbers itself and points at what it cannot read.
 *
 * @param {Field[]} fields @param {Record<string, string>} typed
 * @returns {Record<string, any>} a row; throws SyntaxError for a series that is no JSON
 */
export function rowOf(fields, typed) {
  const filled = fields.filter(({ name }) => typed[name]?.trim());
  return Object.fromEntries(
    filled.map(({ name, kind }) => [name, kind === "series" ? JSON.parse(typed[name]) : typed[name]]),
  );
}

/** @param {Record<string, number>} probabilities @param {number} count @returns {[string, number][]} the largest first */
export function likeliest(probabilities, count) {
  return Object.entries(probabilities)
    .sort(([, one], [, other]) => other - one)
    .slice(0, count);
}

/** @param {Unusual} answer @returns {string[]} sentences about what was filled in or unknown */
export function remarks({ missing, unseen }) {
  const [gone, unknown] = [Object.keys(missing), Object.keys(unseen)];
  return [
    ...(gone.length ? [`Filled in as in training: ${gone.join(", ")}.`] : []),
    ...(unknown.length ? [`Never seen in training: ${unknown.join(", ")}.`] : []),
  ];
}
