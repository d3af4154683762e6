/** Query parameters as Go's conversions read them (apimachinery/pkg/runtime/converter.go). */

import { badRequest } from '@orrery/api/status-error.ts';

/** A flag: absent is undefined; everything but `0` and `false` is true, even an empty value. */
export function flag(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return text !== '0' && text.toLowerCase() !== 'false';
}

const INTEGER = /^[+-]?\d{1,15}$/;

/** A whole number; absent or empty is undefined. @throws StatusError 400 when it is not one. */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!INTEGER.test(text)) {
    throw badRequest(`${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

/** A text; absent or empty is undefined. */
export function text(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name);
  return value === null || value === '' ? undefined : value;
}

/** Spread into an options object: the property when it has a value, nothing otherwise. */
export function optional<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>);
}
