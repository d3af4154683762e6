import type { KubeObject, Pod, ResourceQuota, Service } from '@orrery/api/gen/types.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../registry/sample-objects.ts';
import { ApiFixture, dryRun, refusalOf } from './test-support/api-fixture.ts';

let fixture: ApiFixture;
beforeEach(async () => {
  fixture = await ApiFixture.start();
});
afterEach(() => fixture.close());

/** A quota that has been counted: what is used is `used`, or nothing. */
async function quota(
  spec: Json & { hard: Record<string, string> },
  used: Record<string, string> = {},
  name = 'web',
): Promise<void> {
  await fixture.create('resourcequotas', { spec, metadata: { name } });
  const nothing = Object.fromEntries(Object.keys(spec.hard).map((each) => [each, '0']));
  await fixture.patch<ResourceQuota>(
    'resourcequotas',
    name,
    (object) => {
      object.status = { hard: spec.hard, used: { ...nothing, ...used } };
    },
    'status',
  );
}

const used = async (name = 'web'): Promise<unknown> =>
  (await fixture.get<ResourceQuota>('resourcequotas', name)).status?.used;

const pod = (resources: Json = {}, spec: Json = {}): { spec: Json } => ({
  spec: { containers: [{ name: 'main', image: 'i', resources }], ...spec },
});

describe('a creation', () => {
  it('is charged before it is written', async () => {
    await quota({ hard: { pods: '2', 'requests.cpu': '1', 'limits.memory': '1Gi', 'count/pods': '9' } });
    await fixture.create('pods', pod({ requests: { cpu: '600m' }, limits: { memory: '1Gi' } }));
    expect(await used()).toEqual({
      pods: '1',
      'requests.cpu': '600m',
      'limits.memory': '1Gi',
      'count/pods': '1',
    });
  });

  it('is refused when too little is left, and nothing is charged', async () => {
    await quota({ hard: { pods: '2', cpu: '1' } }, { cpu: '500m' });
    const creation = fixture.create('pods', pod({ requests: { cpu: '600m' } }));
    expect((await refusalOf(creation)).toStatus()).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message:
        'pods "web" is forbidden: exceeded quota: web, requested: cpu=600m, used: cpu=500m, limited: cpu=1',
      details: { name: 'web', kind: 'pods' },
    });
    expect(await used()).toEqual({ pods: '0', cpu: '500m' });
  });

  it('that one quota refuses is charged to no other', async () => {
    await quota({ hard: { pods: '5' } }, {}, 'wide');
    await quota({ hard: { pods: '0' } }, {}, 'narrow');
    const { message } = await refusalOf(fixture.create('pods'));
    expect(message).toContain('exceeded quota: narrow, requested: pods=1, used: pods=0, limited: pods=0');
    expect([await used('wide'), await used('narrow')]).toEqual([{ pods: '0' }, { pods: '0' }]);
  });

  it('is refused while nobody has counted', async () => {
    await fixture.create('resourcequotas', { spec: { hard: { pods: '1' } } });
    expect((await refusalOf(fixture.create('pods'))).message).toBe(
      'pods "web" is forbidden: status unknown for quota: web, resources: pods',
    );
  });

  it('has to say what it takes of limited cpu and memory', async () => {
    await quota({ hard: { cpu: '1', 'limits.memory': '1Gi', 'requests.storage': '1Gi' } });
    expect((await refusalOf(fixture.create('pods'))).message).toBe(
      'pods "web" is forbidden: failed quota: web: must specify cpu for: main; limits.memory for: main',
    );
    const whole = pod({}, { resources: { requests: { cpu: '1' }, limits: { memory: '1Gi' } } });
    await expect(fixture.create('pods', whole)).resolves.toBeDefined();
  });

  it('that is only tried charges nothing', async () => {
    await quota({ hard: { configmaps: '1' } });
    await fixture.create('configmaps', {}, dryRun());
    expect(await used()).toEqual({ configmaps: '0' });
    await fixture.create('configmaps');
    expect(
      (await refusalOf(fixture.create('configmaps', { metadata: { name: 'b' } }, dryRun()))).message,
    ).toContain('exceeded quota: web, requested: configmaps=1, used: configmaps=1, limited: configmaps=1');
  });

  it('counts by group, by class and by type', async () => {
    await quota({
      hard: {
        'count/deployments.apps': '1',
        'gold.storageclass.storage.k8s.io/requests.storage': '10Gi',
        'services.loadbalancers': '1',
        'services.nodeports': '5',
      },
    });
    await fixture.create('deployments');
    await fixture.create('persistentvolumeclaims', {
      spec: {
        storageClassName: 'gold',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '3Gi' } },
      },
    });
    await fixture.create('services', { spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } });
    expect(await used()).toEqual({
      'count/deployments.apps': '1',
      'gold.storageclass.storage.k8s.io/requests.storage': '3Gi',
      'services.loadbalancers': '1',
      'services.nodeports': '1',
    });
  });

  it('of many at once never takes more than there is', async () => {
    await quota({ hard: { configmaps: '5' } });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        fixture.create('configmaps', { metadata: { name: `c-${index}` } }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(await used()).toEqual({ configmaps: '5' });
  });

  it('leaves other namespaces alone', async () => {
    await quota({ hard: { configmaps: '0' } });
    await expect(fixture.create('configmaps', { metadata: { namespace: 'other' } })).resolves.toBeDefined();
  });
});

