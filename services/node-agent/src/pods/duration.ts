/** Durations in the kubelet's events. Pure. */

/** A duration as Go prints it, truncated to milliseconds: `0s`, `350ms`, `1.2s`, `1m2.5s`. */
export function formatDuration(durationMs: number): string {
  const ms = Math.trunc(durationMs);
  if (ms === 0) return '0s';
  if (ms < 1_000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${(ms % 60_000) / 1_000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
