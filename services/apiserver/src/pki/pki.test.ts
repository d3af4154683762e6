import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, connect, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@orrery/kit/clock.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { issueIdentity } from './certificate.ts';
import { integer, objectIdentifier, sequence, time } from './der.ts';
import { writeAdminKubeconfig } from './kubeconfig.ts';
import { preparePki } from './pki.ts';

const nowMs = systemClock.now();
const DAY_MS = 86_400_000;
let stateDir: string;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'orrery-pki-'));
});

afterEach(() => rm(stateDir, { recursive: true, force: true }));

describe('DER', () => {
  test.each([
    ['small integer', integer(Buffer.from([2])), '020102'],
    ['integer with its high bit set', integer(Buffer.from([0x80])), '02020080'],
    ['integer with leading zeros', integer(Buffer.from([0, 0, 1])), '020101'],
    ['zero', integer(Buffer.from([0])), '020100'],
    ['object identifier', objectIdentifier('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    ['time before 2050', time(Date.UTC(2036, 0, 2, 3, 4, 5)), `170d${hex('360102030405Z')}`],
    ['time from 2050 on', time(Date.UTC(2050, 0, 1)), `180f${hex('20500101000000Z')}`],
  ])('%s', (_name, bytes, expected) => {
    expect(bytes.toString('hex')).toBe(expected);
  });

  test('lengths of 128 bytes and more take extra bytes', () => {
    expect(sequence(Buffer.alloc(128)).subarray(0, 3).toString('hex')).toBe('308180');
    expect(sequence(Buffer.alloc(70_000)).subarray(0, 5).toString('hex')).toBe('3083011170');
  });
});

function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}

describe('the certificates of a cluster', () => {
  test('the first start makes an authority that signs server and administrator', async () => {
    const pki = await preparePki({ stateDir, nowMs });
    const authority = new X509Certificate(pki.caCertificate);
    const server = new X509Certificate(pki.server.certificate);
    const admin = new X509Certificate(pki.admin.certificate);
    expect(authority.ca).toBe(true);
    expect(server.checkIssued(authority) && server.verify(authority.publicKey)).toBe(true);
    expect(admin.checkIssued(authority) && admin.verify(authority.publicKey)).toBe(true);
    expect(server.ca).toBe(false);
    expect(admin.subject).toBe('O=system:masters\nCN=kubernetes-admin');
    expect(admin.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(server.checkHost('kubernetes.default.svc.cluster.local')).toBeDefined();
    expect(server.checkIP('127.0.0.1')).toBeDefined();
    expect(server.checkHost('elsewhere')).toBeUndefined();
    expect(server.validToDate.getTime() - nowMs).toBeGreaterThan(3_600 * DAY_MS);
    expect(server.validFromDate.getTime()).toBeLessThan(nowMs);
  });

  test('keys are readable by their owner only', async () => {
    await preparePki({ stateDir, nowMs });
    for (const name of ['ca.pem', 'server.pem', 'admin.pem']) {
      expect((await stat(join(stateDir, name))).mode & 0o777).toBe(0o600);
    }
  });

  test('a second start keeps everything', async () => {
    const first = await preparePki({ stateDir, nowMs });
    expect(await preparePki({ stateDir, nowMs: nowMs + DAY_MS })).toEqual(first);
  });

  test('a new host name renews the server certificate alone', async () => {
    const first = await preparePki({ stateDir, nowMs });
    const second = await preparePki({ stateDir, nowMs, hosts: ['apiserver', '192.168.1.5'] });
    expect(second.caCertificate).toBe(first.caCertificate);
    expect(second.admin).toEqual(first.admin);
    const server = new X509Certificate(second.server.certificate);
    expect(server.checkHost('apiserver')).toBeDefined();
    expect(server.checkIP('192.168.1.5')).toBeDefined();
  });

  test('certificates are renewed before they expire', async () => {
    const first = await preparePki({ stateDir, nowMs });
    const second = await preparePki({ stateDir, nowMs: nowMs + 3_640 * DAY_MS });
    expect(second.caCertificate).not.toBe(first.caCertificate);
    expect(second.server).not.toEqual(first.server);
    expect(second.admin).not.toEqual(first.admin);
  });

  test('a damaged file is made anew, and what it had signed with it', async () => {
    const first = await preparePki({ stateDir, nowMs });
    await writeFile(join(stateDir, 'ca.pem'), 'half a fi');
    const second = await preparePki({ stateDir, nowMs });
    const authority = new X509Certificate(second.caCertificate);
    expect(second.caCertificate).not.toBe(first.caCertificate);
    expect(new X509Certificate(second.admin.certificate).verify(authority.publicKey)).toBe(true);
    expect(new X509Certificate(second.server.certificate).verify(authority.publicKey)).toBe(true);
  });

  test('both sides of a TLS connection accept each other', async () => {
    const pki = await preparePki({ stateDir, nowMs });
    const server = createServer({
      cert: pki.server.certificate,
      key: pki.server.privateKey,
      ca: pki.caCertificate,
      requestCert: true,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
    const client = connect({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      ca: pki.caCertificate,
      cert: pki.admin.certificate,
      key: pki.admin.privateKey,
    });
    const [socket] = await accepted;
    expect(socket.authorized).toBe(true);
    expect(socket.getPeerCertificate().subject).toMatchObject({
      CN: 'kubernetes-admin',
      O: 'system:masters',
    });
    client.destroy();
    server.close();
  });

  test('a certificate of another authority is not ours', async () => {
    const pki = await preparePki({ stateDir, nowMs });
    const stranger = issueIdentity({
      subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
      use: { kind: 'client' },
      notBeforeMs: nowMs,
      notAfterMs: nowMs + DAY_MS,
    });
    const authority = new X509Certificate(pki.caCertificate);
    expect(new X509Certificate(stranger.certificate).verify(authority.publicKey)).toBe(false);
  });
});

test('the kubeconfig names cluster, user and context, and only its owner can read it', async () => {
  const pki = await preparePki({ stateDir, nowMs });
  const path = join(stateDir, 'deep', 'kubeconfig');
  await writeAdminKubeconfig(path, pki, 'https://127.0.0.1:6443');
  const config = parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  expect(config).toEqual({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'orrery',
    clusters: [
      {
        name: 'orrery',
        cluster: {
          server: 'https://127.0.0.1:6443',
          'certificate-authority-data': base64(pki.caCertificate),
        },
      },
    ],
    users: [
      {
        name: 'orrery',
        user: {
          'client-certificate-data': base64(pki.admin.certificate),
          'client-key-data': base64(pki.admin.privateKey),
        },
      },
    ],
    contexts: [{ name: 'orrery', context: { cluster: 'orrery', user: 'orrery' } }],
  });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});
