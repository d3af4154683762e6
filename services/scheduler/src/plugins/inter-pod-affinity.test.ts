import type { Affinity, Pod, PodAffinityTerm } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { makePod, type NodeDraft } from '../test-support/fake-cluster.ts';
import { scores, snapshotOf } from '../test-support/verdicts.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { interPodAffinityFilter, interPodAffinityScore } from './inter-pod-affinity.ts';

const NODES: NodeDraft[] = [
  { name: 'a1', labels: { zone: 'a' } },
  { name: 'a2', labels: { zone: 'a' } },
  { name: 'b1', labels: { zone: 'b' } },
  { name: 'nowhere' },
];

const AFFINITY = "node(s) didn't match pod affinity rules";
const ANTI = "node(s) didn't match pod anti-affinity rules";
const EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules";

const term = (app: string, more: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey: 'zone',
  labelSelector: { matchLabels: { app } },
  ...more,
});
const near = (...terms: PodAffinityTerm[]): Affinity => ({
  podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms },
});
const away = (...terms: PodAffinityTerm[]): Affinity => ({
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms },
});

function pod(app: string, nodeName?: string, affinity?: Affinity, more: Record<string, string> = {}): Pod {
  return makePod({
    name: `${app}-${nodeName ?? 'new'}`,
    labels: { app, ...more },
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(affinity === undefined ? {} : { affinity }),
    },
  });
}

/** The reason against each node; empty where there is none. */
function verdicts(
  incoming: Pod,
  bound: readonly Pod[],
  namespaces: Record<string, Record<string, string>> = {},
): Record<string, string> {
  const cache = snapshotOf(NODES, bound);
  for (const [name, labels] of Object.entries(namespaces)) cache.topology.setNamespace(name, labels);
  const filter = interPodAffinityFilter.preFilter(podInfo(incoming), cache);
  if (filter !== undefined && 'unfit' in filter) throw new Error(filter.unfit);
  return Object.fromEntries(
    cache.nodes.map((node) => [node.name, filter?.filter(node)?.reasons.join() ?? '']),
  );
}

describe('InterPodAffinity', () => {
  it('says nothing about pods that want nothing of others', () => {
    const cache = snapshotOf(NODES, [pod('db', 'a1')]);
    expect(interPodAffinityFilter.preFilter(podInfo(pod('web')), cache)).toBeUndefined();
  });

  it('lets a pod only into domains with the pods that it needs', () => {
    expect(verdicts(pod('web', undefined, near(term('db'))), [pod('db', 'a1')])).toEqual({
      a1: '',
      a2: '',
      b1: AFFINITY,
      nowhere: AFFINITY,
    });
  });

  it('needs one pod that all terms are about', () => {
    const affinity = near(term('db'), {
      topologyKey: 'zone',
      labelSelector: { matchLabels: { tier: 'gold' } },
    });
    const apart = [pod('db', 'a1'), pod('cache', 'a2', undefined, { tier: 'gold' })];
    expect(verdicts(pod('web', undefined, affinity), apart)['a1']).toBe(AFFINITY);
    const together = [pod('db', 'a1', undefined, { tier: 'gold' })];
    expect(verdicts(pod('web', undefined, affinity), together)['a2']).toBe('');
  });

  it('lets the first of a group go where there is a domain', () => {
    expect(verdicts(pod('web', undefined, near(term('web'))), [])).toEqual({
      a1: '',
      a2: '',
      b1: '',
      nowhere: AFFINITY,
    });
    expect(verdicts(pod('web', undefined, near(term('db'))), [])['a1']).toBe(AFFINITY);
  });

  it('keeps a pod out of domains with the pods that it avoids', () => {
    expect(verdicts(pod('web', undefined, away(term('web'))), [pod('web', 'a1')])).toEqual({
      a1: ANTI,
      a2: ANTI,
      b1: '',
      nowhere: '',
    });
    expect(
      verdicts(pod('web', undefined, away(term('web', { topologyKey: 'kubernetes.io/hostname' }))), [
        pod('web', 'a1'),
      ]),
    ).toMatchObject({ a1: ANTI, a2: '' });
  });

  it('keeps a pod out of domains of pods that avoid it', () => {
    expect(verdicts(pod('web'), [pod('db', 'b1', away(term('web')))])).toEqual({
      a1: '',
      a2: '',
      b1: EXISTING,
      nowhere: '',
    });
  });

  it('looks at the own namespace only, unless others are named or selected', () => {
    const elsewhere = { ...pod('db', 'a1'), metadata: { ...pod('db', 'a1').metadata, namespace: 'prod' } };
    const about = (more: Partial<PodAffinityTerm>): string =>
      verdicts(pod('web', undefined, away(term('db', more))), [elsewhere], { prod: { team: 'x' } })['a1']!;
    expect(about({})).toBe('');
    expect(about({ namespaces: ['prod'] })).toBe(ANTI);
    expect(about({ namespaceSelector: { matchLabels: { team: 'x' } } })).toBe(ANTI);
    expect(about({ namespaceSelector: {} })).toBe(ANTI);
    expect(about({ namespaceSelector: { matchLabels: { team: 'y' } } })).toBe('');
  });

  it('judges as if other pods had come or gone', () => {
    const present = pod('web', 'a1');
    const cache = snapshotOf(NODES, [present]);
    const filter = interPodAffinityFilter.preFilter(podInfo(pod('web', undefined, away(term('web')))), cache);
    if (filter === undefined || 'unfit' in filter) throw new Error('no filter');
    const node = cache.node('a1')!;
    expect(filter.filter(node)?.resolvable).toBe(true);
    filter.count!(podInfo(present), node, -1);
    expect(filter.filter(node)).toBeUndefined();
    filter.count!(podInfo(present), node, 1);
    expect(filter.filter(node)?.reasons).toEqual([ANTI]);
  });

  it('prefers domains by the weights of both sides', () => {
    const weighted = (app: string, weight: number) => [{ weight, podAffinityTerm: term(app) }];
    const likesDb: Affinity = {
      podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: weighted('db', 10) },
    };
    const cache = snapshotOf(NODES, [pod('db', 'a1')]);
    const draft = { name: 'web', labels: { app: 'web' }, spec: { affinity: likesDb } };
    expect(scores(interPodAffinityScore, draft, cache)).toEqual({ a1: 100, a2: 100, b1: 0, nowhere: 0 });
    const shy: Affinity = {
      podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: weighted('web', 5) },
    };
    const avoiding = snapshotOf(NODES, [pod('db', 'a1', shy)]);
    expect(scores(interPodAffinityScore, { name: 'web', labels: { app: 'web' } }, avoiding)).toEqual({
      a1: 0,
      a2: 0,
      b1: 100,
      nowhere: 100,
    });
    expect(scores(interPodAffinityScore, { name: 'web' }, snapshotOf(NODES))).toBeUndefined();
  });
});
