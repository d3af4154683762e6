/** The tree of an `awk` program. */

export type Expression =
  | { type: 'number'; value: number }
  | { type: 'string'; value: string }
  | { type: 'regexp'; source: string }
  | { type: 'name'; name: string }
  | { type: 'field'; index: Expression }
  | { type: 'element'; name: string; subscripts: Expression[] }
  | { type: 'assign'; operator: string; target: Expression; value: Expression }
  | { type: 'unary'; operator: string; operand: Expression }
  | { type: 'step'; by: 1 | -1; prefix: boolean; target: Expression }
  | { type: 'binary'; operator: string; left: Expression; right: Expression }
  | { type: 'conditional'; test: Expression; consequent: Expression; alternate: Expression }
  | { type: 'match'; negated: boolean; text: Expression; expression: Expression }
  | { type: 'in'; subscripts: Expression[]; name: string }
  | { type: 'call'; name: string; args: Expression[] }
  | {
      type: 'getline';
      target: Expression | undefined;
      file: Expression | undefined;
      command: Expression | undefined;
    };

export type Statement =
  | { type: 'block'; body: Statement[] }
  | { type: 'expression'; value: Expression }
  | {
      type: 'print';
      formatted: boolean;
      args: Expression[];
      redirect: { operator: string; target: Expression } | undefined;
    }
  | { type: 'if'; test: Expression; consequent: Statement; alternate: Statement | undefined }
  | { type: 'while'; test: Expression; body: Statement; first: boolean }
  | {
      type: 'for';
      start: Statement | undefined;
      test: Expression | undefined;
      step: Statement | undefined;
      body: Statement;
    }
  | { type: 'forIn'; variable: string; name: string; body: Statement }
  | { type: 'delete'; name: string; subscripts: Expression[] | undefined }
  | { type: 'return' | 'exit'; value: Expression | undefined }
  | { type: 'next' | 'nextfile' | 'break' | 'continue' };

export type Pattern =
  | { type: 'BEGIN' | 'END' | 'always' }
  | { type: 'test'; test: Expression }
  | { type: 'range'; first: Expression; last: Expression };

export interface Rule {
  pattern: Pattern;
  /** Without an action the line is printed. */
  body: Statement | undefined;
}

export interface AwkFunction {
  parameters: string[];
  body: Statement;
}

export interface AwkProgram {
  rules: Rule[];
  functions: Map<string, AwkFunction>;
}
