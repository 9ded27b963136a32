import { useEffect, useMemo, useState } from "../../vendor/preact/hooks.js";
import { LogStore } from "../log-store.js";
import { useFeed } from "./use-feed.js";

/**
 * @param {import("../http.js").Api} api @param {string} jobId @param {import("../feed.js").JobFeed} feed
 * @returns {LogStore} the component is drawn again whenever it changes
 */
export function useLog(api, jobId, feed) {
  const log = useMemo(() => new LogStore(api, jobId), [api, jobId]);
  const [, redraw] = useState(0);
  useEffect(() => {
    const drawAgain = () => redraw((count) => count + 1);
    log.addEventListener("change", drawAgain);
    void log.load();
    return () => (log.removeEventListener("change", drawAgain), log.close());
  }, [log]);
  useFeed(feed, "open", () => void log.load());
  useFeed(feed, "frame", ({ event, data }) => event === "log" && log.take(data));
  return log;
}
