/** The changes of a tree as records: what it does, what its journal keeps, and what is done again after a restart. */

import type { Attributes, Ownership } from './raw-files.ts';

/** `path` is physical, `at` epoch milliseconds of the cluster's clock. Content goes beside the record. */
export type TreeChange =
  /** Creates a file or replaces its content. */
  | ({ do: 'write'; path: string; at: number } & Ownership)
  /** Adds to a file; one that is not there is created when it is said how. */
  | { do: 'append'; path: string; at: number; create?: Ownership }
  | ({ do: 'directory'; path: string; at: number } & Ownership)
  | ({ do: 'symlink'; path: string; at: number; target: string } & Ownership)
  /** Hides what a layer below has at this path (overlayfs). */
  | { do: 'whiteout'; path: string; at: number }
  | { do: 'remove'; path: string; at: number }
  | { do: 'rename'; path: string; at: number; to: string }
  | { do: 'attributes'; path: string; set: Attributes }
  /** Removes everything: how a journal begins that does not rely on what a new tree holds. */
  | { do: 'clear' }
  /** How much the tree may hold from now on. */
  | { do: 'limit'; bytes: number };

/** Told of every change after it was made; `data` is only valid during the call. */
export type ChangeListener = (change: TreeChange, data: Uint8Array) => void;
