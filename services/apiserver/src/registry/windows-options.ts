/** Security options of containers on Windows. No node here runs Windows, but what is wrong in them is said. */

import type { PodSpec, WindowsSecurityContextOptions } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkSyntax } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';
import { containersWithPaths } from './pod-containers.ts';

const MAX_CREDENTIAL_SPEC_KIB = 64;
const MAX_DOMAIN_CHARACTERS = 256;
const MAX_USER_CHARACTERS = 104;

/** A NetBIOS name: up to 15 characters, no dot at the start. */
const NET_BIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const DNS_NAME = new RegExp(String.raw`^${DNS_LABEL}(?:\.${DNS_LABEL})*$`);
const FORBIDDEN_CHARACTERS = /["/\\:;|=,+*?<>@[\]]/;
const ONLY_DOTS_AND_SPACES = /^[. ]+$/;

/** Of a pod or a container (`validateWindowsSecurityContextOptions`). */
export function checkWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (options === undefined) return;
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  if (gmsaCredentialSpecName !== undefined) {
    checkSyntax(gmsaCredentialSpecName, `${path}.gmsaCredentialSpecName`, dnsSubdomainProblems, errors);
  }
  if (gmsaCredentialSpec !== undefined) {
    checkSyntax(gmsaCredentialSpec, `${path}.gmsaCredentialSpec`, credentialSpecProblems, errors);
  }
  if (runAsUserName !== undefined) {
    checkSyntax(runAsUserName, `${path}.runAsUserName`, userNameProblems, errors);
  }
}

function credentialSpecProblems(text: string): string[] {
  if (text === '') return ['gmsaCredentialSpec cannot be an empty string'];
  const isTooLong = Buffer.byteLength(text) > MAX_CREDENTIAL_SPEC_KIB * 1024;
  return isTooLong ? [`gmsaCredentialSpec size must be under ${MAX_CREDENTIAL_SPEC_KIB} KiB`] : [];
}

/** `DOMAIN\USER` or `USER`. */
function userNameProblems(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (Array.from(name).some(isControlCharacter)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const [domain, user = ''] = parts.length === 2 ? parts : [undefined, name];
  return [...(domain === undefined ? [] : domainProblems(domain)), ...userProblems(user)];
}

function isControlCharacter(character: string): boolean {
  return character < ' ' || character === '\u007F';
}

function domainProblems(domain: string): string[] {
  const problems: string[] = [];
  if (domain.length >= MAX_DOMAIN_CHARACTERS) {
    problems.push(`runAsUserName's Domain length must be under ${MAX_DOMAIN_CHARACTERS} characters`);
  }
  if (!NET_BIOS.test(domain) && !DNS_NAME.test(domain)) {
    problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  }
  return problems;
}

function userProblems(user: string): string[] {
  const problems: string[] = [];
  if (user === '') problems.push("runAsUserName's User cannot be empty");
  else if (user.length > MAX_USER_CHARACTERS) {
    problems.push(`runAsUserName's User length must not be longer than ${MAX_USER_CHARACTERS} characters`);
  }
  if (ONLY_DOTS_AND_SPACES.test(user)) {
    problems.push("runAsUserName's User cannot contain only periods or spaces");
  }
  if (FORBIDDEN_CHARACTERS.test(user)) {
    problems.push(String.raw`runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]`);
  }
  return problems;
}

/** Containers that are processes of the host: all or none, and on its network (`validateWindowsHostProcessPod`). */
export function checkHostProcess(spec: PodSpec, path: string, errors: FieldError[]): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const containers = containersWithPaths(spec, path);
  let count = 0;
  for (const [{ securityContext }, at] of containers) {
    const own = securityContext?.windowsOptions?.hostProcess;
    if (own !== undefined && ofPod !== undefined && own !== ofPod) {
      const why = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      errors.push(field.invalid(`${at}.securityContext.windowsOptions.hostProcess`, own, why));
    }
    if (own ?? ofPod ?? false) count += 1;
  }
  if (count === 0) return;
  if (count !== containers.length) {
    const why =
      'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    errors.push(field.invalid(path, '', why));
  }
  if (spec.hostNetwork !== true) {
    const why = 'hostNetwork must be true if pod contains any hostProcess containers';
    errors.push(field.invalid(`${path}.hostNetwork`, false, why));
  }
}
