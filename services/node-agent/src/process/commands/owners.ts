/** Names of users and groups, as the container's own /etc says them. */

import type { Command } from './command.ts';

export interface OwnerNames {
  user(uid: number): string;
  group(gid: number): string;
}

export function ownerNames(self: Command, numeric: boolean): OwnerNames {
  if (numeric) return { user: String, group: String };
  const users = readNames(self, '/etc/passwd');
  const groups = readNames(self, '/etc/group');
  return {
    user: (uid) => users.get(uid) ?? String(uid),
    group: (gid) => groups.get(gid) ?? String(gid),
  };
}

function readNames(self: Command, path: string): Map<number, string> {
  const { files } = self.process;
  const names = new Map<number, string>();
  if (!files.exists(path)) return names;
  for (const line of Buffer.from(files.read(path)).toString().split('\n')) {
    const [name, , id] = line.split(':');
    if (id !== undefined && !names.has(Number(id))) names.set(Number(id), name!);
  }
  return names;
}
