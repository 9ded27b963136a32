/** Says in plain words how a trained network compares with the simple methods on the same split. */
import { lowerIsBetter, metric, toNumber, words } from "./format.js";

const PREFERRED = ["accuracy", "auroc", "f1_macro", "r2", "rmse", "mae", "mse", "loss"];

const BASELINES = {
  majority: "always guessing the most frequent class",
  mean: "always guessing the mean",
  median: "always guessing the median",
  linear: "a linear model",
  last_value: "repeating the last value",
  seasonal_naive: "repeating the last season",
  boosted_trees: "boosted trees",
  ar: "a linear autoregression",
};

/** @param {Record<string, any>|undefined} test @returns {{name: string, value: any}|null} the one number that tells most */
export function primaryScore(test) {
  const names = Object.keys(test ?? {}).filter((name) => Number.isFinite(toNumber(test?.[name])));
  const name = PREFERRED.find((preferred) => names.includes(preferred)) ?? names[0];
  return name === undefined ? null : { name, value: test?.[name] };
}

/** @param {Record<string, any>} result of a job @returns {string[]} sentences; none where no baseline was scored by the same measure */
export function baselineSentences(result) {
  const primary = primaryScore(result.test);
  const scored = (result.baselines ?? []).filter(({ test }) => primary && test?.[primary.name] !== undefined);
  if (!primary || !scored.length) return [];
  const lines = scored.map(({ name, test }) => `${capital(BASELINES[name] ?? words(name))} reaches ${metric(primary.name, test[primary.name])}.`);
  return [verdict(result, primary, scored), ...lines];
}

function verdict(result, primary, scored) {
  const lower = lowerIsBetter(primary.name);
  const beaten = scored.filter(({ test }) => (lower ? toNumber(primary.value) < toNumber(test[primary.name]) : toNumber(primary.value) > toNumber(test[primary.name])));
  if (result.beats_baselines === true || (result.beats_baselines === undefined && beaten.length === scored.length)) {
    return scored.length === 1 ? "The network beats the baseline." : "The network beats every baseline.";
  }
  if (!beaten.length) return "The network beats no baseline: a simpler method does as well here.";
  return `The network does not clearly beat every baseline (${beaten.length} of ${scored.length} score lower).`;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
