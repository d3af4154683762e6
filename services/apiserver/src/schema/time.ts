/** RFC 3339 instants as Kubernetes writes them: `metav1.Time` in whole seconds, `metav1.MicroTime` in six decimals. */

/** Most instants there are: canonical, and of a day that every month has, so that nothing else needs checking. */
const CANONICAL_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{6})?Z$/;
const TIME_LENGTH = '2006-01-02T15:04:05Z'.length;
const MICRO_TIME_LENGTH = '2006-01-02T15:04:05.000000Z'.length;
const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** From protobuf's seconds and nanoseconds since 1970, dropping the fraction of a second. */
export function timeFromEpoch(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** From protobuf's seconds and nanoseconds since 1970, in whole microseconds. */
export function microTimeFromEpoch(seconds: number, nanos: number): string {
  const micros = String(Math.floor(nanos / 1000)).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${micros}Z`;
}

/** An RFC 3339 text in UTC and whole seconds; undefined when it is no instant. */
export function canonicalTime(text: string): string | undefined {
  if (text.length === TIME_LENGTH && CANONICAL_TIME.test(text)) {
    return text;
  }
  const seconds = epochSeconds(text);
  return seconds === undefined ? undefined : timeFromEpoch(seconds);
}

/** An RFC 3339 text in UTC and microseconds; undefined when it is no instant. */
export function canonicalMicroTime(text: string): string | undefined {
  if (text.length === MICRO_TIME_LENGTH && CANONICAL_TIME.test(text)) {
    return text;
  }
  const seconds = epochSeconds(text);
  if (seconds === undefined) {
    return undefined;
  }
  const fraction = RFC3339.exec(text)?.[2] ?? '';
  return microTimeFromEpoch(seconds, Number(fraction.slice(0, 9).padEnd(9, '0')));
}

function epochSeconds(text: string): number | undefined {
  const match = RFC3339.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, dateTime = '', , zone = ''] = match;
  const ms = Date.parse(dateTime + zone);
  // Date.parse rolls 30 February over to March; the day of the result tells.
  if (Number.isNaN(ms) || !new Date(Date.parse(`${dateTime}Z`)).toISOString().startsWith(dateTime)) {
    return undefined;
  }
  return Math.floor(ms / 1000);
}

const LAYOUT = '2006-01-02T15:04:05Z07:00';
const LAYOUT_PARTS: readonly (readonly [string, RegExp])[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
  ['05', /^\d\d(?:[.,]\d+)?/],
  ['Z07:00', /^(?:Z|[+-]\d\d:\d\d)/],
];

/** Why a text is no instant, in the words of Go's `time.Parse`. */
export function timeParseError(text: string): string {
  const quoted = JSON.stringify(text);
  let rest = text;
  for (const [element, pattern] of LAYOUT_PARTS) {
    const match = pattern.exec(rest);
    if (match === null) {
      return `parsing time ${quoted} as "${LAYOUT}": cannot parse ${JSON.stringify(rest)} as "${element}"`;
    }
    rest = rest.slice(match[0].length);
  }
  return rest === ''
    ? `parsing time ${quoted}: value out of range`
    : `parsing time ${quoted}: extra text: ${JSON.stringify(rest)}`;
}
