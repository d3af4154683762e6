/** Hashes in names of objects that a controller makes. */

/** Upstream's alphabet for hashes in names: no vowels, so that no words arise. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** JSON with properties in order and without absent ones, so that equal values have equal text. */
function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const properties = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`);
  return `{${properties.join(',')}}`;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

function fnv1a32(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash >>> 0;
}

/**
 * A stable hash of a JSON value, different for every `collisionCount` (`ComputeHash`, `HashControllerRevision`; the
 * result differs from upstream's, which hashes Go's memory layout, and nothing may rely on it).
 */
export function nameHash(value: unknown, collisionCount: number | undefined): string {
  const hash = fnv1a32(`${canonicalJson(value)}#${collisionCount ?? ''}`);
  return Array.from(String(hash), (digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('');
}
