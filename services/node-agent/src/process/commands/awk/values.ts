/** Values of `awk`: numbers, strings, and strings from outside that look like numbers. */

import { convertFloat } from '../printf.ts';

export class NumericString {
  readonly text: string;
  readonly number: number;

  constructor(text: string, number: number) {
    this.text = text;
    this.number = number;
  }
}

export type Value = number | string | NumericString | undefined;
export type AwkArray = Map<string, Value>;

/** What comes from a file, a variable on the command line or `split`. */
export function fromOutside(text: string): Value {
  const trimmed = text.trim();
  if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(trimmed)) return text;
  return new NumericString(text, Number(trimmed));
}

export function toNumber(value: Value): number {
  if (typeof value === 'number') return value;
  if (value === undefined) return 0;
  if (value instanceof NumericString) return value.number;
  const match = /^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)/.exec(value);
  return match === null ? 0 : Number(match[1]);
}

/** Whole numbers as they are, others by CONVFMT or OFMT. */
export function toText(value: Value, format = '%.6g'): string {
  if (typeof value === 'string') return value;
  if (value === undefined) return '';
  if (value instanceof NumericString) return value.text;
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return String(value === 0 ? 0 : value);
  const match = /^%(?:\.(\d+))?([efgEFG])$/.exec(format);
  return convertFloat(match?.[2] ?? 'g', Number(match?.[1] ?? 6), value);
}

export function isTrue(value: Value): boolean {
  if (typeof value === 'string') return value !== '';
  return toNumber(value) !== 0;
}

/** As numbers when both are or look like numbers; an unset value is either. */
export function compareValues(left: Value, right: Value): number {
  if (typeof left !== 'string' && typeof right !== 'string') {
    const difference = toNumber(left) - toNumber(right);
    return difference < 0 ? -1 : difference > 0 ? 1 : 0;
  }
  const [a, b] = [toText(left), toText(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}
