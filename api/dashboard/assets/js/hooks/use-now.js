import { useEffect, useState } from "../../vendor/preact/hooks.js";

/** @param {number} intervalMs @returns {number} epoch milliseconds; the component is drawn again at every tick while the tab is visible */
export function useNow(intervalMs) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}
