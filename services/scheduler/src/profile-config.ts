/**
 * The scheduler's configuration file: what Orrery serves of upstream's KubeSchedulerConfiguration
 * (kubescheduler.config.k8s.io/v1): profiles with their plugins, weights and the arguments of
 * NodeResourcesFit and InterPodAffinity, and how many nodes are enough.
 */

import type { FilterPlugin, ScorePlugin } from './plugins/plugin.ts';
import { defaultPlugins, type Profile } from './plugins/registry.ts';
import {
  type FitStrategy,
  nodeResourcesFitScore,
  type ResourceWeight,
  type ShapePoint,
} from './plugins/resource-strategies.ts';
import type { StorageView } from './plugins/volume-binding.ts';

/** Everything wrong with a file; each names its field. */
export class SchedulerConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.name = 'SchedulerConfigError';
    this.problems = problems;
  }
}

/** Profiles by the `schedulerName` of pods. */
export type Profiles = ReadonlyMap<string, Profile>;

/** A file as it was read and checked; it becomes profiles when the views that plugins need are there. */
export interface SchedulerConfig {
  profiles(storage: StorageView): Profiles;
  readonly schedulerNames: readonly string[];
}

export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';

const API_VERSION = 'kubescheduler.config.k8s.io/v1';
const KIND = 'KubeSchedulerConfiguration';
const POINTS = ['multiPoint', 'filter', 'score'] as const;
const MAX_PROFILES = 50;

type Json = Record<string, unknown>;

/** What there is without a file. */
export const defaultConfig: SchedulerConfig = {
  schedulerNames: [DEFAULT_SCHEDULER_NAME],
  profiles: (storage) => new Map([[DEFAULT_SCHEDULER_NAME, defaultPlugins(storage)]]),
};

/** @throws SchedulerConfigError */
export function parseSchedulerConfig(document: unknown): SchedulerConfig {
  const check = new Check();
  const file = check.object(document, '') ?? {};
  check.onlyKeys(file, '', ['apiVersion', 'kind', 'profiles', 'percentageOfNodesToScore', 'parallelism']);
  if (file['apiVersion'] !== API_VERSION) check.problem('apiVersion', `must be ${API_VERSION}`);
  if (file['kind'] !== KIND) check.problem('kind', `must be ${KIND}`);
  const share = check.percentage(file['percentageOfNodesToScore'], 'percentageOfNodesToScore');
  const list = file['profiles'] === undefined ? [{}] : check.array(file['profiles'], 'profiles');
  if (list.length === 0) check.problem('profiles', 'must name at least one profile, or be left out');
  if (list.length > MAX_PROFILES) check.problem('profiles', `must not be more than ${MAX_PROFILES}`);
  const drafts = list.map((each, index) => profileDraft(check, each, `profiles[${index}]`, share));
  const names = drafts.map(({ schedulerName }) => schedulerName);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index)
      check.problem(`profiles[${index}].schedulerName`, `${name} is there twice`);
  }
  if (check.problems.length > 0) throw new SchedulerConfigError(check.problems);
  return {
    schedulerNames: names,
    profiles: (storage) => new Map(drafts.map((draft) => [draft.schedulerName, draft.profile(storage)])),
  };
}

interface ProfileDraft {
  readonly schedulerName: string;
  profile(storage: StorageView): Profile;
}

/** What a profile changes about the default one. */
interface Changes {
  /** Names of plugins that are off at a point; `*` means all. */
  readonly off: { filter: Set<string>; score: Set<string> };
  /** Weights by name, of those that are on. */
  readonly weights: Map<string, number | undefined>;
}

