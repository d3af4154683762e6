/** Media types of HTTP headers (RFC 9110, 8.3.1 and 12.5.1). */

/** One media type with its parameters; all names and the type in lower case. */
export interface MediaType {
  /** `application/json`, `application/*` or `*\/*`. */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Parses a Content-Type; the type of an absent or empty header is empty. */
export function parseMediaType(text: string | undefined): MediaType {
  const [type = '', ...parts] = (text ?? '').split(';');
  const parameters: Record<string, string> = {};
  for (const part of parts) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    const value = part.slice(equals + 1).trim();
    parameters[part.slice(0, equals).trim().toLowerCase()] = value.replace(/^"(.*)"$/, '$1');
  }
  return { type: type.trim().toLowerCase(), parameters };
}

/** More clauses than this are cut off: no client sends so many. */
const MAX_CLAUSES = 32;

/**
 * The clauses of an Accept header in order of preference: by q, then concrete types before ranges, then as
 * written. Clauses with q=0 are left out. An absent or empty header accepts everything.
 */
export function parseAccept(header: string | undefined): MediaType[] {
  if (header === undefined || header.trim() === '') return [{ type: '*/*', parameters: {} }];
  return header
    .split(',', MAX_CLAUSES)
    .map(parseMediaType)
    .filter(({ type }) => type !== '')
    .map((clause) => ({ clause, q: quality(clause), ranges: wildcards(clause) }))
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q || a.ranges - b.ranges)
    .map(({ clause }) => clause);
}

/** What cannot be read as a weight counts as 1, as upstream's goautoneg has it. */
function quality({ parameters }: MediaType): number {
  const q = Number(parameters['q'] ?? 1);
  return q >= 0 && q <= 1 ? q : 1;
}

function wildcards({ type }: MediaType): number {
  return type === '*/*' ? 2 : type.endsWith('/*') ? 1 : 0;
}
