/** How a trained network compares with simple methods on the same test split. */
import { lowerIsBetter, sentence, toNumber, words } from "./format.js";

const PREFERRED = ["accuracy", "rmse", "mae", "r2", "auroc", "f1_macro", "mse", "loss"];

const IN_PLAIN_WORDS = {
  majority: "Always the most frequent class",
  mean: "Always the mean",
  last_value: "The last value again",
  seasonal_naive: "The last season again",
};

/** @typedef {{name: string, value: number, share: number, isNetwork: boolean}} Contestant `share` of the longest bar, 0 to 1 */

/** @param {Record<string, any>|undefined} test scores @returns {string|null} the name of the one that tells most */
export function decisiveScore(test) {
  const names = Object.keys(test ?? {}).filter((name) => Number.isFinite(toNumber(test?.[name])));
  return PREFERRED.find((name) => names.includes(name)) ?? names[0] ?? null;
}

/**
 * @param {Record<string, any>} result of a job
 * @returns {Contestant[]} the network and every baseline scored alike, best first; empty without a rival
 */
export function contest(result) {
  const score = decisiveScore(result.test);
  if (score === null) return [];
  const rivals = (result.baselines ?? []).filter(({ test }) => Number.isFinite(toNumber(test?.[score])));
  if (!rivals.length) return [];
  const all = [
    { name: "This network", value: toNumber(result.test[score]), isNetwork: true },
    ...rivals.map(({ name, test }) => ({
      name: IN_PLAIN_WORDS[name] ?? sentence(words(name)),
      value: toNumber(test[score]),
      isNetwork: false,
    })),
  ];
  const direction = lowerIsBetter(score) ? 1 : -1;
  const longest = Math.max(...all.map(({ value }) => Math.abs(value))) || 1;
  return all
    .map((contestant) => ({ ...contestant, share: Math.max(0, contestant.value / longest) }))
    .sort((a, b) => direction * (a.value - b.value));
}

/** @param {Record<string, any>} result of a job @returns {string} empty when there was nothing to compare with */
export function verdict(result) {
  if (result.beats_baselines === true) return "The network beats every simple method.";
  if (result.standing === "on_a_par") return "The best simple method does about as well as this network.";
  if (result.standing === "loses") return "A simple method does better than this network.";
  if (result.beats_baselines === false) return "A simple method does as well as this network, or better.";
  return "";
}
