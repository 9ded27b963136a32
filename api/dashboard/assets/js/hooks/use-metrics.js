import { useEffect, useMemo, useState } from "../../vendor/preact/hooks.js";
import { MetricStore } from "../metric-store.js";
import { useFeed } from "./use-feed.js";

/**
 * @param {import("../http.js").Api} api @param {string} jobId @param {import("../feed.js").JobFeed} feed
 * @returns {MetricStore} the component is drawn again whenever it changes
 */
export function useMetrics(api, jobId, feed) {
  const store = useMemo(() => new MetricStore(api, jobId), [api, jobId]);
  const [, redraw] = useState(0);
  useEffect(() => {
    const drawAgain = () => redraw((count) => count + 1);
    store.addEventListener("change", drawAgain);
    void store.loadNames();
    return () => (store.removeEventListener("change", drawAgain), store.close());
  }, [store]);
  useFeed(feed, "open", () => void store.catchUp());
  useFeed(feed, "end", () => void store.catchUp());
  useFeed(feed, "frame", ({ event, data }) => {
    if (event === "metrics") store.take(data);
    if (event === "job.resumed") void store.reload();
  });
  return store;
}
