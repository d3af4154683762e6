/**
 * Groups of simulated nodes, as people write them: the file of `up --node-config`, and `config` of
 * the ConfigMap kube-system/orrery-nodes. YAML; docs/nodes.md is its reference.
 */

import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import type { Taint } from './gen/types.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from './names.ts';
import { isQuantity, milliValue } from './quantity.ts';
import { type FieldError, field } from './status-error.ts';

/** The most nodes that a cluster may have, all groups together. */
export const MOST_NODES = 5_000;
const MOST_GROUPS = 64;
const MOST_IMAGES = 50;

/** What becomes of a node when its group gets smaller. */
export const LEAVE_MODES = ['drain', 'vanish'] as const;
export type LeaveMode = (typeof LEAVE_MODES)[number];

export interface NodeGroup {
  readonly name: string;
  readonly count: number;
  /** A node is called so, followed by its number from 1. */
  readonly namePrefix: string;
  /** Its nodes are in these in turn. */
  readonly zones: readonly string[];
  readonly region: string;
  /** Quantities by resource, of each node. */
  readonly capacity: Readonly<Record<string, string>>;
  /** What of the capacity pods may use. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Names of images that its nodes have from the beginning. */
  readonly images: readonly string[];
  readonly leave: LeaveMode;
}

/** The group of a cluster for which nobody has said anything else. */
export const DEFAULT_GROUP = 'default';

const DEFAULT_ZONES = ['zone-a', 'zone-b', 'zone-c'];
const DEFAULT_REGION = 'orrery';
const DEFAULT_CAPACITY = { cpu: '4', memory: '16Gi', 'ephemeral-storage': '100Gi', pods: '110' };
const NATIVE = new Set(Object.keys(DEFAULT_CAPACITY));
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const KEYS = [
  'name',
  'count',
  'namePrefix',
  'zones',
  'region',
  'capacity',
  'allocatable',
  'labels',
  'taints',
  'images',
  'leave',
];

/** The configuration of a cluster with so many ordinary nodes. */
export function plainConfig(count: number): string {
  return `{"groups": [\n  {"name": "${DEFAULT_GROUP}", "count": ${count}}\n]}\n`;
}

export interface ParsedGroups {
  readonly groups: NodeGroup[];
  /** What is wrong, by field; without problems the groups can be used. */
  readonly problems: FieldError[];
}

let yaml: typeof Yaml | undefined;

/** Loaded when first needed. */
function parser(): typeof Yaml {
  yaml ??= createRequire(import.meta.url)('yaml') as typeof Yaml;
  return yaml;
}

function documentOf(text: string): Yaml.Document.Parsed {
  return parser().parseDocument(text, { logLevel: 'silent' });
}

function valueOf(text: string): { value: unknown; problem?: string } {
  try {
    // What this project writes itself is JSON: most clusters need no parser of YAML.
    return { value: JSON.parse(text) as unknown };
  } catch {
    const document = documentOf(text);
    const [error] = document.errors;
    if (error !== undefined) return { value: undefined, problem: error.message.split('\n')[0] ?? '' };
    try {
      return { value: document.toJS({ maxAliasCount: 100 }) as unknown };
    } catch (error) {
      return { value: undefined, problem: (error as Error).message };
    }
  }
}

/** Reads a configuration. `path` goes before the names of fields. Never throws. */
export function parseNodeGroups(text: string, path = ''): ParsedGroups {
  const { value, problem } = valueOf(text);
  const errors: FieldError[] = [];
  const root = path === '' ? 'groups' : `${path}.groups`;
  if (problem !== undefined) errors.push(field.invalid(path || 'the file', firstLine(text), problem));
  else if (!isMap(value) || !Array.isArray(value['groups']))
    errors.push(field.required(root, 'a list of groups of nodes, each with name and count'));
  if (errors.length > 0) return { groups: [], problems: errors };
  const map = value as Record<string, unknown>;
  checkKeys(map, ['groups'], path, errors);
  const list = map['groups'] as unknown[];
  if (list.length > MOST_GROUPS) errors.push(field.tooMany(root, list.length, MOST_GROUPS));
  const groups = list.slice(0, MOST_GROUPS).map((each, at) => readGroup(each, `${root}[${at}]`, errors));
  checkTogether(groups, root, errors);
  return { groups, problems: errors };
}

/**
 * The same text with other counts, its comments and order kept.
 * @throws Error for a group that is not there
 */
export function withCounts(
  text: string,
  changes: ReadonlyMap<string, { count: number; leave: LeaveMode }>,
): string {
  const document = documentOf(text);
  const { groups = [] } = document.toJS() as { groups?: { name?: unknown }[] };
  for (const [name, { count, leave }] of changes) {
    const at = groups.findIndex((each) => each.name === name);
    if (at < 0) throw new Error(`there is no group ${name}`);
    document.setIn(['groups', at, 'count'], count);
    if (leave === 'drain') document.deleteIn(['groups', at, 'leave']);
    else document.setIn(['groups', at, 'leave'], leave);
  }
  return document.toString({ lineWidth: 100 });
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 80);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkKeys(
  map: Record<string, unknown>,
  known: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  for (const key of Object.keys(map)) {
    if (known.includes(key)) continue;
    const where = path === '' ? key : `${path}.${key}`;
    errors.push(field.invalid(where, key, `unknown field; there are: ${known.join(', ')}`));
  }
}

