/**
 * Runs `awk` programs. Expressions are evaluated at once; statements are steps of a generator, so
 * that a loop can be held up and what has been printed can go out.
 */

import { random } from '@orrery/kit/random.ts';
import { FileError } from '../../../files/file-system.ts';
import { compileRegExp, posixSource } from '../../regular-expressions.ts';
import type { Command } from '../command.ts';
import { CommandFailure } from '../command.ts';
import { formatDate } from '../date.ts';
import { callBuiltin } from './builtins.ts';
import type { AwkProgram, Expression, Rule, Statement } from './syntax.ts';
import { type AwkArray, compareValues, fromOutside, isTrue, toNumber, toText, type Value } from './values.ts';

/** Calls of functions inside one another. */
const DEEPEST_CALL = 200;
/** Statements of one call of a function: it is not held up. */
const LONGEST_CALL = 2_000_000;
/** Characters of one string, and elements of one array. */
const LONGEST_STRING = 4 * 1024 * 1024;
const MOST_ELEMENTS = 500_000;
const MOST_FIELDS = 65_536;

/** What the one who steps has to do before the next step. */
export type Request = { kind: 'pause' } | { kind: 'system'; command: string };

type Flow = 'next' | 'break' | 'continue' | 'return' | 'exit' | undefined;

type Frame = Map<string, Value | AwkArray>;

export class Interpreter {
  readonly self: Command;
  /** What is to be printed, by its destination: '' is standard output. */
  readonly output = new Map<string, { kind: 'file' | 'append' | 'command'; text: string }>();
  exitCode = 0;
  readonly #program: AwkProgram;
  readonly #globals = new Map<string, Value | AwkArray>();
  readonly #regexps = new Map<string, RegExp>();
  readonly #ranges = new Set<Rule>();
  readonly #files = new Map<string, string[]>();
  #frames: Frame[] = [];
  #record = '';
  #fields: Value[] | undefined;
  #returned: Value;
  #steps = 0;
  /** Gives the next record of the input where `getline` asks for it; undefined when none has been read ahead. */
  readonly #readAhead: () => string | undefined;

  constructor(self: Command, program: AwkProgram, readAhead: () => string | undefined) {
    this.self = self;
    this.#program = program;
    this.#readAhead = readAhead;
    for (const [name, value] of Object.entries(DEFAULTS)) this.#globals.set(name, value);
    const environment: AwkArray = new Map();
    for (const [name, value] of self.process.env) environment.set(name, fromOutside(value));
    this.#globals.set('ENVIRON', environment);
  }

  setGlobal(name: string, value: Value | AwkArray): void {
    this.#globals.set(name, value);
  }

  text(name: string): string {
    const value = this.#globals.get(name);
    return value instanceof Map ? '' : toText(value);
  }

  setRecord(record: string): void {
    this.#record = record;
    this.#fields = undefined;
    this.#globals.set('NF', undefined);
  }

  countRecord(isNewFile: boolean): void {
    this.#globals.set('NR', toNumber(this.#scalar('NR')) + 1);
    this.#globals.set('FNR', isNewFile ? 1 : toNumber(this.#scalar('FNR')) + 1);
  }

