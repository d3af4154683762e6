/** The Lua scripts of the store, one per verb; each file's header is its contract. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Script {
  readonly source: string;
  /** What EVALSHA names it by. */
  readonly sha: string;
}

function load(...files: string[]): Script {
  const source = files
    .map((file) => readFileSync(new URL(`lua/${file}`, import.meta.url), 'utf8'))
    .join('\n');
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

export const SCRIPTS = {
  create: load('commit.lua', 'create.lua'),
  update: load('commit.lua', 'update.lua'),
  delete: load('commit.lua', 'delete.lua'),
  list: load('list.lua'),
  eventsAfter: load('events_after.lua'),
  heads: load('heads.lua'),
  expired: load('expired.lua'),
  recover: load('recover.lua'),
} as const satisfies Record<string, Script>;
