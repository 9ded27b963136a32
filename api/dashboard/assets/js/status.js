/** What each status means for the person who looks at it, and what may be asked of a job in it. */

/** Every status, in the order a job meets them. */
export const STATUSES = ["queued", "running", "pausing", "paused", "cancelling", "succeeded", "failed", "cancelled"];

const TERMINAL = new Set(["succeeded", "failed", "cancelled"]);

/**
 * @typedef {{verb: string, label: string, confirm: {question: string, consequence: string, yes: string}|null,
 *            danger?: boolean}} Action
 */

/** @type {Record<string, Action>} */
const ACTIONS = {
  pause: { verb: "pause", label: "Pause", confirm: null },
  resume: { verb: "resume", label: "Resume", confirm: null },
  retry: { verb: "retry", label: "Retry", confirm: null },
  stop: {
    verb: "stop",
    label: "Finish now",
    confirm: {
      question: "Finish this job now?",
      consequence: "Training ends at the next step. The best weights are restored and tested, and the job succeeds.",
      yes: "Finish now",
    },
  },
  cancel: {
    verb: "cancel",
    label: "Cancel",
    danger: true,
    confirm: {
      question: "Cancel this job?",
      consequence:
        "Training ends without a result. Checkpoints saved so far are kept, and the job can be retried later.",
      yes: "Cancel job",
    },
  },
};

/** @type {Record<string, string[]>} */
const ALLOWED = {
  queued: ["pause", "cancel"],
  running: ["stop", "pause", "cancel"],
  pausing: ["cancel"],
  paused: ["resume", "cancel"],
  failed: ["retry"],
  cancelled: ["retry"],
};

const QUEUE_REASONS = {
  no_worker: "no worker is running for this pool",
  no_device: "no worker of this pool has such a device",
  busy: "every worker is busy",
  quota: "the quota is used up",
  paused_queue: "the queue is paused",
  backoff: "its next attempt is not due yet",
  starting: "about to start",
};

/** @param {string} status @returns {boolean} whether the job has ended */
export function isTerminal(status) {
  return TERMINAL.has(status);
}

/** @param {string} status @returns {Action[]} what may be asked, mildest first */
export function actionsFor(status) {
  return (ALLOWED[status] ?? []).map((verb) => ACTIONS[verb]);
}

/** @param {import("./types.js").Job["queue"]} queue @returns {string} why a queued job waits; empty when unknown */
export function queueSentence(queue) {
  if (!queue) return "";
  const ahead = queue.ahead === 1 ? "1 job ahead" : `${queue.ahead} jobs ahead`;
  const why = QUEUE_REASONS[queue.reason ?? ""] ?? queue.reason;
  return [queue.ahead > 0 ? ahead : "", why ?? ""].filter(Boolean).join("; ");
}
