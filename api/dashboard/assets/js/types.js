/**
 * The shapes that the service answers with, as far as this page reads them.
 *
 * @typedef {{fraction: number, epoch: number|null, epochs: number|null, step: number|null, steps: number|null,
 *            eta_seconds: number|null}} Progress
 * @typedef {{number: number, worker: string|null, device: string|null, started_at: string, ended_at: string|null,
 *            outcome: string|null, resumed_from_step: number|null}} Attempt
 * @typedef {{id: string, name: string|null, labels: Record<string, string>, status: string, phase: string|null,
 *            reason: {code: string, message: string, param?: string|null}|null,
 *            created_at: string, started_at: string|null, finished_at: string|null, progress: Progress|null,
 *            queue?: {ahead: number, reason: string|null, eta_seconds: number|null}|null, attempts: Attempt[],
 *            history: {status: string, at: string}[], spec: object, resolved_spec: object|null,
 *            result: Record<string, any>|null, warnings: any[]}} Job
 * @typedef {{seq: number, id: string, type: string, at: string, data: Record<string, any>}} JobEvent
 * @typedef {{id: string, step: number, epoch: number|null, kinds: string[], metrics: Record<string, any>, created_at: string,
 *            bytes: number, files: {name: string, bytes: number, sha256: string}[]}} Checkpoint
 * @typedef {{pointer: string, detail: string}} FieldError
 */

export {};
