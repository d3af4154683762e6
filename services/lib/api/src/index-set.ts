/** Sets of indexes of an Indexed Job as text, such as `0,3-5` (k8s.io/kubernetes/pkg/controller/job/indexed_job_utils.go). */

/** Ranges in order, which neither touch nor overlap. */
export type IndexRanges = readonly (readonly [first: number, last: number])[];

const RANGE = /^(\d{1,10})(?:-(\d{1,10}))?$/;

/** Undefined for a text that is none; overlapping or unordered ranges are none. */
export function parseIndexes(text: string): IndexRanges | undefined {
  const ranges: [number, number][] = [];
  for (const part of text === '' ? [] : text.split(',')) {
    const match = RANGE.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    const before = ranges.at(-1);
    if (last < first || (before !== undefined && first <= before[1])) return undefined;
    ranges.push([first, last]);
  }
  return ranges;
}

/** The set as numbers, without those from `limit` on. */
export function indexesOf(ranges: IndexRanges, limit: number): Set<number> {
  const indexes = new Set<number>();
  for (const [first, last] of ranges) {
    for (let index = first; index <= Math.min(last, limit - 1); index += 1) indexes.add(index);
  }
  return indexes;
}

/** The shortest text of a set: two neighbours are listed, three make a range. */
export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length;) {
    let end = at;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end += 1;
    if (end === at) parts.push(String(sorted[at]));
    else parts.push(`${sorted[at]}${end - at === 1 ? ',' : '-'}${sorted[end]}`);
    at = end + 1;
  }
  return parts.join(',');
}
