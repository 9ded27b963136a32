/** Asks the service what it makes of a spec, a moment after the last key was pressed. Nothing is stored. */
import { useEffect, useState } from "../../vendor/preact/hooks.js";

const PAUSE_MS = 500;
const NOTHING = { text: "{}", report: null, problem: null, isChecking: false };

/**
 * What the service says of `text`, the last well-formed one: its `report`, or the `problem` with it.
 *
 * @typedef {{text: string, report: Record<string, any>|null,
 *            problem: (Error & {errors?: import("../types.js").FieldError[]})|null, isChecking: boolean}} DryRun
 */

/** @param {import("../http.js").Api} api @param {string} spec JSON text @returns {DryRun} */
export function useDryRun(api, spec) {
  const [state, setState] = useState(/** @type {DryRun} */ (NOTHING));

  async function check(signal) {
    setState((known) => ({ ...known, isChecking: true }));
    try {
      const report = await api.json("v1/jobs", { method: "POST", query: { dry_run: "schema" }, body: spec, signal });
      setState({ ...NOTHING, text: spec, report });
    } catch (problem) {
      if (!signal.aborted) setState({ ...NOTHING, text: spec, problem });
    }
  }

  useEffect(() => {
    const mistake = syntaxMistake(spec);
    if (mistake) {
      setState({ ...NOTHING, problem: mistake });
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => void check(abort.signal), PAUSE_MS);
    return () => (clearTimeout(timer), abort.abort());
  }, [api, spec]);
  return state;
}

/** What is wrong with the text as JSON, said without a request. */
function syntaxMistake(spec) {
  try {
    JSON.parse(spec);
    return null;
  } catch (error) {
    return new Error(spec.trim() ? `This is not JSON yet: ${error.message}` : "Paste or write a job spec.");
  }
}