function profileDraft(check: Check, value: unknown, path: string, share: number | undefined): ProfileDraft {
  const profile = check.object(value, path) ?? {};
  check.onlyKeys(profile, path, ['schedulerName', 'percentageOfNodesToScore', 'plugins', 'pluginConfig']);
  const schedulerName = check.text(
    profile['schedulerName'] ?? DEFAULT_SCHEDULER_NAME,
    `${path}.schedulerName`,
  );
  const changes = pluginChanges(check, profile['plugins'], `${path}.plugins`);
  const { strategy } = pluginArguments(check, profile['pluginConfig'], `${path}.pluginConfig`);
  const own = check.percentage(profile['percentageOfNodesToScore'], `${path}.percentageOfNodesToScore`);
  const percentageOfNodesToScore = own ?? share;
  return {
    schedulerName,
    profile: (storage) => {
      const { filters, scores } = defaultPlugins(storage);
      const fitted = scores.map((each) =>
        strategy !== undefined && each.name === 'NodeResourcesFit' ? nodeResourcesFitScore(strategy) : each,
      );
      return {
        filters: filters.filter((each) => isOn(each, changes.off.filter, changes.weights)),
        scores: fitted
          .filter((each) => isOn(each, changes.off.score, changes.weights))
          .map((each) => withWeight(each, changes.weights.get(each.name))),
        ...(percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore }),
      };
    },
  };
}

function isOn(
  { name }: FilterPlugin | ScorePlugin,
  off: ReadonlySet<string>,
  on: ReadonlyMap<string, unknown>,
): boolean {
  return !off.has(name) && (!off.has('*') || on.has(name));
}

function withWeight(plugin: ScorePlugin, weight: number | undefined): ScorePlugin {
  return weight === undefined || weight === plugin.weight ? plugin : { ...plugin, weight };
}

function pluginNames(): Set<string> {
  const nowhere: StorageView = {
    claim: () => undefined,
    volume: () => undefined,
    volumes: () => [],
    storageClass: () => undefined,
  };
  const { filters, scores } = defaultPlugins(nowhere);
  return new Set([...filters, ...scores].map(({ name }) => name));
}

function pluginChanges(check: Check, value: unknown, path: string): Changes {
  const changes: Changes = { off: { filter: new Set(), score: new Set() }, weights: new Map() };
  if (value === undefined) return changes;
  const plugins = check.object(value, path) ?? {};
  check.onlyKeys(plugins, path, POINTS);
  const known = pluginNames();
  for (const point of POINTS) {
    if (plugins[point] === undefined) continue;
    const at = `${path}.${point}`;
    const set = check.object(plugins[point], at) ?? {};
    check.onlyKeys(set, at, ['enabled', 'disabled']);
    for (const [index, each] of check.array(set['disabled'] ?? [], `${at}.disabled`).entries()) {
      const { name } = pluginEntry(check, each, `${at}.disabled[${index}]`, known, ['*']);
      if (point !== 'score') changes.off.filter.add(name);
      if (point !== 'filter') changes.off.score.add(name);
    }
    for (const [index, each] of check.array(set['enabled'] ?? [], `${at}.enabled`).entries()) {
      const { name, weight } = pluginEntry(check, each, `${at}.enabled[${index}]`, known, []);
      changes.weights.set(name, weight);
      changes.off.filter.delete(name);
      changes.off.score.delete(name);
    }
  }
  return changes;
}

function pluginEntry(
  check: Check,
  value: unknown,
  path: string,
  known: ReadonlySet<string>,
  besides: readonly string[],
): { name: string; weight: number | undefined } {
  const entry = check.object(value, path) ?? {};
  check.onlyKeys(entry, path, ['name', 'weight']);
  const { weight } = entry;
  const name = check.text(entry['name'], `${path}.name`);
  if (name !== '' && !known.has(name) && !besides.includes(name)) {
    check.problem(`${path}.name`, `must be one of ${[...known, ...besides].join(', ')}`);
  }
  if (weight !== undefined && !(Number.isInteger(weight) && Number(weight) > 0 && Number(weight) <= 100)) {
    check.problem(`${path}.weight`, 'must be a whole number from 1 to 100');
  }
  return { name, weight: weight === undefined ? undefined : Number(weight) };
}

const STRATEGIES = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;

