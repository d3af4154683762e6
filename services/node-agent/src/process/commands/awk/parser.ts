/** Reads `awk` programs (POSIX XCU awk). */

import { CommandFailure } from '../command.ts';
import { type Token, tokenize } from './lexer.ts';
import type { AwkProgram, Expression, Pattern, Statement } from './syntax.ts';

/** Expressions and blocks inside one another. */
const DEEPEST = 200;

const BUILTINS = new Set(
  'length substr index split sub gsub match sprintf sin cos atan2 exp log sqrt int rand srand tolower toupper system close fflush systime strftime gensub'.split(
    ' ',
  ),
);

/** @throws CommandFailure with exit code 2 */
export function parseAwk(text: string): AwkProgram {
  return new Parser(tokenize(text)).program();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  /** Inside of parentheses `>` compares again, and `in` belongs to no loop. */
  #noGreater = false;
  #noIn = false;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  program(): AwkProgram {
    const program: AwkProgram = { rules: [], functions: new Map() };
    for (;;) {
      this.#skipNewlines(true);
      if (this.#token.type === 'end') return program;
      if (this.#is('function') || this.#is('func')) {
        this.#at += 1;
        const name = this.#take().text;
        this.#expect('(');
        const parameters: string[] = [];
        while (!this.#accept(')')) {
          parameters.push(this.#take().text);
          this.#accept(',');
          this.#skipNewlines();
        }
        this.#skipNewlines();
        program.functions.set(name, { parameters, body: this.#block() });
        continue;
      }
      const pattern = this.#pattern();
      program.rules.push({ pattern, body: this.#is('{') ? this.#block() : undefined });
    }
  }

  get #token(): Token {
    return this.#tokens[this.#at]!;
  }

  #is(text: string): boolean {
    const { type } = this.#token;
    return (type === 'operator' || type === 'keyword') && this.#token.text === text;
  }

  #accept(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at += 1;
    return true;
  }

  #take(): Token {
    const token = this.#token;
    if (token.type !== 'end') this.#at += 1;
    return token;
  }

  #expect(text: string): void {
    if (this.#accept(text)) return;
    const found = this.#token.type === 'end' ? 'end of program' : JSON.stringify(this.#token.text);
    throw new CommandFailure(`syntax error: expected '${text}' before ${found}`, 2);
  }

  #skipNewlines(semicolons = false): void {
    for (;;) {
      if (this.#token.type !== 'newline' && !(semicolons && this.#is(';'))) return;
      this.#at += 1;
    }
  }

  #pattern(): Pattern {
    if (this.#is('{')) return { type: 'always' };
    if (this.#accept('BEGIN')) return { type: 'BEGIN' };
    if (this.#accept('END')) return { type: 'END' };
    const first = this.#expression();
    if (!this.#accept(',')) return { type: 'test', test: first };
    this.#skipNewlines();
    return { type: 'range', first, last: this.#expression() };
  }

  #block(): Statement {
    this.#expect('{');
    const body: Statement[] = [];
    for (;;) {
      this.#skipNewlines(true);
      if (this.#accept('}')) return { type: 'block', body };
      body.push(this.#statement());
    }
  }

  #statement(): Statement {
    this.#depth += 1;
    if (this.#depth > DEEPEST) throw new CommandFailure('syntax error: nested too deeply', 2);
    try {
      if (this.#is('{')) return this.#block();
      const statement = this.#compound() ?? this.#simple();
      return statement;
    } finally {
      this.#depth -= 1;
    }
  }

  #body(): Statement {
    this.#skipNewlines();
    if (this.#accept(';')) return { type: 'block', body: [] };
    return this.#statement();
  }

  #compound(): Statement | undefined {
    if (this.#accept('if')) {
      const test = this.#parenthesized();
      const consequent = this.#body();
      const before = this.#at;
      this.#skipNewlines(true);
      if (this.#accept('else')) return { type: 'if', test, consequent, alternate: this.#body() };
      this.#at = before;
      return { type: 'if', test, consequent, alternate: undefined };
    }
    if (this.#accept('while'))
      return { type: 'while', test: this.#parenthesized(), body: this.#body(), first: false };
    if (this.#accept('do')) {
      const body = this.#body();
      this.#skipNewlines(true);
      this.#expect('while');
      return { type: 'while', test: this.#parenthesized(), body, first: true };
    }
    return this.#accept('for') ? this.#for() : undefined;
  }

  #parenthesized(): Expression {
    this.#expect('(');
    const value = this.#inside(() => this.#expression());
    this.#expect(')');
    return value;
  }

  #inside<T>(parse: () => T): T {
    const before = [this.#noGreater, this.#noIn] as const;
    [this.#noGreater, this.#noIn] = [false, false];
    try {
      return parse();
    } finally {
      [this.#noGreater, this.#noIn] = before;
    }
  }

  #for(): Statement {
    this.#expect('(');
    const [variable, word, name, close] = this.#tokens.slice(this.#at, this.#at + 4);
    if (variable?.type === 'name' && word?.text === 'in' && name?.type === 'name' && close?.text === ')') {
      this.#at += 4;
      return { type: 'forIn', variable: variable.text, name: name.text, body: this.#body() };
    }
    const start = this.#is(';') ? undefined : this.#simple();
    this.#expect(';');
    this.#skipNewlines();
    const test = this.#is(';') ? undefined : this.#expression();
    this.#expect(';');
    this.#skipNewlines();
    const step = this.#is(')') ? undefined : this.#simple();
    this.#expect(')');
    return { type: 'for', start, test, step, body: this.#body() };
  }

  #endsStatement(): boolean {
    return ['newline', 'end'].includes(this.#token.type) || this.#is(';') || this.#is('}') || this.#is(')');
  }

  #simple(): Statement {
    for (const type of ['next', 'nextfile', 'break', 'continue'] as const)
      if (this.#accept(type)) return { type };
    for (const type of ['return', 'exit'] as const)
      if (this.#accept(type)) return { type, value: this.#endsStatement() ? undefined : this.#expression() };
    if (this.#accept('delete')) {
      const name = this.#take().text;
      return { type: 'delete', name, subscripts: this.#accept('[') ? this.#subscripts() : undefined };
    }
    if (this.#is('print') || this.#is('printf')) return this.#print();
    return { type: 'expression', value: this.#expression() };
  }

  #print(): Statement {
    const formatted = this.#take().text === 'printf';
    let args: Expression[] = [];
    if (this.#is('(') && this.#closesBeforeEnd()) {
      this.#at += 1;
      args = this.#inside(() => this.#list(')'));
    } else if (!this.#endsPrint()) {
      this.#noGreater = true;
      args = this.#list(undefined);
      this.#noGreater = false;
    }
    let redirect: { operator: string; target: Expression } | undefined;
    for (const operator of ['>', '>>', '|'])
      if (this.#accept(operator)) redirect = { operator, target: this.#concatenation() };
    return { type: 'print', formatted, args, redirect };
  }

  #endsPrint(): boolean {
    return this.#endsStatement() || this.#is('>') || this.#is('>>') || this.#is('|');
  }

  /** Whether the parenthesis here holds all that is printed: `print (1)(2)` does not. */
  #closesBeforeEnd(): boolean {
    let depth = 0;
    for (let at = this.#at; at < this.#tokens.length; at += 1) {
      const { text, type } = this.#tokens[at]!;
      if (type === 'operator' && text === '(') depth += 1;
      if (type === 'operator' && text === ')') depth -= 1;
      if (depth > 0) continue;
      const after = this.#tokens[at + 1]!;
      return (
        ['newline', 'end'].includes(after.type) ||
        (after.type === 'operator' && [';', '}', '>', '>>', '|'].includes(after.text))
      );
    }
    return false;
  }

  #list(close: string | undefined): Expression[] {
    const list: Expression[] = [];
    if (close !== undefined && this.#accept(close)) return list;
    for (;;) {
      this.#skipNewlines();
      list.push(this.#expression());
      this.#skipNewlinesBefore(close);
      if (this.#accept(',')) continue;
      if (close !== undefined) this.#expect(close);
      return list;
    }
  }

  #skipNewlinesBefore(close: string | undefined): void {
    if (close !== undefined) this.#skipNewlines();
  }

  #subscripts(): Expression[] {
    return this.#inside(() => this.#list(']'));
  }

  #expression(): Expression {
    this.#depth += 1;
    if (this.#depth > DEEPEST) throw new CommandFailure('syntax error: nested too deeply', 2);
    const result = this.#assignment();
    this.#depth -= 1;
    return result;
  }

  #assignment(): Expression {
    const left = this.#conditional();
    const { text, type } = this.#token;
    if (type !== 'operator' || !/^(?:[-+*/%^]|\*\*)?=$/.test(text)) return left;
    if (!['name', 'field', 'element'].includes(left.type))
      throw new CommandFailure('syntax error: assignment to what is no variable', 2);
    this.#at += 1;
    this.#skipNewlines();
    return { type: 'assign', operator: text.slice(0, -1), target: left, value: this.#assignment() };
  }

  #conditional(): Expression {
    const test = this.#or();
    if (!this.#accept('?')) return test;
    this.#skipNewlines();
    const consequent = this.#assignment();
    this.#skipNewlines();
    this.#expect(':');
    this.#skipNewlines();
    return { type: 'conditional', test, consequent, alternate: this.#assignment() };
  }

  #or(): Expression {
    return this.#leftAssociative(['||'], () => this.#and());
  }

  #and(): Expression {
    return this.#leftAssociative(['&&'], () => this.#membership());
  }

  #leftAssociative(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const operator = operators.find((each) => this.#is(each));
      if (operator === undefined) return left;
      this.#at += 1;
      this.#skipNewlines();
      left = { type: 'binary', operator, left, right: operand() };
    }
  }

  #membership(): Expression {
    let left = this.#matching();
    while (!this.#noIn && this.#accept('in'))
      left = { type: 'in', subscripts: [left], name: this.#take().text };
    return left;
  }

  #matching(): Expression {
    let left = this.#comparison();
    while (this.#is('~') || this.#is('!~')) {
      const negated = this.#take().text === '!~';
      left = { type: 'match', negated, text: left, expression: this.#comparison() };
    }
    return left;
  }

  #comparison(): Expression {
    const left = this.#concatenation();
    const operator = ['<', '<=', '==', '!=', '>', '>='].find((each) => this.#is(each));
    if (operator !== undefined && !(operator === '>' && this.#noGreater)) {
      this.#at += 1;
      return { type: 'binary', operator, left, right: this.#concatenation() };
    }
    if (!this.#noGreater && this.#is('|') && this.#tokens[this.#at + 1]?.text === 'getline') {
      this.#at += 2;
      return { type: 'getline', command: left, file: undefined, target: this.#getlineTarget() };
    }
    return left;
  }

  #concatenation(): Expression {
    let left = this.#additive();
    while (this.#beginsOperand()) left = { type: 'binary', operator: ' ', left, right: this.#additive() };
    return left;
  }

  #beginsOperand(): boolean {
    const { type, text } = this.#token;
    if (['number', 'string', 'name', 'function', 'regexp'].includes(type)) return true;
    return type === 'operator' && ['$', '!', '(', '-', '+', '++', '--'].includes(text) && text !== '!';
  }

  #additive(): Expression {
    return this.#leftAssociative(['+', '-'], () => this.#multiplicative());
  }

  #multiplicative(): Expression {
    return this.#leftAssociative(['*', '/', '%'], () => this.#unary());
  }

  #unary(): Expression {
    const operator = ['!', '-', '+'].find((each) => this.#is(each));
    if (operator === undefined) return this.#power();
    this.#at += 1;
    return { type: 'unary', operator, operand: this.#unary() };
  }

  #power(): Expression {
    const left = this.#postfix();
    if (!this.#accept('^') && !this.#accept('**')) return left;
    return { type: 'binary', operator: '^', left, right: this.#unary() };
  }

  #postfix(): Expression {
    const operand = this.#primary();
    if (!['name', 'field', 'element'].includes(operand.type)) return operand;
    if (this.#accept('++')) return { type: 'step', by: 1, prefix: false, target: operand };
    if (this.#accept('--')) return { type: 'step', by: -1, prefix: false, target: operand };
    return operand;
  }

  #primary(): Expression {
    const token = this.#take();
    switch (token.type) {
      case 'number':
        return { type: 'number', value: Number(token.text) };
      case 'string':
        return { type: 'string', value: token.text };
      case 'regexp':
        return { type: 'regexp', source: token.text };
      case 'function':
        this.#expect('(');
        return { type: 'call', name: token.text, args: this.#inside(() => this.#list(')')) };
      case 'name':
        if (this.#accept('[')) return { type: 'element', name: token.text, subscripts: this.#subscripts() };
        return BUILTINS.has(token.text)
          ? { type: 'call', name: token.text, args: [] }
          : { type: 'name', name: token.text };
      case 'keyword':
        if (token.text === 'getline') return this.#getline();
        break;
      case 'operator':
        return this.#operatorPrimary(token.text);
      case 'newline':
      case 'end':
        break;
    }
    throw new CommandFailure(
      `syntax error at ${token.text === '' || token.text === '\n' ? 'end of line' : JSON.stringify(token.text)}`,
      2,
    );
  }

  #operatorPrimary(text: string): Expression {
    if (text === '(') {
      const list = this.#inside(() => this.#list(')'));
      if (list.length > 1 && this.#accept('in'))
        return { type: 'in', subscripts: list, name: this.#take().text };
      return list.length === 1
        ? { type: 'unary', operator: '(', operand: list[0]! }
        : { type: 'string', value: '' };
    }
    if (text === '$') {
      const sign = this.#is('-') || this.#is('++') || this.#is('--');
      return { type: 'field', index: sign ? this.#unary() : this.#primary() };
    }
    if (text === '++' || text === '--')
      return { type: 'step', by: text === '++' ? 1 : -1, prefix: true, target: this.#primary() };
    if (text === '-' || text === '+' || text === '!')
      return { type: 'unary', operator: text, operand: this.#unary() };
    throw new CommandFailure(`syntax error at '${text}'`, 2);
  }

  #getline(): Expression {
    const target = this.#getlineTarget();
    const file = this.#accept('<') ? this.#primary() : undefined;
    return { type: 'getline', target, file, command: undefined };
  }

  #getlineTarget(): Expression | undefined {
    return this.#token.type === 'name' || this.#is('$') ? this.#primary() : undefined;
  }
}
