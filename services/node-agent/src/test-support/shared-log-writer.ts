/** A thread that writes to a tree which others write at the same time: see files/shared-log.test.ts. */

import { workerData } from 'node:worker_threads';
import { systemClock } from '@orrery/kit/clock.ts';
import { SharedLogs } from '../files/shared-logs.ts';
import { Trees } from '../files/trees.ts';

export interface WriterTask {
  directory: string;
  tree: string;
  name: string;
  lines: number;
}

/** Large enough that the log is shortened again and again. */
const FILLER = Buffer.alloc(50_000, 'x');

const { directory, tree: treeName, name, lines } = workerData as WriterTask;
const shared = { logs: new SharedLogs(directory), has: () => true };
const tree = new Trees({ clock: systemClock, shared }).open(treeName);
for (let line = 0; line < lines; line += 1) {
  tree.write('/lines', Buffer.from(`${name} ${line}\n`), { append: true });
  tree.write(`/filler-${name}`, FILLER);
}
