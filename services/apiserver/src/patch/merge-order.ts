/** The order of a list after a strategic merge patch (upstream's `normalizeElementOrder`). */
import { isJsonObject } from './json-value.ts';

/** How the elements of a merged list are told apart: by this field, or by themselves when it is empty. */
export interface ListMerge {
  readonly mergeKey: string;
}

/** What identifies an element in its list. */
export function keyOf(item: unknown, { mergeKey }: ListMerge): unknown {
  return mergeKey === '' || !isJsonObject(item) ? item : item[mergeKey];
}

/**
 * Orders a merged list. Elements named in `order` take the order there, all others keep that of the `present` list.
 * The two runs are interleaved so that as much as possible of the present order stays; where it does not say, ordered
 * elements come first, so that elements new to the list stand before the rest of it.
 */
export function mergeOrder(
  all: readonly unknown[],
  present: readonly unknown[],
  order: readonly unknown[],
  list: ListMerge,
): unknown[] {
  const ordered = new Set(order.map((item) => keyOf(item, list)));
  const named = orderBy(
    all.filter((item) => ordered.has(keyOf(item, list))),
    order,
    list,
  );
  const others = all.filter((item) => !ordered.has(keyOf(item, list)));
  const place = placesIn(present, list);
  const merged: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const itemPlace = place.get(keyOf(item, list)) ?? -1;
    while (next < others.length && (place.get(keyOf(others[next], list)) ?? Infinity) < itemPlace) {
      merged.push(others[next++]);
    }
    merged.push(item);
  }
  return [...merged, ...others.slice(next)];
}

/** Sorts elements by the place of their key in `order`; those without a place stay behind, in their own order. */
export function orderBy(items: readonly unknown[], order: readonly unknown[], list: ListMerge): unknown[] {
  const place = placesIn(order, list);
  const placeOf = (item: unknown): number => place.get(keyOf(item, list)) ?? order.length;
  return items.toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** The first place of each key. */
export function placesIn(items: readonly unknown[], list: ListMerge): Map<unknown, number> {
  const places = new Map<unknown, number>();
  for (const [index, item] of items.entries()) {
    const key = keyOf(item, list);
    if (!places.has(key)) {
      places.set(key, index);
    }
  }
  return places;
}
