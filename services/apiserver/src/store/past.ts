/**
 * A list as it was: the present state with the changes since then taken back. It lets the
 * pages of one list agree although the objects change between them.
 */

import type { ObjectKey } from '@orrery/api/meta.ts';
import type { Page, Stored } from './store.ts';

/** One change to take back. */
export interface Change {
  revision: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  key: ObjectKey;
  /** The object before it; undefined when it was added. */
  before: Stored | undefined;
}

/** A range of keys as it is now. */
export interface PresentPage {
  items: Stored[];
  revision: number;
  /** How many follow. */
  remaining: number;
}

export interface PastList {
  atRevision: number;
  /** Keys outside are left alone. */
  namespace: string | undefined;
  after: ObjectKey | undefined;
  limit: number | undefined;
  /** See ListRequest. */
  maxBytes: number | undefined;
  /** Reads present objects after a key. */
  present: (after: ObjectKey | undefined) => Promise<PresentPage>;
  /** All changes of the resource after one revision up to another, oldest first. */
  changes: (after: number, upTo: number) => Promise<Change[]>;
}

interface Touched {
  was: Stored | undefined;
  existsNow: boolean;
}

/** Builds the page. Rejects with what `changes` rejects with. */
export async function listPast(request: PastList): Promise<Page> {
  const { atRevision, limit = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = request;
  const touched = new Map<ObjectKey, Touched>();
  const items: Stored[] = [];
  let knownUpTo = atRevision;
  let after = request.after;
  for (;;) {
    const present = await request.present(after);
    if (present.revision > knownUpTo) {
      takeBack(await request.changes(knownUpTo, present.revision), request.namespace, touched);
      knownUpTo = present.revision;
    }
    const end = present.remaining > 0 ? present.items.at(-1)?.key : undefined;
    items.push(...merge(present.items, touched, after, end));
    const size = pageSize(items, limit, maxBytes);
    if (size !== undefined || end === undefined) {
      const shown = items.slice(0, size);
      const remaining = size === undefined ? 0 : countAfter(shown.at(-1)?.key, present, touched);
      return {
        items: shown,
        revision: atRevision,
        remaining,
        next: remaining > 0 ? shown.at(-1)?.key : undefined,
      };
    }
    after = end;
  }
}

/** How many of the objects fill a page; undefined when they do not. */
function pageSize(items: readonly Stored[], limit: number, maxBytes: number): number | undefined {
  if (maxBytes === Number.POSITIVE_INFINITY) return items.length < limit ? undefined : limit;
  let bytes = 0;
  for (const [index, { value }] of items.entries()) {
    bytes += Buffer.byteLength(value);
    if (index + 1 === limit || bytes >= maxBytes) return index + 1;
  }
  return undefined;
}

function takeBack(
  changes: readonly Change[],
  namespace: string | undefined,
  touched: Map<ObjectKey, Touched>,
): void {
  for (const { key, type, before } of changes) {
    if (namespace !== undefined && !key.startsWith(`${namespace}/`)) continue;
    const known = touched.get(key);
    const existsNow = type !== 'DELETED';
    if (known === undefined) touched.set(key, { was: before, existsNow });
    else known.existsNow = existsNow;
  }
}

/** What was there in (after, end]. */
function merge(
  present: readonly Stored[],
  touched: ReadonlyMap<ObjectKey, Touched>,
  after: ObjectKey | undefined,
  end: ObjectKey | undefined,
): Stored[] {
  if (touched.size === 0) return [...present];
  const items = present.filter(({ key }) => !touched.has(key));
  for (const [key, { was }] of touched) {
    if (was === undefined || (after !== undefined && key <= after) || (end !== undefined && key > end))
      continue;
    items.push(was);
  }
  return items.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** How many were there after `key`: those that are there now, corrected by what changed. */
function countAfter(
  key: ObjectKey | undefined,
  present: PresentPage,
  touched: ReadonlyMap<ObjectKey, Touched>,
): number {
  if (key === undefined) return 0;
  let count = present.remaining;
  for (const item of present.items) if (item.key > key) count += 1;
  for (const [each, { was, existsNow }] of touched) {
    if (each > key) count += (was === undefined ? 0 : 1) - (existsNow ? 1 : 0);
  }
  return count;
}