function readGroup(value: unknown, path: string, errors: FieldError[]): NodeGroup {
  const map = isMap(value) ? value : {};
  if (!isMap(value)) errors.push(field.invalid(path, value, 'must be a map with name and count'));
  checkKeys(map, KEYS, path, errors);
  const name = text(map, 'name', path, errors, dnsLabelProblems) ?? '';
  if (isMap(value) && map['name'] === undefined) errors.push(field.required(`${path}.name`));
  const prefix = name === DEFAULT_GROUP ? 'node-' : `${name}-`;
  const capacity = { ...DEFAULT_CAPACITY, ...amounts(map, 'capacity', path, errors) };
  const leave = text(map, 'leave', path, errors) ?? 'drain';
  const mode = LEAVE_MODES.find((each) => each === leave);
  if (mode === undefined) errors.push(field.notSupported(`${path}.leave`, leave, LEAVE_MODES));
  return {
    name,
    count: readCount(map, path, errors),
    namePrefix: text(map, 'namePrefix', path, errors, (each) => dnsSubdomainProblems(`${each}1`)) ?? prefix,
    zones: readZones(map, path, errors),
    region: text(map, 'region', path, errors, labelValueProblems) ?? DEFAULT_REGION,
    capacity,
    allocatable: readAllocatable(map, capacity, path, errors),
    labels: readLabels(map, path, errors),
    taints: readTaints(map, path, errors),
    images: readImages(map, path, errors),
    leave: mode ?? 'drain',
  };
}

function text(
  map: Record<string, unknown>,
  key: string,
  path: string,
  errors: FieldError[],
  problemsOf: (value: string) => string[] = () => [],
): string | undefined {
  const value = map[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') {
    errors.push(field.invalid(`${path}.${key}`, value, 'must be a string'));
    return undefined;
  }
  for (const problem of problemsOf(value)) errors.push(field.invalid(`${path}.${key}`, value, problem));
  return value;
}

function readCount(map: Record<string, unknown>, path: string, errors: FieldError[]): number {
  const { count } = map;
  if (count === undefined || count === null) {
    errors.push(field.required(`${path}.count`, 'how many nodes the group has'));
    return 0;
  }
  if (typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= MOST_NODES) return count;
  errors.push(field.invalid(`${path}.count`, count, `must be a whole number from 0 to ${MOST_NODES}`));
  return 0;
}

function readZones(map: Record<string, unknown>, path: string, errors: FieldError[]): string[] {
  const { zones } = map;
  if (zones === undefined || zones === null) return DEFAULT_ZONES;
  const list: unknown[] = Array.isArray(zones) ? zones : [zones];
  if (list.length === 0) errors.push(field.required(`${path}.zones`, 'at least one'));
  return list.map((each, at) => {
    const problems = typeof each === 'string' ? labelValueProblems(each) : ['must be a string'];
    for (const problem of problems) errors.push(field.invalid(`${path}.zones[${at}]`, each, problem));
    return String(each);
  });
}

/** Numbers may stand for quantities, as in manifests. */
function amounts(
  map: Record<string, unknown>,
  key: 'capacity' | 'allocatable',
  path: string,
  errors: FieldError[],
): Record<string, string> {
  const value = map[key];
  if (value === undefined || value === null) return {};
  if (!isMap(value)) {
    errors.push(field.invalid(`${path}.${key}`, value, 'must be a map from resources to quantities'));
    return {};
  }
  const found: Record<string, string> = {};
  for (const [resource, amount] of Object.entries(value)) {
    const where = `${path}.${key}.${resource}`;
    const quantity = typeof amount === 'number' ? String(amount) : amount;
    const problem = amountProblem(resource, quantity);
    if (problem === undefined) found[resource] = quantity as string;
    else errors.push(field.invalid(where, amount, problem));
  }
  return found;
}

function amountProblem(resource: string, quantity: unknown): string | undefined {
  const isNative = NATIVE.has(resource) || resource.startsWith('hugepages-');
  if (!isNative && !resource.includes('/'))
    return `must be one of ${[...NATIVE].join(', ')}, or an extended resource such as example.com/gpu`;
  const [problem] = qualifiedNameProblems(resource);
  if (problem !== undefined) return problem;
  if (typeof quantity !== 'string' || !isQuantity(quantity))
    return 'must be a quantity such as 4, 500m or 16Gi';
  const milli = milliValue(quantity);
  if (milli < 0) return 'must be greater than or equal to 0';
  if (resource !== 'cpu' && milli % 1_000 !== 0) return 'must be an integer';
  return undefined;
}

