/** Asks the service what it makes of a spec, a moment after the last key was pressed. Nothing is stored. */
import { useEffect, useRef, useState } from "../../vendor/preact/hooks.js";

const PAUSE_MS = 500;
const NOTHING = { report: null, problem: null, isChecking: false };

/**
 * @typedef {{report: Record<string, any>|null, problem: (Error & {errors?: import("../types.js").FieldError[]})|null, isChecking: boolean,
 *            tryStep: () => Promise<void>}} DryRun `report` is the service's answer, `problem` its refusal
 */

/** @param {import("../http.js").Api} api @param {string} spec JSON text @returns {DryRun} */
export function useDryRun(api, spec) {
  const [state, setState] = useState(/** @type {Omit<DryRun, "tryStep">} */ (NOTHING));
  const abort = useRef(new AbortController());

  async function check(depth) {
    abort.current.abort();
    const { signal } = (abort.current = new AbortController());
    setState((known) => ({ ...known, isChecking: true }));
    try {
      const report = await api.json("v1/jobs", { method: "POST", query: { dry_run: depth }, body: spec, signal });
      setState({ ...NOTHING, report });
    } catch (problem) {
      if (!signal.aborted) setState({ ...NOTHING, problem });
    }
  }

  useEffect(() => {
    const mistake = syntaxMistake(spec);
    if (mistake) {
      abort.current.abort();
      setState({ ...NOTHING, problem: mistake });
      return undefined;
    }
    const timer = setTimeout(() => void check("schema"), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [api, spec]);
  useEffect(() => () => abort.current.abort(), []);
  return { ...state, tryStep: () => check("step") };
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
