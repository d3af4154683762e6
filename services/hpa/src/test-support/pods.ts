/** Pods and usage for tables. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import type { Usage } from '../usage-window.ts';

export const NOW_MS = Date.parse('2026-03-01T12:00:00Z');

export interface PodFacts {
  /** CPU used, in thousandths of a core; no samples when absent. */
  cpu?: number;
  /** Request of the only container; none when null. */
  request?: string | null;
  phase?: string;
  ready?: 'True' | 'False' | 'absent';
  startedSecondsAgo?: number;
  readySecondsAgo?: number;
  deleted?: boolean;
}

let count = 0;

/** A pod that has run long and well, unless the facts say otherwise. */
export function pod(facts: PodFacts = {}): Pod {
  const {
    request = '1',
    phase = 'Running',
    ready = 'True',
    startedSecondsAgo = 3_600,
    deleted = false,
  } = facts;
  const { readySecondsAgo = startedSecondsAgo - 5 } = facts;
  const name = `pod-${(count += 1)}`;
  const secondsAgo = (seconds: number): string => formatTime(NOW_MS - seconds * 1_000);
  return {
    metadata: {
      namespace: 'default',
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: secondsAgo(startedSecondsAgo),
      labels: { app: 'web' },
      ...(deleted ? { deletionTimestamp: secondsAgo(1) } : {}),
      annotations: facts.cpu === undefined ? {} : { cpu: String(facts.cpu) },
    },
    spec: {
      containers: [{ name: 'web', resources: request === null ? {} : { requests: { cpu: request } } }],
    },
    status: {
      phase,
      startTime: secondsAgo(startedSecondsAgo),
      conditions:
        ready === 'absent'
          ? []
          : [{ type: 'Ready', status: ready, lastTransitionTime: secondsAgo(readySecondsAgo) }],
    },
  };
}

export function usageOf({ metadata }: Pod): Usage | undefined {
  const cpu = metadata.annotations?.['cpu'];
  return cpu === undefined ? undefined : { milli: Number(cpu), atMs: NOW_MS, windowMs: 60_000 };
}
