/** Ages as `kubectl get` shows them (k8s.io/apimachinery/pkg/util/duration). */

import { parseTime } from '@orrery/api/meta.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** `count` of the larger unit, and what is left in the smaller one unless it is nothing. */
function twoUnits(
  durationMs: number,
  large: number,
  largeName: string,
  small: number,
  smallName: string,
): string {
  const rest = Math.floor((durationMs % large) / small);
  const count = Math.floor(durationMs / large);
  return rest === 0 ? `${count}${largeName}` : `${count}${largeName}${rest}${smallName}`;
}

/**
 * A duration in two or three digits: `90s`, `5m30s`, `3h`, `2d4h`, `400d`, `3y12d`. The
 * coarser the longer. `<invalid>` when it lies in the future by more than a second.
 */
export function humanDuration(durationMs: number): string {
  if (durationMs <= -2 * SECOND) return '<invalid>';
  if (durationMs < 0) return '0s';
  if (durationMs < 2 * MINUTE) return `${Math.floor(durationMs / SECOND)}s`;
  if (durationMs < 10 * MINUTE) return twoUnits(durationMs, MINUTE, 'm', SECOND, 's');
  if (durationMs < 3 * HOUR) return `${Math.floor(durationMs / MINUTE)}m`;
  if (durationMs < 8 * HOUR) return twoUnits(durationMs, HOUR, 'h', MINUTE, 'm');
  if (durationMs < 2 * DAY) return `${Math.floor(durationMs / HOUR)}h`;
  if (durationMs < 8 * DAY) return twoUnits(durationMs, DAY, 'd', HOUR, 'h');
  if (durationMs < 2 * YEAR) return `${Math.floor(durationMs / DAY)}d`;
  if (durationMs < 8 * YEAR) return twoUnits(durationMs, YEAR, 'y', DAY, 'd');
  return `${Math.floor(durationMs / YEAR)}y`;
}

/** How long ago an RFC3339 time was; `<unknown>` without one. */
export function since(time: string | undefined, nowMs: number): string {
  return time === undefined || time === '' ? '<unknown>' : humanDuration(nowMs - parseTime(time));
}
