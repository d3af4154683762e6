/**
 * Resource quantities (k8s.io/apimachinery/pkg/api/resource): exact decimal numbers with a
 * suffix, kept as strings in objects and computed with as bigint milli-units here.
 */

const PATTERN = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d+)|(m|u|n|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;

const DECIMAL_EXPONENT: Record<string, number> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_POWER: Record<string, number> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

type Format = 'decimalSI' | 'binarySI' | 'decimalExponent';

interface Parsed {
  /** The value in units of 10^-9, rounded away from zero as upstream does. */
  nanos: bigint;
  format: Format;
}

const NANO = 1_000_000_000n;

/** Upstream holds binary quantities down to the largest int64. */
const LARGEST_BINARY = (2n ** 63n - 1n) * NANO;

function parse(text: string): Parsed | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, sign, digits, exponent, suffix = ''] = match;
  const [whole = '', fraction = ''] = digits!.split('.');
  let mantissa = BigInt(`${whole}${fraction}` || '0');
  let tenPower = 9 - fraction.length;
  let format: Format = 'decimalSI';
  if (suffix in BINARY_POWER) {
    mantissa <<= BigInt(BINARY_POWER[suffix]!);
    format = 'binarySI';
  } else if (exponent !== undefined) {
    tenPower += Math.max(-1000, Math.min(1000, Number(exponent.slice(1))));
    format = 'decimalExponent';
  } else {
    tenPower += DECIMAL_EXPONENT[suffix]!;
  }
  let nanos =
    tenPower >= 0
      ? mantissa * 10n ** BigInt(tenPower)
      : divideAwayFromZero(mantissa, 10n ** BigInt(-tenPower));
  if (format === 'binarySI' && nanos > LARGEST_BINARY) nanos = LARGEST_BINARY;
  return { nanos: sign === '-' ? -nanos : nanos, format };
}

/** Whoever asks for some gets some, however little: upstream never rounds to zero. */
function divideAwayFromZero(value: bigint, by: bigint): bigint {
  return (value >= 0n ? value + by - 1n : value - by + 1n) / by;
}

export function isQuantity(text: string): boolean {
  return PATTERN.test(text);
}

const memo = new Map<string, bigint>();
const MEMO_LIMIT = 4096;

function nanosOf(text: string): bigint {
  let nanos = memo.get(text);
  if (nanos === undefined) {
    const parsed = parse(text);
    if (parsed === undefined) throw new RangeError(`not a quantity: ${JSON.stringify(text)}`);
    ({ nanos } = parsed);
    if (memo.size >= MEMO_LIMIT) memo.clear();
    memo.set(text, nanos);
  }
  return nanos;
}

/**
 * The value in thousandths of a unit, rounded away from zero (`Quantity.MilliValue`).
 * @throws RangeError when the text is not a quantity; validated objects never cause it.
 */
export function milliValue(text: string): number {
  return Number(divideAwayFromZero(nanosOf(text), 1_000_000n));
}

/**
 * The value in whole units, rounded away from zero (`Quantity.Value`): bytes of memory, counts.
 * @throws RangeError when the text is not a quantity; validated objects never cause it.
 */
export function wholeValue(text: string): number {
  return Number(divideAwayFromZero(nanosOf(text), NANO));
}

/** -1, 0 or 1 as a is less than, equal to or greater than b. */
export function compareQuantities(a: string, b: string): number {
  const left = parse(a)?.nanos ?? 0n;
  const right = parse(b)?.nanos ?? 0n;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Milli-units as a decimal quantity in canonical form: 1500 is `1500m`, 2000 is `2`, 10^8 is `100k`. */
export function fromMilli(milli: number): string {
  return formatted(BigInt(Math.round(milli)) * 1_000_000n, 'decimalSI');
}

/** Whole units as a binary quantity in canonical form: 524288000 is `500Mi`, 1000 is `1k`. */
export function fromBytes(bytes: number): string {
  return formatted(BigInt(Math.round(bytes)) * NANO, 'binarySI');
}

/**
 * The canonical text that the apiserver stores and shows: no fraction, the largest suffix
 * that keeps the number whole, the suffix family of the input (`Quantity.CanonicalizeBytes`).
 * Returns undefined when the text is not a quantity.
 */
export function canonicalQuantity(text: string): string | undefined {
  const parsed = parse(text);
  if (parsed === undefined) return undefined;
  return formatted(parsed.nanos, parsed.format);
}

function formatted(nanos: bigint, format: Format): string {
  if (nanos === 0n) return '0';
  return nanos < 0n ? `-${formatNanos(-nanos, format)}` : formatNanos(nanos, format);
}

const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL_SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];

function formatNanos(nanos: bigint, format: Format): string {
  // Upstream shows binary values under 1024, and those with a fraction, in decimal form.
  if (format === 'binarySI' && nanos % NANO === 0n && nanos / NANO >= 1024n) {
    let value = nanos / NANO;
    let power = 0;
    while (value % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
      value /= 1024n;
      power += 1;
    }
    return `${value}${BINARY_SUFFIXES[power]}`;
  }
  let value = nanos;
  let power = 0;
  while (value % 1000n === 0n) {
    value /= 1000n;
    power += 1;
  }
  // Beyond E there is no suffix: upstream writes the exponent then.
  const suffix = format === 'decimalExponent' ? undefined : DECIMAL_SUFFIXES[power];
  if (suffix !== undefined) return `${value}${suffix}`;
  const exponent = (power - 3) * 3;
  return exponent === 0 ? String(value) : `${value}e${exponent}`;
}
