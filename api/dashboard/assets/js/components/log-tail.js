import { useEffect, useLayoutEffect, useRef, useState } from "../../vendor/preact/hooks.js";
import { useApi } from "../hooks/use-api.js";
import { useLog } from "../hooks/use-log.js";
import { html } from "../html.js";
import { saveText } from "../save.js";
import { Notice } from "./notice.js";

const NEAR_PX = 24;

/**
 * The end of the log. It follows what comes until the reader scrolls up.
 *
 * @param {{jobId: string, feed: import("../feed.js").JobFeed}} props
 */
export function LogTail({ jobId, feed }) {
  const log = useLog(useApi(), jobId, feed);
  const box = useRef(/** @type {HTMLPreElement|null} */ (null));
  const [follows, setFollows] = useState(true);
  const [problem, setProblem] = useState(/** @type {Error|null} */ (null));
  useLayoutEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [log.text, follows]);

  function onScroll({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) {
    setFollows(scrollHeight - scrollTop - clientHeight < NEAR_PX);
  }
  const download = () => log.whole().then((text) => (saveText(text, `${jobId}.log`), setProblem(null)), setProblem);

  return html`<section aria-labelledby="log-title">
    <div class="section-head">
      <h2 id="log-title">Log</h2>
      ${log.isCut && html`<span class="of">the last lines</span>`}
      <button type="button" class="toggle" aria-pressed=${follows} onClick=${() => setFollows(!follows)}>Follow</button>
      <button type="button" class="toggle" onClick=${download}>Download</button>
    </div>
    <${Notice} problem=${log.error ?? problem} />
    <pre class=${log.text ? "log" : "log blank"} ref=${box} tabindex="0" aria-labelledby="log-title" onScroll=${onScroll}>
      ${log.text || "Nothing has been written yet."}
    </pre>
  </section>`;
}
