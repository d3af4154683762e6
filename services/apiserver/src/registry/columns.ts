/** Columns that many kinds have. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { Column } from './definition.ts';
import { since } from './human-duration.ts';

type Cell<T> = Column<T>['cell'];

export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'The name, unique among the objects of its kind in a namespace.',
  cell: ({ metadata }) => metadata.name,
};

export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  type: 'string',
  description: 'The time since the object was created.',
  cell: ({ metadata }, nowMs) => since(metadata.creationTimestamp, nowMs),
};

/** A column that is always shown. */
export function column<T>(name: string, cell: Cell<T>, type: Column<T>['type'] = 'string'): Column<T> {
  return { name, type, cell };
}

/** A column that only `-o wide` shows. */
export function wideColumn<T>(name: string, cell: Cell<T>): Column<T> {
  return { name, type: 'string', priority: 1, cell };
}

/** At most `max` entries, and how many more there are: `a:80,b:80,c:80 + 3 more...`. */
export function listWithMore(entries: readonly string[], max: number, separator = ','): string {
  const shown = entries.slice(0, max).join(separator);
  return entries.length > max ? `${shown} + ${entries.length - max} more...` : shown;
}
