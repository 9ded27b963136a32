/** One job with its events, kept fresh by its feed. */
import { useCallback, useEffect, useMemo, useRef, useState } from "../../vendor/preact/hooks.js";
import { JobFeed } from "../feed.js";
import { jobPath } from "../http.js";
import { isTerminal } from "../status.js";
import { useFeed } from "./use-feed.js";

const SETTLE_MS = 150;

/**
 * @typedef {{job: import("../types.js").Job|null, events: import("../types.js").JobEvent[], error: Error|null, connection: string,
 *            feed: JobFeed, refresh: () => Promise<void>}} LiveJob
 */

/** @param {import("../http.js").Api} api @param {string} jobId @returns {LiveJob} */
export function useJob(api, jobId) {
  const feed = useMemo(() => new JobFeed(api, jobId), [api, jobId]);
  const [job, setJob] = useState(null);
  const [events, setEvents] = useState([]);
  const [error, setError] = useState(null);
  const [connection, setConnection] = useState("closed");
  const lastSeq = useRef(0);
  const settling = useRef(0);

  const refresh = useCallback(async () => {
    try {
      setJob(await api.json(jobPath(jobId)));
      setError(null);
    } catch (problem) {
      setError(problem);
    }
  }, [api, jobId]);
  const refreshSoon = () => {
    clearTimeout(settling.current);
    settling.current = setTimeout(refresh, SETTLE_MS);
  };

  useEffect(() => {
    const abort = new AbortController();
    void refresh();
    allEvents(api, jobId, abort.signal).then(
      (known) => {
        lastSeq.current = Math.max(lastSeq.current, known.at(-1)?.seq ?? 0);
        setEvents((live) => merged(known, live));
      },
      (problem) => abort.signal.aborted || setError(problem),
    );
    return () => (abort.abort(), clearTimeout(settling.current));
  }, [api, jobId, refresh]);

  const isLive = job !== null && !isTerminal(job.status);
  useEffect(() => {
    if (!isLive) return undefined;
    feed.start(lastSeq.current);
    return () => feed.stop();
  }, [feed, isLive]);

  useFeed(feed, "connection", setConnection);
  useFeed(feed, "open", refreshSoon);
  useFeed(feed, "end", refreshSoon);
  useFeed(feed, "frame", ({ event, data, seq }) => {
    if (event === "progress")
      setJob((known) => known && { ...known, phase: data.phase ?? known.phase, progress: data });
    if (seq === null) return;
    lastSeq.current = seq;
    setEvents((known) => merged(known, [data]));
    refreshSoon();
  });
  return { job, events, error, connection, feed, refresh };
}

async function allEvents(api, jobId, signal) {
  const events = [];
  for (let after = 0, page = null; page === null || page.length; after = events.at(-1)?.seq ?? 0) {
    page = (await api.json(`${jobPath(jobId)}/events`, { query: { after }, signal })).data;
    events.push(...page);
  }
  return events;
}

/** @returns {import("../types.js").JobEvent[]} both, each sequence number once, oldest first */
function merged(some, others) {
  const bySeq = new Map([...some, ...others].map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
