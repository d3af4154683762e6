/**
 * The cluster's certificates: an authority made at first start, the server's certificate, and the
 * administrator's. Each lives with its key in one file of the state directory, so that the two are
 * always of one piece.
 */

import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { readFileIfThere, writeSecretFile } from './atomic-file.ts';
import { type CertificateRequest, type Identity, type Issuer, issueIdentity } from './certificate.ts';
import { prepareServiceAccountKey } from './service-account-key.ts';

/** What the apiserver serves with and whom it trusts. All PEM. */
export interface Pki {
  /** Signs every certificate that is let in. */
  caCertificate: string;
  server: Identity;
  /** User kubernetes-admin of group system:masters. */
  admin: Identity;
  /** Signs tokens of service accounts. */
  serviceAccountKey: KeyObject;
}

export interface PkiOptions {
  /** Made when missing. */
  stateDir: string;
  /** Further names and addresses of the server, besides those that every cluster has. */
  hosts?: readonly string[];
  /** Epoch milliseconds of the wall. */
  nowMs: number;
}

/** Under which pods and people reach every apiserver. */
const COMMON_HOSTS = [
  'localhost',
  '127.0.0.1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '10.96.0.1',
];

const DAY_MS = 86_400_000;
const LIFETIME_MS = 3_650 * DAY_MS;
/** Clocks of clients may be behind ours. */
const BACKDATED_MS = DAY_MS;
const RENEWED_BEFORE_EXPIRY_MS = 30 * DAY_MS;

const AUTHORITY = { commonName: 'orrery-ca' };
const ADMIN = { commonName: 'kubernetes-admin', organizations: ['system:masters'] };
const SERVER = { commonName: 'kube-apiserver' };

/**
 * Reads the certificates, and makes those that are missing, damaged, about to expire, signed by another
 * authority, or short of a host name.
 */
export async function preparePki({ stateDir, hosts = [], nowMs }: PkiOptions): Promise<Pki> {
  const validity = { notBeforeMs: nowMs - BACKDATED_MS, notAfterMs: nowMs + LIFETIME_MS };
  const allHosts = [...new Set([...COMMON_HOSTS, ...hosts])];
  const authority = await keepOrIssue(
    join(stateDir, 'ca.pem'),
    { subject: AUTHORITY, use: { kind: 'authority' }, ...validity },
    nowMs,
  );
  const issuer = { subject: AUTHORITY, privateKey: createPrivateKey(authority.privateKey) };
  const server = await keepOrIssue(
    join(stateDir, 'server.pem'),
    { subject: SERVER, use: { kind: 'server', hosts: allHosts }, ...validity },
    nowMs,
    issuer,
  );
  const admin = await keepOrIssue(
    join(stateDir, 'admin.pem'),
    { subject: ADMIN, use: { kind: 'client' }, ...validity },
    nowMs,
    issuer,
  );
  const serviceAccountKey = await prepareServiceAccountKey(stateDir);
  return { caCertificate: authority.certificate, server, admin, serviceAccountKey };
}

async function keepOrIssue(
  path: string,
  request: CertificateRequest,
  nowMs: number,
  issuer?: Issuer,
): Promise<Identity> {
  const present = parseIdentity(await readFileIfThere(path));
  if (present !== undefined && isUsable(present, request, nowMs, issuer)) return present;
  const identity = issueIdentity(request, issuer);
  await writeSecretFile(path, identity.privateKey + identity.certificate);
  return identity;
}

function parseIdentity(text: string | undefined): Identity | undefined {
  const blocks = text?.match(/-----BEGIN ([A-Z ]+)-----\n[^-]+-----END \1-----\n/g) ?? [];
  const [privateKey, certificate] = blocks;
  return privateKey === undefined || certificate === undefined ? undefined : { privateKey, certificate };
}

function isUsable(
  { certificate, privateKey }: Identity,
  { use }: CertificateRequest,
  nowMs: number,
  issuer: Issuer | undefined,
): boolean {
  try {
    const parsed = new X509Certificate(certificate);
    const key = createPrivateKey(privateKey);
    return (
      parsed.checkPrivateKey(key) &&
      parsed.verify(createPublicKey(issuer?.privateKey ?? key)) &&
      parsed.validFromDate.getTime() <= nowMs &&
      parsed.validToDate.getTime() - RENEWED_BEFORE_EXPIRY_MS > nowMs &&
      (use.kind !== 'server' || use.hosts.every((host) => speaksFor(parsed, host)))
    );
  } catch {
    // Damaged beyond parsing: as good as missing.
    return false;
  }
}

function speaksFor(certificate: X509Certificate, host: string): boolean {
  return (certificate.checkHost(host) ?? certificate.checkIP(host)) !== undefined;
}
