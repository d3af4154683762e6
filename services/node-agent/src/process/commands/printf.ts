/** What `echo` and `printf` make of their arguments. */

/** Backslash sequences; `\c` ends the output. */
export function unescape(text: string): { text: string; ended: boolean } {
  let result = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    if (character !== '\\' || at + 1 >= text.length) {
      result += character;
      continue;
    }
    const rest = text.slice(at + 1);
    if (rest.startsWith('c')) return { text: result, ended: true };
    const number = /^(?:0([0-7]{1,3})|([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4}))/.exec(rest);
    if (number !== null) {
      const [whole, zeroOctal, octal, hexadecimal, unicode] = number;
      const code = Number.parseInt(
        zeroOctal ?? octal ?? hexadecimal ?? unicode!,
        (zeroOctal ?? octal) === undefined ? 16 : 8,
      );
      result += String.fromCodePoint(unicode === undefined ? code & 0xff : code);
      at += whole.length;
    } else {
      result += ESCAPES[rest[0]!] ?? `\\${rest[0]!}`;
      at += 1;
    }
  }
  return { text: result, ended: false };
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  e: '\u001b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** `-n` leaves out the newline, `-e` reads backslashes, `-E` does not; dash reads them unasked. */
export function echoText(args: readonly string[], readsEscapes = false): string {
  let escapes = readsEscapes;
  let newline = '\n';
  let at = 0;
  for (; at < args.length && /^-[neE]+$/.test(args[at]!); at += 1) {
    if (args[at]!.includes('n')) newline = '';
    if (args[at]!.includes('e')) escapes = true;
    if (args[at]!.includes('E')) escapes = false;
  }
  const text = args.slice(at).join(' ');
  if (!escapes) return text + newline;
  const unescaped = unescape(text);
  return unescaped.text + (unescaped.ended ? '' : newline);
}

/** The widest field: a script chooses it. */
const WIDEST = 4_096;
/** More is not printed. */
const MOST_CHARACTERS = 1024 * 1024;

/** The format is used again while there are arguments left. */
export function formatText(format: string, args: readonly string[]): { text: string; problems: string[] } {
  const problems: string[] = [];
  let result = '';
  let next = 0;
  do {
    const before = next;
    let at = 0;
    while (at < format.length) {
      const percent = format.indexOf('%', at);
      const { text, ended } = unescape(format.slice(at, percent < 0 ? undefined : percent));
      result += text;
      if (ended || percent < 0) {
        if (ended) return { text: result, problems };
        break;
      }
      const directive = /^%([-+ #0']*)(\*|\d+)?(?:\.(\*|\d*))?([a-zA-Z%])?/.exec(format.slice(percent))!;
      at = percent + directive[0].length;
      const [, flags, widthText, precisionText, conversion] = directive;
      const number = (given: string | undefined): number | undefined => {
        if (given === undefined) return undefined;
        return Math.min(WIDEST, Number(given === '*' ? (args[next++] ?? 0) : given || 0)) || 0;
      };
      const width = number(widthText);
      const precision = number(precisionText);
      if (conversion === '%') {
        result += '%';
        continue;
      }
      if (conversion === undefined) {
        problems.push(`${directive[0]}: invalid format`);
        return { text: result, problems };
      }
      const converted = convert(conversion, flags!, precision, args[next], problems);
      next += 1;
      result += pad(converted.text, width, flags!, conversion);
      if (converted.ended) return { text: result, problems };
    }
    if (next === before) break;
  } while (next < args.length && result.length < MOST_CHARACTERS);
  return { text: result, problems };
}

function convert(
  conversion: string,
  flags: string,
  precision: number | undefined,
  argument: string | undefined,
  problems: string[],
): { text: string; ended?: boolean } {
  switch (conversion) {
    case 's':
      return { text: (argument ?? '').slice(0, precision) };
    case 'b':
      return unescape(argument ?? '');
    case 'q':
      return { text: quoteForShell(argument ?? '') };
    case 'c':
      return { text: (argument ?? '').slice(0, 1) };
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
      return { text: convertInteger(conversion, flags, precision, argument, problems) };
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return {
        text: withSign(convertFloat(conversion, precision ?? 6, toNumber(argument, problems)), flags),
      };
    default:
      problems.push(`%${conversion}: invalid directive`);
      return { text: '' };
  }
}

function convertInteger(
  conversion: string,
  flags: string,
  precision: number | undefined,
  argument: string | undefined,
  problems: string[],
): string {
  const value = toInteger(argument, problems);
  const unsigned = conversion === 'd' || conversion === 'i' ? value : BigInt.asUintN(64, value);
  const radix = conversion === 'o' ? 8 : conversion === 'x' || conversion === 'X' ? 16 : 10;
  let digits = (unsigned < 0n ? -unsigned : unsigned).toString(radix).padStart(precision ?? 0, '0');
  if (flags.includes('#') && value !== 0n) digits = (radix === 8 ? '0' : radix === 16 ? '0x' : '') + digits;
  const text = (unsigned < 0n ? '-' : '') + (conversion === 'X' ? digits.toUpperCase() : digits);
  return radix === 10 ? withSign(text, flags) : text;
}

function withSign(text: string, flags: string): string {
  if (text.startsWith('-')) return text;
  return (flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') + text;
}

/** A quote stands for the character after it. */
function toInteger(argument: string | undefined, problems: string[]): bigint {
  const text = (argument ?? '').trim();
  if (text === '') return 0n;
  if (/^['"]./s.test(text)) return BigInt(text.codePointAt(1)!);
  const match = /^([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(text);
  if (match === null || match[0] !== text) problems.push(`${text}: invalid number`);
  if (match === null) return 0n;
  const digits = /^0[0-7]+$/.test(match[2]!) ? `0o${match[2]!.slice(1)}` : match[2]!;
  return BigInt.asIntN(64, match[1] === '-' ? -BigInt(digits) : BigInt(digits));
}

function toNumber(argument: string | undefined, problems: string[]): number {
  const text = (argument ?? '').trim();
  const value = text === '' ? 0 : Number(text);
  if (!Number.isNaN(value)) return value;
  problems.push(`${text}: invalid number`);
  return Number.parseFloat(text) || 0;
}

/** As C's printf writes a floating-point number. */
export function convertFloat(conversion: string, precision: number, value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  const digits = Math.min(precision, 100);
  const lower = conversion.toLowerCase();
  let text: string;
  if (lower === 'f') {
    text = Math.abs(value) < 1e21 ? value.toFixed(digits) : BigInt(Math.trunc(value)).toString();
  } else if (lower === 'e') {
    text = withLongExponent(value.toExponential(digits));
  } else {
    const significant = Math.max(1, digits);
    const exponent =
      value === 0 ? 0 : Math.floor(Math.log10(Math.abs(Number(value.toPrecision(significant)))));
    text =
      exponent < -4 || exponent >= significant
        ? withLongExponent(value.toExponential(significant - 1).replace(/\.?0+e/, 'e'))
        : value.toFixed(Math.min(100, Math.max(0, significant - 1 - exponent)));
    if (!text.includes('e') && text.includes('.')) text = text.replace(/\.?0+$/, '');
  }
  return conversion === lower ? text : text.toUpperCase();
}

function withLongExponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, 'e$10$2');
}

function pad(text: string, width: number | undefined, flags: string, conversion: string): string {
  if (width === undefined || text.length >= width) return text;
  if (flags.includes('-')) return text.padEnd(width);
  if (!flags.includes('0') || 'sbcq'.includes(conversion)) return text.padStart(width);
  const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}

export function quoteForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
