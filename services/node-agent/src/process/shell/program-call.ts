/** What a program is run with. */

import type { Command } from 'unbash';
import type { FileDescriptors } from './file-descriptors.ts';

export interface ProgramCall {
  argv: string[];
  files: FileDescriptors;
  /** Nothing follows: it takes the place of the shell. */
  isLast: boolean;
  node?: Command;
}