function pluginArguments(check: Check, value: unknown, path: string): { strategy: FitStrategy | undefined } {
  let strategy: FitStrategy | undefined;
  for (const [index, each] of check.array(value ?? [], path).entries()) {
    const at = `${path}[${index}]`;
    const entry = check.object(each, at) ?? {};
    check.onlyKeys(entry, at, ['name', 'args']);
    if (entry['name'] !== 'NodeResourcesFit') {
      check.problem(`${at}.name`, 'must be NodeResourcesFit, the only plugin whose arguments are served');
      continue;
    }
    const args = check.object(entry['args'] ?? {}, `${at}.args`) ?? {};
    check.onlyKeys(args, `${at}.args`, ['apiVersion', 'kind', 'scoringStrategy']);
    if (args['scoringStrategy'] !== undefined) {
      strategy = fitStrategy(check, args['scoringStrategy'], `${at}.args.scoringStrategy`);
    }
  }
  return { strategy };
}

function fitStrategy(check: Check, value: unknown, path: string): FitStrategy {
  const entry = check.object(value, path) ?? {};
  check.onlyKeys(entry, path, ['type', 'resources', 'requestedToCapacityRatio']);
  const type = STRATEGIES.find((each) => each === entry['type']);
  if (type === undefined) check.problem(`${path}.type`, `must be one of ${STRATEGIES.join(', ')}`);
  const listed = entry['resources'] ?? [{ name: 'cpu' }, { name: 'memory' }];
  const resources = check.array(listed, `${path}.resources`).map((each, index): ResourceWeight => {
    const at = `${path}.resources[${index}]`;
    const { name, weight = 1 } = check.object(each, at) ?? {};
    if (typeof name !== 'string' || name === '')
      check.problem(`${at}.name`, 'must be the name of a resource');
    if (!Number.isInteger(weight) || Number(weight) < 1 || Number(weight) > 100) {
      check.problem(`${at}.weight`, 'must be a whole number from 1 to 100');
    }
    return { name: check.text(name, `${at}.name`), weight: Number(weight) };
  });
  const ratio =
    check.object(entry['requestedToCapacityRatio'] ?? {}, `${path}.requestedToCapacityRatio`) ?? {};
  const at = `${path}.requestedToCapacityRatio.shape`;
  const shape = check.array(ratio['shape'] ?? [], at).map((each, index): ShapePoint => {
    const { utilization, score } = check.object(each, `${at}[${index}]`) ?? {};
    return {
      utilization: check.within(utilization, `${at}[${index}].utilization`, 100),
      score: check.within(score, `${at}[${index}].score`, 10),
    };
  });
  if (type === 'RequestedToCapacityRatio' && shape.length === 0) {
    check.problem(at, 'must have at least one point');
  }
  if (shape.some((point, index) => index > 0 && point.utilization <= shape[index - 1]!.utilization)) {
    check.problem(at, 'must be in the order of utilization');
  }
  return { type: type ?? 'LeastAllocated', resources, shape };
}

/** Collects what is wrong, so that all of it is told at once. */
class Check {
  readonly problems: string[] = [];

  problem(path: string, why: string): void {
    this.problems.push(path === '' ? why : `${path}: ${why}`);
  }

  object(value: unknown, path: string): Json | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
    this.problem(path, 'must be an object');
    return undefined;
  }

  text(value: unknown, path: string): string {
    if (typeof value === 'string' && value !== '') return value;
    this.problem(path, 'must be a text');
    return '';
  }

  array(value: unknown, path: string): unknown[] {
    if (Array.isArray(value)) return value;
    this.problem(path, 'must be a list');
    return [];
  }

  onlyKeys(value: Json, path: string, allowed: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (allowed.includes(key)) continue;
      const at = path === '' ? key : `${path}.${key}`;
      this.problem(at, `is not served; there are: ${allowed.join(', ')}`);
    }
  }

  percentage(value: unknown, path: string): number | undefined {
    return value === undefined ? undefined : this.within(value, path, 100);
  }

  within(value: unknown, path: string, most: number): number {
    if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most) return Number(value);
    this.problem(path, `must be a whole number from 0 to ${most}`);
    return 0;
  }
}
