/** Numbers, times and names as people read them. Pure functions; an unknown value is an en dash. */

export const NOTHING = "–";

const PERCENT =
  /(^|\/)(accuracy|top\d+_accuracy|balanced_accuracy|f1|f1_macro|f1_micro|f1_weighted|precision|recall|auroc|auprc)$/;
const SHORT = { r2: "R²", lr: "learning rate" };
const UNITS = [
  { size: 86400, unit: "d" },
  { size: 3600, unit: "h" },
  { size: 60, unit: "min" },
  { size: 1, unit: "s" },
];
const LOWER_IS_BETTER = /(loss|error|mse|mae|rmse|mape|perplexity)$/;

/** @param {any} value a number, or one of the strings "NaN", "Infinity", "-Infinity" @returns {number} NaN for anything else */
export function toNumber(value) {
  return typeof value === "number" ? value : Number(typeof value === "string" && value !== "" ? value : NaN);
}

/** @param {any} value @param {number} [digits] significant ones @returns {string} */
export function number(value, digits = 4) {
  const given = toNumber(value);
  if (Number.isNaN(given)) return value === "NaN" ? "NaN" : NOTHING;
  if (!Number.isFinite(given)) return given > 0 ? "∞" : "−∞";
  if (Number.isInteger(given) && Math.abs(given) < 1e9) return given.toLocaleString("en");
  const size = Math.abs(given);
  if (size >= 1e9 || size < 1e-4) return minus(given.toExponential(2)).replace("e+", "e");
  return minus(
    given.toLocaleString(
      "en",
      size >= 10 ** digits ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits },
    ),
  );
}

function minus(text) {
  return text.replaceAll("-", "−");
}

/** @param {number} value @returns {string} short, for an axis */
export function compact(value) {
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return minus(Number(value.toPrecision(3)).toExponential());
  return minus(value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 })).replace("K", "k");
}

/** @param {string} name of a metric @returns {boolean} whether it is read as a percentage */
export function isPercent(name) {
  return PERCENT.test(name);
}

/** @param {string} name @returns {boolean} */
export function lowerIsBetter(name) {
  return LOWER_IS_BETTER.test(name);
}

/** @param {string} name of a metric, which says how to read @param {any} value @returns {string} */
export function metric(name, value) {
  const given = toNumber(value);
  if (!isPercent(name) || !Number.isFinite(given)) return number(value);
  return `${(given * 100).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 2 })} %`;
}

/** @param {string} name such as `validation/f1_macro` or `learning_rate` @returns {string} in words */
export function words(name) {
  return name
    .replaceAll(/[_/]/g, " ")
    .replaceAll(
      /\b(rmse|mae|mse|mape|r2|f1|auroc|auprc|cpu|gpu|lr)\b/g,
      (short) => SHORT[short] ?? short.toUpperCase(),
    );
}

/** @param {string} text @returns {string} with a capital first letter */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {number|null|undefined} seconds @returns {string} its two largest units */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return NOTHING;
  if (seconds < 0.1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * @param {string|null} from RFC 3339 @param {string|null} to the same; null means now @param {number} now epoch milliseconds
 * @returns {number|null} seconds
 */
export function secondsBetween(from, to, now) {
  if (!from) return null;
  return Math.max(0, ((to ? Date.parse(to) : now) - Date.parse(from)) / 1000);
}

/** @param {string|null} at @param {number} now epoch milliseconds @returns {string} its largest unit: "3 min ago" */
export function age(at, now) {
  const seconds = secondsBetween(at, null, now);
  if (seconds === null) return NOTHING;
  if (seconds < 5) return "just now";
  const { size, unit } = UNITS.find((candidate) => seconds >= candidate.size) ?? UNITS[3];
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

/** @param {string|null} at @returns {string} date and time on the reader's clock */
export function moment(at) {
  return at ? new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }) : NOTHING;
}

/** @param {string} at @returns {string} time of day on the reader's clock */
export function clock(at) {
  return new Date(at).toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
}

/** @param {number} count @returns {string} decimal units, as file managers show */
export function bytes(count) {
  if (!Number.isFinite(count)) return NOTHING;
  const power = Math.min(4, count < 1000 ? 0 : Math.floor(Math.log10(count) / 3));
  const scaled = count / 1000 ** power;
  return `${power && scaled < 100 ? scaled.toFixed(1) : Math.round(scaled)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}
