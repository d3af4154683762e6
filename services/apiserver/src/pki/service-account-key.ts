/** The key that tokens of service accounts are signed with: made at first start, kept in the state directory. */

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { readFileIfThere, writeSecretFile } from './atomic-file.ts';

const CURVE = 'prime256v1';

/** Reads the key, and makes it when it is missing or damaged; tokens of a lost key prove nothing any more. */
export async function prepareServiceAccountKey(stateDir: string): Promise<KeyObject> {
  const path = join(stateDir, 'service-account.pem');
  const present = parseKey(await readFileIfThere(path));
  if (present !== undefined) return present;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: CURVE });
  await writeSecretFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  return privateKey;
}

function parseKey(text: string | undefined): KeyObject | undefined {
  if (text === undefined) return undefined;
  try {
    const key = createPrivateKey(text);
    return key.asymmetricKeyDetails?.namedCurve === CURVE ? key : undefined;
  } catch {
    return undefined;
  }
}
