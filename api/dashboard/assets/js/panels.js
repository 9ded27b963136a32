/** Which charts a job gets, from the names of its metrics. */
import { isPercent, sentence, words } from "./format.js";

/** @typedef {{key: string, title: string, names: string[], logarithmic: boolean}} Panel */

const SCORES = ["accuracy", "rmse", "mae"];

/**
 * @param {string[]} names such as `train/loss` and `validation/loss`, which share a chart
 * @returns {{main: Panel[], more: Panel[]}} `main` is loss, one score and the learning rate
 */
export function panelsFor(names) {
  const groups = new Map();
  for (const name of [...names].sort(trainFirst)) {
    const key = /^(train|validation)\//.test(name) ? name.slice(name.indexOf("/") + 1) : name;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  const keys = [...groups.keys()];
  const score = SCORES.find((key) => keys.includes(key)) ?? keys.find((key) => isScore(key, groups.get(key)));
  const main = ["loss", score, "learning_rate"].filter((key) => key && groups.has(key));
  const more = keys.filter((key) => !main.includes(key)).sort();
  return { main: main.map((key) => panel(key, groups.get(key))), more: more.map((key) => panel(key, groups.get(key))) };
}

function panel(key, names) {
  return { key, title: sentence(words(key)), names, logarithmic: key === "loss" || key === "gradient_norm" };
}

function isScore(key, names) {
  return key !== "loss" && (isPercent(key) || names.some((name) => name.startsWith("validation/")));
}

function trainFirst(a, b) {
  return Number(b.startsWith("train/")) - Number(a.startsWith("train/")) || a.localeCompare(b);
}
