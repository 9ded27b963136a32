import { useEffect, useRef } from "../../vendor/preact/hooks.js";

/**
 * Calls `handle` with the detail of every event of this type that the feed fires; always its newest version.
 *
 * @param {EventTarget} feed @param {string} type @param {(detail: any) => void} handle
 */
export function useFeed(feed, type, handle) {
  const newest = useRef(handle);
  newest.current = handle;
  useEffect(() => {
    const listen = (event) => newest.current(event.detail);
    feed.addEventListener(type, listen);
    return () => feed.removeEventListener(type, listen);
  }, [feed, type]);
}
