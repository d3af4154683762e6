/** Batches that grow while all goes well (kubernetes/pkg/controller/replicaset, slowStartBatch). */

export interface SlowStartResult {
  successes: number;
  /** The first failure of the batch that ended it. */
  error: unknown;
}

/**
 * Runs `work` for 0 to `count - 1` in batches of 1, 2, 4, ... and stops after a batch in which
 * one failed: a quota that is used up costs one refused request, not thousands. Never rejects.
 */
export async function slowStart(
  count: number,
  work: (index: number) => Promise<unknown>,
): Promise<SlowStartResult> {
  let successes = 0;
  let next = 0;
  for (let size = 1; next < count; size *= 2) {
    const end = Math.min(count, next + size);
    const batch: Promise<unknown>[] = [];
    for (; next < end; next += 1) batch.push(work(next));
    const results = await Promise.allSettled(batch);
    const failed = results.filter((result) => result.status === 'rejected');
    successes += results.length - failed.length;
    if (failed[0] !== undefined) return { successes, error: failed[0].reason };
  }
  return { successes, error: undefined };
}
