/** The signals that `kill` knows, and what each means for a part of the cluster. */

export const SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT', 'SIGSTOP', 'SIGCONT'] as const;

export type KillSignal = (typeof SIGNALS)[number];

/** Whether a text names one of them exactly. */
export function isKillSignal(text: unknown): text is KillSignal {
  return SIGNALS.some((signal) => signal === text);
}

/** `kill`, `KILL` and `SIGKILL` are the same signal. */
export function fullSignalName(text: string): string {
  const upper = text.toUpperCase();
  return upper.startsWith('SIG') ? upper : `SIG${upper}`;
}