  /** The rules of BEGIN or of END. Returns whether the program goes on. */
  *special(type: 'BEGIN' | 'END'): Generator<Request, boolean> {
    for (const { pattern, body } of this.#program.rules) {
      if (pattern.type !== type || body === undefined) continue;
      if ((yield* this.#execute(body)) === 'exit') return false;
    }
    return true;
  }

  /** The rules over the record in hand. Returns whether the program goes on. */
  *rules(): Generator<Request, boolean> {
    for (const rule of this.#program.rules) {
      if (!this.#applies(rule)) continue;
      if (rule.body === undefined) {
        this.print(`${this.#record}${this.text('ORS')}`);
        continue;
      }
      const flow = yield* this.#execute(rule.body);
      if (flow === 'exit') return false;
      if (flow === 'next') break;
    }
    return true;
  }

  hasMainRules(): boolean {
    return this.#program.rules.some(({ pattern }) => pattern.type !== 'BEGIN');
  }

  #applies(rule: Rule): boolean {
    const { pattern } = rule;
    switch (pattern.type) {
      case 'BEGIN':
      case 'END':
        return false;
      case 'always':
        return true;
      case 'test':
        return isTrue(this.evaluate(pattern.test));
      case 'range': {
        const began = this.#ranges.has(rule) || isTrue(this.evaluate(pattern.first));
        if (!began) return false;
        if (isTrue(this.evaluate(pattern.last))) this.#ranges.delete(rule);
        else this.#ranges.add(rule);
        return true;
      }
    }
  }

  print(text: string, target = '', kind: 'file' | 'append' | 'command' = 'append'): void {
    const pending = this.output.get(target);
    if (pending === undefined) this.output.set(target, { kind, text });
    else pending.text += text;
    if ((pending?.text.length ?? 0) > LONGEST_STRING) throw new CommandFailure('out of memory', 2);
  }

  *#execute(statement: Statement): Generator<Request, Flow> {
    this.#steps += 1;
    if (this.#steps % 1_000 === 0) yield { kind: 'pause' };
    switch (statement.type) {
      case 'block':
        for (const each of statement.body) {
          const flow = yield* this.#execute(each);
          if (flow !== undefined) return flow;
        }
        return undefined;
      case 'expression': {
        const { value } = statement;
        if (value.type === 'call' && value.name === 'system')
          yield { kind: 'system', command: toText(this.evaluate(value.args[0]!)) };
        else this.evaluate(value);
        return undefined;
      }
      case 'print':
        this.#print(statement);
        return undefined;
      case 'if':
        if (isTrue(this.evaluate(statement.test))) return yield* this.#execute(statement.consequent);
        return statement.alternate === undefined ? undefined : yield* this.#execute(statement.alternate);
      case 'while':
      case 'for':
      case 'forIn':
        return yield* this.#loop(statement);
      case 'delete': {
        const array = this.array(statement.name);
        if (statement.subscripts === undefined) array.clear();
        else array.delete(this.#subscript(statement.subscripts));
        return undefined;
      }
      case 'exit':
        if (statement.value !== undefined) this.exitCode = toNumber(this.evaluate(statement.value)) & 0xff;
        return 'exit';
      case 'return':
        this.#returned = statement.value === undefined ? undefined : this.evaluate(statement.value);
        return 'return';
      case 'next':
      case 'nextfile':
        return 'next';
      case 'break':
      case 'continue':
        return statement.type;
    }
  }

  *#loop(statement: Extract<Statement, { type: 'while' | 'for' | 'forIn' }>): Generator<Request, Flow> {
    if (statement.type === 'forIn') {
      for (const key of Array.from(this.array(statement.name).keys())) {
        this.#assign({ type: 'name', name: statement.variable }, fromOutside(key));
        const flow = yield* this.#execute(statement.body);
        if (flow === 'break') break;
        if (flow !== undefined && flow !== 'continue') return flow;
      }
      return undefined;
    }
    if (statement.type === 'for' && statement.start !== undefined) yield* this.#execute(statement.start);
    let isFirst = statement.type === 'while' && statement.first;
    while (isFirst || statement.test === undefined || isTrue(this.evaluate(statement.test))) {
      isFirst = false;
      const flow = yield* this.#execute(statement.body);
      if (flow === 'break') break;
      if (flow !== undefined && flow !== 'continue') return flow;
      if (statement.type === 'for' && statement.step !== undefined) yield* this.#execute(statement.step);
    }
    return undefined;
  }

  #print({ formatted, args, redirect }: Extract<Statement, { type: 'print' }>): void {
    const values = args.map((each) => this.evaluate(each));
    const text = formatted
      ? this.format(values)
      : (args.length === 0
          ? this.#record
          : values.map((each) => toText(each, this.text('OFMT'))).join(this.text('OFS'))) + this.text('ORS');
    if (redirect === undefined) {
      this.print(text);
      return;
    }
    const target = toText(this.evaluate(redirect.target));
    this.print(
      text,
      target,
      redirect.operator === '|' ? 'command' : redirect.operator === '>' ? 'file' : 'append',
    );
  }

  format(values: readonly Value[]): string {
    return callBuiltin(this, 'sprintf', values, []) as string;
  }

  evaluate(expression: Expression): Value {
    switch (expression.type) {
      case 'number':
      case 'string':
        return expression.value;
      case 'regexp':
        return Number(this.regexp(expression.source).test(this.#record));
      case 'name':
        return this.#scalar(expression.name);
      case 'field':
        return this.#field(toNumber(this.evaluate(expression.index)));
      case 'element': {
        const array = this.array(expression.name);
        const key = this.#subscript(expression.subscripts);
        if (!array.has(key)) this.#setElement(array, key, undefined);
        return array.get(key);
      }
      case 'assign': {
        const value = this.evaluate(expression.value);
        const result =
          expression.operator === ''
            ? value
            : arithmetic(expression.operator, toNumber(this.evaluate(expression.target)), toNumber(value));
        return this.#assign(expression.target, result);
      }
      case 'unary':
        return this.#unary(expression.operator, expression.operand);
      case 'step': {
        const before = toNumber(this.evaluate(expression.target));
        this.#assign(expression.target, before + expression.by);
        return expression.prefix ? before + expression.by : before;
      }
      case 'binary':
        return this.#binary(expression.operator, expression.left, expression.right);
      case 'conditional':
        return this.evaluate(
          isTrue(this.evaluate(expression.test)) ? expression.consequent : expression.alternate,
        );
      case 'match':
        return Number(
          this.expressionOf(expression.expression).test(toText(this.evaluate(expression.text))) !==
            expression.negated,
        );
      case 'in':
        return Number(this.array(expression.name).has(this.#subscript(expression.subscripts)));
      case 'call':
        return this.#call(expression.name, expression.args);
      case 'getline':
        return this.#getline(expression);
    }
  }

  #unary(operator: string, operand: Expression): Value {
    const value = this.evaluate(operand);
    if (operator === '(') return value;
    if (operator === '!') return Number(!isTrue(value));
    return operator === '-' ? -toNumber(value) : toNumber(value);
  }

  #binary(operator: string, leftExpression: Expression, rightExpression: Expression): Value {
    const left = this.evaluate(leftExpression);
    if (operator === '&&') return Number(isTrue(left) && isTrue(this.evaluate(rightExpression)));
    if (operator === '||') return Number(isTrue(left) || isTrue(this.evaluate(rightExpression)));
    const right = this.evaluate(rightExpression);
    if (operator === ' ') {
      const text = toText(left, this.text('CONVFMT')) + toText(right, this.text('CONVFMT'));
      if (text.length > LONGEST_STRING) throw new CommandFailure('out of memory', 2);
      return text;
    }
    const order = COMPARISONS[operator];
    return order === undefined
      ? arithmetic(operator, toNumber(left), toNumber(right))
      : Number(order(compareValues(left, right)));
  }

  /** As an expression to match: what stands between slashes, or text. */
  expressionOf(expression: Expression): RegExp {
    return this.regexp(expression.type === 'regexp' ? expression.source : toText(this.evaluate(expression)));
  }

  regexp(source: string): RegExp {
    let known = this.#regexps.get(source);
    if (known === undefined) {
      known = compileRegExp(posixSource(source, { extended: true }));
      if (this.#regexps.size > 256) this.#regexps.clear();
      this.#regexps.set(source, known);
    }
    return known;
  }

  #scalar(name: string): Value {
    if (name === 'NF') return this.#splitRecord().length;
    const value = this.#frames.at(-1)?.get(name) ?? this.#globals.get(name);
    if (value instanceof Map) throw new CommandFailure(`${name} is an array`, 2);
    return value;
  }

  array(name: string): AwkArray {
    const frame = this.#frames.at(-1);
    const scope = frame?.has(name) === true ? frame : this.#globals;
    let value = scope.get(name);
    if (!(value instanceof Map)) {
      value = new Map();
      scope.set(name, value);
    }
    return value;
  }

  #subscript(subscripts: readonly Expression[]): string {
    return subscripts
      .map((each) => toText(this.evaluate(each), this.text('CONVFMT')))
      .join(this.text('SUBSEP'));
  }

  #setElement(array: AwkArray, key: string, value: Value): void {
    array.set(key, value);
    if (array.size > MOST_ELEMENTS) throw new CommandFailure('out of memory', 2);
  }

  assign(target: Expression, value: Value): void {
    this.#assign(target, value);
  }

  #assign(target: Expression, value: Value): Value {
    if (target.type === 'element') {
      this.#setElement(this.array(target.name), this.#subscript(target.subscripts), value);
    } else if (target.type === 'field') {
      this.#setField(toNumber(this.evaluate(target.index)), value);
    } else if (target.type === 'name') {
      const frame = this.#frames.at(-1);
      if (target.name === 'NF') this.#resize(toNumber(value));
      else if (frame?.has(target.name) === true) frame.set(target.name, value);
      else this.#globals.set(target.name, value);
    }
    return value;
  }

