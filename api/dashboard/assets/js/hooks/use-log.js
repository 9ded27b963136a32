/** The last lines of a job's log: first what is stored, then what the feed brings. */
import { useEffect, useState } from "../../vendor/preact/hooks.js";
import { jobPath } from "../http.js";
import { useFeed } from "./use-feed.js";

const LINES = 1000;

/**
 * @param {import("../http.js").Api} api @param {string} jobId @param {import("../feed.js").JobFeed} feed
 * @returns {{text: string, isCut: boolean, error: Error|null}} `isCut` when older lines are left out
 */
export function useLog(api, jobId, feed) {
  const [state, setState] = useState({ text: "", isCut: false, error: null });

  async function reload() {
    try {
      const response = await api.request(`${jobPath(jobId)}/logs`, { query: { tail: LINES }, headers: { Accept: "text/plain" } });
      setState({ ...lastLines(await response.text()), error: null });
    } catch (error) {
      setState((known) => ({ ...known, error }));
    }
  }

  useEffect(() => void reload(), [api, jobId]);
  useFeed(feed, "open", reload);
  useFeed(feed, "end", reload);
  useFeed(feed, "frame", ({ event, data }) => {
    if (event === "log") setState((known) => ({ ...lastLines(known.text + data.text, known.isCut), error: null }));
  });
  return state;
}

function lastLines(text, wasCut = false) {
  const lines = text.split("\n");
  const extra = lines.length - 1 - LINES;
  return extra > 0 ? { text: lines.slice(extra).join("\n"), isCut: true } : { text, isCut: wasCut };
}
