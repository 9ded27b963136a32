/** The list of jobs, kept fresh by asking again: often while something moves, seldom otherwise, never in a hidden tab. */
import { useEffect, useRef, useState } from "../../vendor/preact/hooks.js";
import { isTerminal } from "../status.js";

/** Jobs per page of the list. */
export const PAGE = 50;

const LARGEST_REQUEST = 200;
const MOVING_MS = 3000;
const RESTING_MS = 15_000;
const LONGEST_MS = 60_000;

/**
 * @typedef {{status: string, label: string}} Filters `label` is `key=value`
 * @typedef {{jobs: import("../types.js").Job[]|null, hasMore: boolean, error: Error|null, refresh: () => void}} JobList
 */

/** @param {import("../http.js").Api} api @param {Filters} filters @param {number} wanted how many jobs to show @returns {JobList} */
export function useJobs(api, filters, wanted) {
  const [state, setState] = useState({ jobs: null, hasMore: false, error: null });
  const refresh = useRef(() => undefined);
  useEffect(() => setState({ jobs: null, hasMore: false, error: null }), [api, filters.status, filters.label]);
  useEffect(() => {
    const poll = poller((signal) => newestJobs(api, filters, wanted, signal), setState);
    refresh.current = poll.now;
    return poll.stop;
  }, [api, filters.status, filters.label, wanted]);
  return { ...state, refresh: () => refresh.current() };
}

async function newestJobs(api, filters, wanted, signal) {
  const jobs = [];
  let cursor = null;
  do {
    const limit = Math.min(LARGEST_REQUEST, wanted - jobs.length);
    const page = await api.json("v1/jobs", { query: { ...queryOf(filters), limit, cursor }, signal });
    jobs.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor && jobs.length < wanted);
  return { jobs, hasMore: cursor !== null };
}

function queryOf({ status, label }) {
  const [key, ...value] = label.split("=");
  return { status, ...(key && value.length ? { [`label.${key.trim()}`]: value.join("=").trim() } : {}) };
}

/** Asks, shows, waits, asks again. A failure keeps what is shown, says so, and doubles the wait. */
function poller(ask, setState) {
  const abort = new AbortController();
  let timer = 0;
  let failures = 0;
  let running = false;

  async function now() {
    if (running || abort.signal.aborted) return;
    running = true;
    clearTimeout(timer);
    try {
      const answer = await ask(abort.signal);
      failures = 0;
      setState({ ...answer, error: null });
      again(answer.jobs.every((job) => isTerminal(job.status)) ? RESTING_MS : MOVING_MS);
    } catch (error) {
      if (abort.signal.aborted) return;
      failures += 1;
      setState((state) => ({ ...state, error }));
      again(Math.min(MOVING_MS * 2 ** failures, LONGEST_MS));
    } finally {
      running = false;
    }
  }

  const again = (pause) => (timer = document.hidden ? 0 : setTimeout(now, pause));
  const onVisibility = () => (document.hidden ? clearTimeout(timer) : void now());
  document.addEventListener("visibilitychange", onVisibility);
  void now();
  return {
    now,
    stop() {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisibility);
    },
  };
}