  #splitRecord(): Value[] {
    this.#fields ??= splitText(this.#record, this.text('FS'), (source) => this.regexp(source)).map(
      fromOutside,
    );
    return this.#fields;
  }

  #field(index: number): Value {
    if (index < 0) throw new CommandFailure('access to negative field', 2);
    return index === 0 ? fromOutside(this.#record) : this.#splitRecord()[Math.trunc(index) - 1];
  }

  #setField(index: number, value: Value): void {
    if (index === 0) {
      this.setRecord(toText(value));
      return;
    }
    if (index < 0 || index > MOST_FIELDS) throw new CommandFailure('no such field', 2);
    const fields = this.#splitRecord();
    while (fields.length < index) fields.push('');
    fields[index - 1] = value;
    this.#join();
  }

  #resize(length: number): void {
    const fields = this.#splitRecord();
    if (length < 0 || length > MOST_FIELDS) throw new CommandFailure('no such field', 2);
    while (fields.length < length) fields.push('');
    fields.length = length;
    this.#join();
  }

  #join(): void {
    this.#record = this.#splitRecord()
      .map((each) => toText(each))
      .join(this.text('OFS'));
  }

  #call(name: string, args: readonly Expression[]): Value {
    const definition = this.#program.functions.get(name);
    if (definition === undefined) {
      const values = ['split', 'sub', 'gsub', 'match', 'gensub', 'length'].includes(name)
        ? []
        : args.map((each) => this.evaluate(each));
      return callBuiltin(this, name, values, args);
    }
    if (this.#frames.length >= DEEPEST_CALL) throw new CommandFailure('function call nesting too deep', 2);
    const frame: Frame = new Map();
    for (const [index, parameter] of definition.parameters.entries())
      frame.set(parameter, this.#argument(args[index]));
    this.#frames.push(frame);
    this.#returned = undefined;
    let steps = 0;
    const body = this.#execute(definition.body);
    for (let step = body.next(); step.done !== true; step = body.next())
      if ((steps += 1_000) > LONGEST_CALL) throw new CommandFailure(`${name} runs too long`, 2);
    this.#frames.pop();
    const result = this.#returned;
    this.#returned = undefined;
    return result;
  }

  /** Arrays are passed by reference, and so is a name that may become one. */
  #argument(expression: Expression | undefined): Value | AwkArray {
    if (expression === undefined) return undefined;
    if (expression.type !== 'name') return this.evaluate(expression);
    const value = this.#frames.at(-1)?.get(expression.name) ?? this.#globals.get(expression.name);
    return value instanceof Map ? value : this.evaluate(expression);
  }

  split(text: string, separator: string): string[] {
    return splitText(text, separator, (source) => this.regexp(source));
  }

  get record(): string {
    return this.#record;
  }

  now(format?: string, atSeconds?: number): Value {
    const nowMs = this.self.process.clock.now();
    if (format === undefined) return Math.floor(nowMs / 1_000);
    return formatDate(format, atSeconds === undefined ? nowMs : atSeconds * 1_000);
  }

  chance(): number {
    return random();
  }

  #getline({ target, file, command }: Extract<Expression, { type: 'getline' }>): Value {
    if (command !== undefined) throw new CommandFailure('getline from a command is not supported', 2);
    const line = file === undefined ? this.#readAhead() : this.#lineOf(toText(this.evaluate(file)));
    if (line === undefined || line === null) return line === null ? -1 : 0;
    if (file === undefined) this.countRecord(false);
    if (target === undefined) this.setRecord(line);
    else this.#assign(target, fromOutside(line));
    return 1;
  }

  /** Null when it cannot be read, undefined at its end. */
  #lineOf(path: string): string | undefined | null {
    let lines = this.#files.get(path);
    if (lines === undefined) {
      try {
        const text = Buffer.from(this.self.process.files.read(this.self.path(path))).toString();
        lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
      } catch (error) {
        if (error instanceof FileError) return null;
        throw error;
      }
      this.#files.set(path, lines);
    }
    return lines.shift();
  }

  close(name: string): void {
    this.#files.delete(name);
  }
}

const DEFAULTS: Readonly<Record<string, Value>> = {
  FS: ' ',
  OFS: ' ',
  ORS: '\n',
  RS: '\n',
  SUBSEP: '\u001c',
  CONVFMT: '%.6g',
  OFMT: '%.6g',
  NR: 0,
  FNR: 0,
  RSTART: 0,
  RLENGTH: -1,
};

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

function arithmetic(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
    case '%':
      if (right === 0) throw new CommandFailure('division by zero', 2);
      return operator === '/' ? left / right : left % right;
    default:
      return left ** right;
  }
}

/** A blank separates by any blanks, one character by itself, more are an expression. */
function splitText(text: string, separator: string, regexp: (source: string) => RegExp): string[] {
  if (separator === ' ') return text.split(/[ \t\n]+/).filter((each) => each !== '');
  if (text === '') return [];
  if (separator === '') return Array.from(text);
  if (separator.length === 1 && separator !== '\\') return text.split(separator);
  return text.split(new RegExp(regexp(separator).source.replaceAll(/(?<!\\)\((?!\?)/g, '(?:')));
}
