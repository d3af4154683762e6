/** How scores are brought into range (pkg/scheduler/framework/plugins/helper/normalize_score.go). */

import { MAX_NODE_SCORE } from './plugin.ts';

/** The highest score becomes MAX_NODE_SCORE, none stays 0. */
export function normalizeToHighest(scores: number[]): void {
  const highest = Math.max(...scores);
  if (highest === 0) return;
  for (let index = 0; index < scores.length; index += 1) {
    scores[index] = Math.trunc((MAX_NODE_SCORE * scores[index]!) / highest);
  }
}

/** The lowest score becomes best: none is MAX_NODE_SCORE, the highest of all is 0. */
export function normalizeInverse(scores: number[]): void {
  const highest = Math.max(...scores);
  for (let index = 0; index < scores.length; index += 1) {
    scores[index] =
      highest === 0
        ? MAX_NODE_SCORE
        : MAX_NODE_SCORE - Math.trunc((MAX_NODE_SCORE * scores[index]!) / highest);
  }
}
