/** Functions of a shell. */

import type { Function as FunctionNode } from 'unbash';

export interface FunctionDefinition {
  readonly body: FunctionNode['body'];
  /** The text that its positions refer to. */
  readonly source: string;
  /** The definition as it was written, to make it again. */
  readonly text: string;
}
