/**
 * X.509 certificates (RFC 5280) with ECDSA P-256, written by hand in DER: node:crypto reads and verifies
 * certificates but cannot make them, and the libraries that can take longer to load than the whole apiserver
 * takes to start.
 */

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { newUid } from '@orrery/kit/random.ts';
import {
  bitString,
  boolean,
  contextConstructed,
  contextPrimitive,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  time,
  utf8String,
} from './der.ts';

/** A certificate and the key that it speaks for, both PEM. */
export interface Identity {
  certificate: string;
  privateKey: string;
}

/** Who a certificate is about: Kubernetes reads the user from `commonName` and groups from `organizations`. */
export interface Subject {
  commonName: string;
  organizations?: readonly string[];
}

export type CertificateUse =
  | { kind: 'authority' }
  | { kind: 'client' }
  /** Names and IPv4 addresses under which the server may be reached. */
  | { kind: 'server'; hosts: readonly string[] };

export interface CertificateRequest {
  subject: Subject;
  use: CertificateUse;
  /** Epoch milliseconds of the wall, as clients compare them. */
  notBeforeMs: number;
  notAfterMs: number;
}

/** The authority that signs. */
export interface Issuer {
  subject: Subject;
  privateKey: KeyObject;
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** Makes a new key and a certificate for it; signed by itself without an issuer. */
export function issueIdentity(request: CertificateRequest, issuer?: Issuer): Identity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = issuer ?? { subject: request.subject, privateKey };
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256));
  const toBeSigned = sequence(
    tagged(contextConstructed(0), integer(Buffer.from([2]))),
    integer(Buffer.from(newUid().replaceAll('-', ''), 'hex')),
    algorithm,
    distinguishedName(signer.subject),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    distinguishedName(request.subject),
    spki(publicKey),
    tagged(contextConstructed(3), sequence(...extensions(request.use, publicKey, signer.privateKey))),
  );
  const signature = sign('sha256', toBeSigned, signer.privateKey);
  return {
    certificate: pem('CERTIFICATE', sequence(toBeSigned, algorithm, bitString(signature))),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function distinguishedName({ commonName, organizations = [] }: Subject): Buffer {
  const attribute = (oid: string, value: string): Buffer =>
    set(sequence(objectIdentifier(oid), utf8String(value)));
  return sequence(
    ...organizations.map((each) => attribute(OID.organization, each)),
    attribute(OID.commonName, commonName),
  );
}

function spki(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** An uncompressed point of P-256: the last bytes of the key's DER. */
const POINT_BYTES = 65;

/** SHA-1 of the key's bits (RFC 5280, 4.2.1.2, method 1): a name for the key, not a proof of anything. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha1').update(spki(publicKey).subarray(-POINT_BYTES)).digest();
}

/** Bits of keyUsage, from the highest: digitalSignature 0x80, keyCertSign 0x04, cRLSign 0x02. */
const SIGNING_USE = bitString(Buffer.from([0x80]), 7);
const AUTHORITY_USE = bitString(Buffer.from([0x86]), 1);

function extensions(use: CertificateUse, publicKey: KeyObject, signingKey: KeyObject): Buffer[] {
  const isAuthority = use.kind === 'authority';
  const common = [
    extension(OID.basicConstraints, isAuthority ? sequence(boolean(true)) : sequence(), true),
    extension(OID.keyUsage, isAuthority ? AUTHORITY_USE : SIGNING_USE, true),
    extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
    extension(
      OID.authorityKeyIdentifier,
      sequence(tagged(contextPrimitive(0), keyIdentifier(createPublicKey(signingKey)))),
    ),
  ];
  switch (use.kind) {
    case 'authority':
      return common;
    case 'client':
      return [...common, extension(OID.extKeyUsage, sequence(objectIdentifier(OID.clientAuth)))];
    case 'server':
      return [
        ...common,
        extension(OID.extKeyUsage, sequence(objectIdentifier(OID.serverAuth))),
        extension(OID.subjectAltName, sequence(...use.hosts.map(generalName))),
      ];
  }
}

function extension(oid: string, value: Buffer, critical = false): Buffer {
  const parts = critical ? [boolean(true), octetString(value)] : [octetString(value)];
  return sequence(objectIdentifier(oid), ...parts);
}

function generalName(host: string): Buffer {
  return isIPv4(host)
    ? tagged(contextPrimitive(7), Buffer.from(host.split('.').map(Number)))
    : tagged(contextPrimitive(2), Buffer.from(host, 'latin1'));
}
