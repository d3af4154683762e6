/**
 * The images that are known, by name. A name without an owner is known at any registry
 * (`nginx`, `registry.local:5000/nginx`), and under the owners that keep copies or belong to
 * Kubernetes' documentation; another owner's `nginx` is not this one.
 */

import { DATABASES } from './databases.ts';
import { DISTRIBUTIONS } from './distributions.ts';
import { type ImageName, InvalidReference, parseImage } from './image-name.ts';
import { KUBERNETES_IMAGES } from './kubernetes-images.ts';
import type { Idle, ImageProfile } from './profile.ts';
import { WEB_SERVERS } from './web-servers.ts';

const CATALOG: ReadonlyMap<string, ImageProfile> = new Map(
  [DISTRIBUTIONS, WEB_SERVERS, DATABASES, KUBERNETES_IMAGES].flatMap((each) => Object.entries(each)),
);

const OWNERS: ReadonlySet<string> = new Set([
  'amd64',
  'bitnami',
  'bitnamilegacy',
  'e2e-test-images',
  'google-samples',
  'google_containers',
  'google_samples',
  'k8s',
  'kubernetes',
  'library',
]);

export interface KnownImage {
  readonly name: ImageName;
  readonly profile: ImageProfile;
}

function find(image: string): KnownImage | undefined {
  let name: ImageName;
  try {
    name = parseImage(image);
  } catch (error) {
    if (error instanceof InvalidReference) return undefined;
    throw error;
  }
  const slash = name.path.lastIndexOf('/');
  const owner = name.path.slice(0, Math.max(0, slash));
  // The project of gcr.io and its like comes before the owner.
  const isCopy = owner === '' || OWNERS.has(owner.slice(owner.lastIndexOf('/') + 1));
  const profile = CATALOG.get(name.path) ?? (isCopy ? CATALOG.get(name.path.slice(slash + 1)) : undefined);
  return profile === undefined ? undefined : { name, profile };
}

/** The pods of a cluster run few images, many times. */
const memo = new Map<string, KnownImage | undefined>();
const MEMO_LIMIT = 512;

/** Undefined for an image that is not known. */
export function knownImage(image: string): KnownImage | undefined {
  if (memo.has(image)) return memo.get(image);
  const known = find(image);
  if (memo.size >= MEMO_LIMIT) memo.clear();
  memo.set(image, known);
  return known;
}

/** Docker's official images that bring a user of their own. */
const OFFICIAL_WITH_USER: ReadonlySet<string> = new Set(['library/elasticsearch', 'library/memcached']);

/** Whether the image is known to run as root unless a pod says otherwise: Docker's official ones do. */
export function runsAsRoot(image: string): boolean {
  const { name } = knownImage(image) ?? {};
  if (name === undefined || name.registry !== 'docker.io') return false;
  return name.path.startsWith('library/') && !OFFICIAL_WITH_USER.has(name.path);
}

const UNKNOWN_IDLE: Idle = { cpuMilli: 1, memoryMiB: 16 };

/** What a container of the image uses while it does nothing that is simulated. */
export function idleOf(image: string): Idle {
  return knownImage(image)?.profile.idle ?? UNKNOWN_IDLE;
}

/** Words that images of all kinds are tagged with, alone or behind a version. */
const WORD_TAGS = /^(?:latest|stable|alpine|slim|edge|main|master|nightly|rc|beta)(?:[-.\d][\w.-]*)?$/;
const VERSION_TAG = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[.\d]*)(?:[-_+][\w.+-]+)?$/;
const FIRST_YEAR = 1_900;

/**
 * Whether a tag of a known image exists: words that images are tagged with, and versions. No
 * number of a version is a hundred or more unless it looks like a year or a date: `nginx:1.161`,
 * with which the Kubernetes documentation shows a failed rollout, is not there.
 */
export function tagExists(profile: ImageProfile, tag: string): boolean {
  if (WORD_TAGS.test(tag) || profile.tags?.test(tag) === true) return true;
  const match = VERSION_TAG.exec(tag);
  if (match === null) return false;
  return match
    .slice(1)
    .every((part) => part === undefined || Number(part) < 100 || Number(part) >= FIRST_YEAR);
}
