import { describe, expect, it } from 'vitest';
import type { ProbeKind } from './probe-manager.ts';
import { afterResult, initialState, type ProbeResult } from './probe-state.ts';

const RESULTS: Record<string, ProbeResult> = { s: 'success', f: 'failure' };
const LETTERS = { success: 's', failure: 'f', unknown: '?' } as const;

/** The verdicts after each of a row of results. */
function verdicts(
  kind: ProbeKind,
  results: string,
  thresholds: { failureThreshold?: number; successThreshold?: number },
): string {
  let state = initialState(kind);
  let said = '';
  for (const letter of results) {
    state = afterResult(state, RESULTS[letter]!, thresholds);
    said += LETTERS[state.verdict];
  }
  return said;
}

describe('before the first result a container', () => {
  it.each<[ProbeKind, string]>([
    ['liveness', 'success'],
    ['readiness', 'failure'],
    ['startup', 'unknown'],
  ])('has the %s verdict %s', (kind, verdict) => {
    expect(initialState(kind).verdict).toBe(verdict);
  });
});

describe('the verdict', () => {
  it.each<[ProbeKind, string, number, number, string]>([
    // kind, results, failureThreshold, successThreshold, verdicts
    ['readiness', 'sfffs', 3, 1, 'sssfs'],
    ['readiness', 'ffffs', 3, 1, 'ffffs'],
    ['readiness', 'sssffs', 1, 3, 'ffsfff'],
    ['readiness', 'ssfsss', 1, 3, 'fffffs'],
    ['liveness', 'ffsffsfff', 3, 1, 'ssssssssf'],
    ['liveness', 'f', 1, 1, 'f'],
    ['startup', 'fffs', 30, 1, '???s'],
    ['startup', 'fff', 3, 1, '??f'],
  ])('of %s after %s with thresholds %i and %i is %s', (kind, results, failures, successes, expected) => {
    expect(verdicts(kind, results, { failureThreshold: failures, successThreshold: successes })).toBe(
      expected,
    );
  });

  it('takes three failures and one success unless told otherwise', () => {
    expect(verdicts('liveness', 'fffs', {})).toBe('ssfs');
  });
});
