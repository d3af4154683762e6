/** JSON Web Tokens signed with ES256 (RFC 7519, 7515): the three parts that tokens of service accounts need. */

import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** More than any token of ours has; a longer one is not even looked at. */
const LONGEST_TOKEN = 16 * 1024;

/** The form of the signature that JWTs use: r and s side by side. */
const DSA_ENCODING = 'ieee-p1363';

export class JwtSigner {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #header: string;

  /** @param privateKey on the curve P-256 */
  constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    this.#publicKey = createPublicKey(privateKey);
    // Upstream's key id: the hash of the public key as it stands in certificates.
    const spki = this.#publicKey.export({ type: 'spki', format: 'der' });
    const kid = createHash('sha256').update(spki).digest('base64url');
    this.#header = encodePart({ alg: 'ES256', kid });
  }

  /** The token that states these claims. */
  sign(claims: object): string {
    const signed = `${this.#header}.${encodePart(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), {
      key: this.#privateKey,
      dsaEncoding: DSA_ENCODING,
    });
    return `${signed}.${signature.toString('base64url')}`;
  }

  /** The claims of a token that this key has signed; undefined for every other text. */
  verify(token: string): Record<string, unknown> | undefined {
    if (token.length > LONGEST_TOKEN) return undefined;
    const [header, claims, signature, ...more] = token.split('.');
    // Our tokens all begin alike; with the header compared, none can talk us into another algorithm.
    if (header !== this.#header || claims === undefined || signature === undefined || more.length > 0) {
      return undefined;
    }
    const isOurs = verify(
      'sha256',
      Buffer.from(`${header}.${claims}`),
      { key: this.#publicKey, dsaEncoding: DSA_ENCODING },
      Buffer.from(signature, 'base64url'),
    );
    return isOurs
      ? (JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>)
      : undefined;
  }
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