describe('scopes', () => {
  const high = { scopeName: 'PriorityClass', operator: 'In', values: ['high'] };

  it.each<[string, Json, Json, boolean]>([
    ['BestEffort', { scopes: ['BestEffort'] }, pod(), true],
    ['BestEffort', { scopes: ['BestEffort'] }, pod({ requests: { cpu: '1' } }), false],
    ['NotBestEffort', { scopes: ['NotBestEffort'] }, pod({ requests: { cpu: '1' } }), true],
    ['Terminating', { scopes: ['Terminating'] }, pod({}, { activeDeadlineSeconds: 5 }), true],
    ['Terminating', { scopes: ['Terminating'] }, pod(), false],
    ['NotTerminating', { scopes: ['NotTerminating'] }, pod(), true],
    [
      'a priority class',
      { scopeSelector: { matchExpressions: [high] } },
      pod({}, { priorityClassName: 'high' }),
      true,
    ],
    ['a priority class', { scopeSelector: { matchExpressions: [high] } }, pod(), false],
    ['CrossNamespacePodAffinity', { scopes: ['CrossNamespacePodAffinity'] }, pod(), false],
    [
      'CrossNamespacePodAffinity',
      { scopes: ['CrossNamespacePodAffinity'] },
      pod(
        {},
        {
          affinity: {
            podAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } }, namespaces: ['other'] },
              ],
            },
          },
        },
      ),
      true,
    ],
  ])('%s: %j', async (_, scope, object, isCharged) => {
    await fixture.create('priorityclasses', { value: 5, metadata: { name: 'high' } });
    await quota({ hard: { pods: '3' }, ...scope });
    await fixture.create('pods', object);
    expect(await used()).toEqual({ pods: isCharged ? '1' : '0' });
  });
});

describe('a change', () => {
  it('is charged for what is more', async () => {
    await quota({ hard: { services: '5', 'services.loadbalancers': '0' } });
    await fixture.create('services');
    const change = fixture.patch<Service>('services', 'web', ({ spec }) => {
      spec.type = 'LoadBalancer';
    });
    expect((await refusalOf(change)).message).toBe(
      'services "web" is forbidden: exceeded quota: web, requested: services.loadbalancers=1, used: services.loadbalancers=0, limited: services.loadbalancers=0',
    );
    await fixture.patch<KubeObject>('services', 'web', ({ metadata }) => {
      metadata.labels = { a: 'b' };
    });
    expect(await used()).toEqual({ services: '1', 'services.loadbalancers': '0' });
  });

  it('of a pod that runs too', async () => {
    await quota({ hard: { 'requests.cpu': '2' } });
    await fixture.create('pods', pod({ requests: { cpu: '1' } }));
    const resize = (cpu: string): Promise<unknown> =>
      fixture.patch<Pod>(
        'pods',
        'web',
        ({ spec }) => {
          spec.containers[0]!.resources = { requests: { cpu } };
        },
        'resize',
      );
    await resize('1500m');
    expect(await used()).toEqual({ 'requests.cpu': '1500m' });
    expect((await refusalOf(resize('2500m'))).message).toBe(
      'pods "web" is forbidden: exceeded quota: web, requested: requests.cpu=1, used: requests.cpu=1500m, limited: requests.cpu=2',
    );
  });
});