function readAllocatable(
  map: Record<string, unknown>,
  capacity: Readonly<Record<string, string>>,
  path: string,
  errors: FieldError[],
): Record<string, string> {
  const given = amounts(map, 'allocatable', path, errors);
  for (const [resource, amount] of Object.entries(given)) {
    const most = capacity[resource];
    if (most === undefined || milliValue(amount) > milliValue(most))
      errors.push(
        field.invalid(
          `${path}.allocatable.${resource}`,
          amount,
          `must be at most the capacity (${most ?? '0'})`,
        ),
      );
  }
  return { ...capacity, ...given };
}

/** What a node agent says of its nodes by labels is not for others to say. */
const OWN_LABELS = ['kubernetes.io/hostname', 'orrery.dev/node-agent', 'orrery.dev/node-group'];
const ZONE_LABELS = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

function readLabels(
  map: Record<string, unknown>,
  path: string,
  errors: FieldError[],
): Record<string, string> {
  const { labels } = map;
  if (labels === undefined || labels === null) return {};
  if (!isMap(labels)) {
    errors.push(field.invalid(`${path}.labels`, labels, 'must be a map from names to strings'));
    return {};
  }
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels)) {
    const where = `${path}.labels.${name}`;
    const problems =
      typeof value === 'string'
        ? [...qualifiedNameProblems(name), ...labelValueProblems(value)]
        : ['must be a string; put it in quotes'];
    for (const problem of problems) errors.push(field.invalid(where, value, problem));
    if (OWN_LABELS.includes(name)) errors.push(field.forbidden(where, 'is set by the node agent'));
    if (ZONE_LABELS.includes(name)) errors.push(field.forbidden(where, 'use zones and region'));
    found[name] = String(value);
  }
  return found;
}

function readTaints(map: Record<string, unknown>, path: string, errors: FieldError[]): Taint[] {
  const { taints } = map;
  if (taints === undefined || taints === null) return [];
  if (!Array.isArray(taints)) {
    errors.push(field.invalid(`${path}.taints`, taints, 'must be a list of taints with key and effect'));
    return [];
  }
  const seen = new Set<string>();
  return taints.map((each: unknown, at) => {
    const where = `${path}.taints[${at}]`;
    const taint = isMap(each) ? each : {};
    checkKeys(taint, ['key', 'value', 'effect'], where, errors);
    const key = text(taint, 'key', where, errors, qualifiedNameProblems) ?? '';
    const value = text(taint, 'value', where, errors, labelValueProblems);
    const effect = text(taint, 'effect', where, errors) ?? '';
    if (key === '') errors.push(field.required(`${where}.key`));
    if (effect === '') errors.push(field.required(`${where}.effect`));
    else if (!EFFECTS.includes(effect)) errors.push(field.notSupported(`${where}.effect`, effect, EFFECTS));
    if (seen.has(`${key}:${effect}`)) errors.push(field.duplicate(where, `${key}:${effect}`));
    seen.add(`${key}:${effect}`);
    return { key, ...(value === undefined ? {} : { value }), effect };
  });
}

function readImages(map: Record<string, unknown>, path: string, errors: FieldError[]): string[] {
  const { images } = map;
  if (images === undefined || images === null) return [];
  if (!Array.isArray(images)) {
    errors.push(field.invalid(`${path}.images`, images, 'must be a list of names of images'));
    return [];
  }
  if (images.length > MOST_IMAGES) errors.push(field.tooMany(`${path}.images`, images.length, MOST_IMAGES));
  return images.slice(0, MOST_IMAGES).map((each: unknown, at) => {
    if (typeof each !== 'string' || each === '' || /\s/.test(each))
      errors.push(
        field.invalid(`${path}.images[${at}]`, each, 'must be the name of an image, such as nginx:1.27'),
      );
    return String(each);
  });
}

/** What must hold between the groups: names that cannot meet, and not too many nodes. */
function checkTogether(groups: readonly NodeGroup[], root: string, errors: FieldError[]): void {
  const names = new Set<string>();
  for (const [at, { name, namePrefix }] of groups.entries()) {
    if (name !== '' && names.has(name)) errors.push(field.duplicate(`${root}[${at}].name`, name));
    names.add(name);
    const other = groups.findIndex((each, place) => place !== at && mayMeet(each.namePrefix, namePrefix));
    if (other >= 0 && name !== groups[other]!.name) {
      const why = `nodes would be called like those of group ${groups[other]!.name}`;
      errors.push(field.invalid(`${root}[${at}].namePrefix`, namePrefix, why));
    }
  }
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  if (total > MOST_NODES)
    errors.push(field.invalid(root, total, `must be at most ${MOST_NODES} nodes in all groups together`));
}

/** `node-` and `node-1`: node-12 could be of either. */
function mayMeet(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return long.startsWith(short) && /^\d*$/.test(long.slice(short.length));
}
