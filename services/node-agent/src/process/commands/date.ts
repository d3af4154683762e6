/** Dates as text: strftime(3), and what `date -d` understands. Containers run in UTC. */

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAY_MS = 86_400_000;

export function formatDate(format: string, atMs: number): string {
  const date = new Date(atMs);
  return format.replaceAll(/%([-_0^]?)(:?\d*[a-zA-Z%])/g, (whole, flag: string, letter: string) => {
    const text = formatField(letter, date);
    if (text === undefined) return whole;
    if (flag === '-') return text.replace(/^[0 ]+(?=.)/, '');
    if (flag === '_') return text.replace(/^0+(?=.)/, (zeros) => ' '.repeat(zeros.length));
    return flag === '^' ? text.toUpperCase() : text;
  });
}

const COMPOSED: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
  h: '%b',
};

function formatField(letter: string, date: Date): string | undefined {
  const two = (value: number): string => String(value).padStart(2, '0');
  const composed = COMPOSED[letter];
  if (composed !== undefined) return formatDate(composed, date.getTime());
  const hour = date.getUTCHours();
  const dayOfYear = Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS);
  switch (letter) {
    case 'a':
      return DAYS[date.getUTCDay()]!.slice(0, 3);
    case 'A':
      return DAYS[date.getUTCDay()]!;
    case 'b':
      return MONTHS[date.getUTCMonth()]!.slice(0, 3);
    case 'B':
      return MONTHS[date.getUTCMonth()]!;
    case 'C':
      return two(Math.floor(date.getUTCFullYear() / 100));
    case 'd':
      return two(date.getUTCDate());
    case 'e':
      return String(date.getUTCDate()).padStart(2);
    case 'G':
    case 'Y':
      return String(date.getUTCFullYear());
    case 'H':
      return two(hour);
    case 'I':
      return two(hour % 12 || 12);
    case 'j':
      return String(dayOfYear + 1).padStart(3, '0');
    case 'k':
      return String(hour).padStart(2);
    case 'l':
      return String(hour % 12 || 12).padStart(2);
    case 'm':
      return two(date.getUTCMonth() + 1);
    case 'M':
      return two(date.getUTCMinutes());
    case 'N':
      return String(date.getUTCMilliseconds()).padStart(3, '0').padEnd(9, '0');
    case '3N':
      return String(date.getUTCMilliseconds()).padStart(3, '0');
    case 'n':
      return '\n';
    case 'p':
      return hour < 12 ? 'AM' : 'PM';
    case 'P':
      return hour < 12 ? 'am' : 'pm';
    case 's':
      return String(Math.floor(date.getTime() / 1_000));
    case 'S':
      return two(date.getUTCSeconds());
    case 't':
      return '\t';
    case 'u':
      return String(date.getUTCDay() || 7);
    case 'U':
      return two(Math.floor((dayOfYear + 7 - date.getUTCDay()) / 7));
    case 'w':
      return String(date.getUTCDay());
    case 'y':
      return two(date.getUTCFullYear() % 100);
    case 'z':
      return '+0000';
    case ':z':
      return '+00:00';
    case 'Z':
      return 'UTC';
    case '%':
      return '%';
    default:
      return undefined;
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  sec: 1_000,
  second: 1_000,
  min: 60_000,
  minute: 60_000,
  hour: 3_600_000,
  day: DAY_MS,
  week: 7 * DAY_MS,
};

/** `@SECONDS`, an ISO date, `now`, `yesterday`, `2 hours ago`, `+1 day`; undefined for what is none of them. */
export function parseDate(text: string, nowMs: number): number | undefined {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === 'now' || trimmed === 'today') return nowMs;
  if (trimmed === 'yesterday') return nowMs - DAY_MS;
  if (trimmed === 'tomorrow') return nowMs + DAY_MS;
  const epoch = /^@(-?\d+(?:\.\d+)?)$/.exec(trimmed);
  if (epoch !== null) return Number(epoch[1]) * 1_000;
  const relative = /^(?:now\s*)?([-+]?)\s*(\d+)\s*([a-z]+?)s?( ago)?$/i.exec(trimmed);
  const unit = UNIT_MS[relative?.[3]?.toLowerCase() ?? ''];
  if (relative !== null && unit !== undefined)
    return (
      nowMs + Number(relative[2]) * unit * ((relative[1] === '-') === (relative[4] === undefined) ? -1 : 1)
    );
  const absolute =
    /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:\s*(?:Z|UTC|[-+]\d\d:?\d\d))?$/.exec(trimmed);
  if (absolute === null) return undefined;
  const hasZone = /(?:Z|UTC|[-+]\d\d:?\d\d)$/.test(trimmed.slice(10));
  const iso = trimmed.replace(' ', 'T').replace(/\s*UTC$/, 'Z');
  const atMs = Date.parse(hasZone || iso.length === 10 ? iso : `${iso}Z`);
  return Number.isNaN(atMs) ? undefined : atMs;
}
