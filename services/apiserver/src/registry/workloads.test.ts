import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  KubeObject,
  StatefulSet,
} from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { describe, expect, it } from 'vitest';
import type { ResourceDefinition } from './definition.ts';
import {
  cells,
  defaulted,
  definitionOf,
  findings,
  type Json,
  sample,
  texts,
  updateFindings,
} from './sample-objects.ts';

const container = { name: 'main', image: 'nginx:1' };
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } };
const spec = { selector: { matchLabels: { app: 'web' } }, template };

const deployment = (fields: Json): string[] =>
  findings('deployments', sample('deployments', { spec: { ...spec, ...fields } }));

describe('a Deployment', () => {
  it.each<[string, Json, string[]]>([
    [
      'negative replicas',
      { replicas: -1 },
      ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'no selector',
      { selector: undefined },
      [
        'spec.selector: Required value',
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'an empty selector',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'a selector that its pods do not meet',
      { selector: { matchLabels: { app: 'api' } } },
      [
        'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'a selector that says nothing',
      { selector: { matchExpressions: [{ key: 'app', operator: 'In' }] } },
      [
        "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"In"}]}: invalid label selector',
      ],
    ],
    [
      'pods that are not restarted',
      { template: { ...template, spec: { containers: [container], restartPolicy: 'Never' } } },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'pods with a deadline',
      { template: { ...template, spec: { containers: [container], activeDeadlineSeconds: 5 } } },
      [
        'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
      ],
    ],
    [
      'pods without containers',
      { template: { ...template, spec: {} } },
      ['spec.template.spec.containers: Required value'],
    ],
    [
      'no room to roll',
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
    ],
    [
      'sizes that are none',
      { strategy: { rollingUpdate: { maxSurge: 'many', maxUnavailable: '101%' } } },
      [
        `spec.strategy.rollingUpdate.maxSurge: Invalid value: "many": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
        'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
      ],
    ],
    [
      'rolling settings of Recreate',
      { strategy: { type: 'Recreate', rollingUpdate: {} } },
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'an unknown strategy',
      { strategy: { type: 'Canary' } },
      ['spec.strategy: Unsupported value: {"type":"Canary"}: supported values: "Recreate", "RollingUpdate"'],
    ],
    [
      'a deadline before its pods count',
      { minReadySeconds: 60, progressDeadlineSeconds: 60 },
      ['spec.progressDeadlineSeconds: Invalid value: 60: must be greater than minReadySeconds'],
    ],
  ])('is refused for %s', (_case, fields, expected) => {
    expect(deployment(fields)).toEqual(expected);
  });

  it('gets defaults', () => {
    expect(defaulted('deployments', sample<Deployment>('deployments')).spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: { spec: { restartPolicy: 'Always', securityContext: {} } },
    });
    expect(defaulted('deployments', sample<Deployment>('deployments')).spec.template.spec).not.toHaveProperty(
      'enableServiceLinks',
    );
  });

  it('keeps its selector', () => {
    const after = { spec: { ...spec, selector: { matchLabels: { tier: 'a' } } } };
    expect(updateFindings('deployments', { spec }, after)).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"tier":"a"}}: field is immutable',
    ]);
  });

  it('has a new generation for annotations, too', () => {
    const generationOf = definitionOf('deployments').generationOf!;
    expect(generationOf(sample('deployments', {}, { annotations: { a: 'b' } }))).not.toEqual(
      generationOf(sample('deployments')),
    );
    expect(generationOf(sample('deployments', {}, { labels: { a: 'b' } }))).toEqual(
      generationOf(sample('deployments')),
    );
  });

  it('reports sensible counts', () => {
    const status = (value: Json): string[] =>
      texts(
        definitionOf('deployments').validateStatusUpdate?.(
          sample('deployments', { status: value }),
          sample('deployments', { status: { collisionCount: 2 } }),
        ) ?? [],
      );
    expect(status({ replicas: 1, readyReplicas: 2, availableReplicas: 3, collisionCount: 1 })).toEqual([
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas',
      'status.collisionCount: Invalid value: 1: cannot be decremented',
    ]);
  });

  it('shows its row', () => {
    const object = sample('deployments', {
      spec: { ...spec, replicas: 3 },
      status: { readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 },
    });
    expect(cells('deployments', object)).toMatchObject({
      Name: 'web',
      Ready: '2/3',
      'Up-to-date': 1,
      Available: 2,
      Containers: 'main',
      Images: 'nginx:1',
      Selector: 'app=web',
    });
  });
});

it.each(['deployments', 'replicasets', 'replicationcontrollers'])(
  'warnings about %s name what is wrong with the behaviour of their pods',
  (resource) => {
    const object = defaulted(resource, sample<Deployment>(resource));
    object.spec.template.metadata = { annotations: { 'orrery.dev/behavior': 'often' } };
    expect(definitionOf(resource).warnings?.(object)).toEqual([
      'spec.template.metadata.annotations[orrery.dev/behavior]: "often" is not a map; write {web: {runSeconds: 10}}',
    ]);
  },
);

describe.each(['deployments', 'replicasets', 'replicationcontrollers'])('the scale of %s', (resource) => {
  it('maps to the spec and the status', () => {
    const { scale, defaults } = definitionOf(resource);
    const object = sample(resource, { status: { replicas: 7 } });
    defaults?.(object);
    scale?.setReplicas(object, 5);
    expect([scale?.replicas(object), scale?.statusReplicas(object), scale?.selector(object)]).toEqual([
      5,
      7,
      'app=web',
    ]);
  });
});

describe('a ReplicationController', () => {
  it('takes selector and labels from its template', () => {
    expect(defaulted('replicationcontrollers', sample('replicationcontrollers'))).toMatchObject({
      metadata: { labels: { app: 'web' } },
      spec: { replicas: 1, selector: { app: 'web' } },
    });
  });

  it('needs a selector and a template', () => {
    expect(findings('replicationcontrollers', sample('replicationcontrollers', { spec: {} }))).toEqual([
      'spec.selector: Required value',
      'spec.template: Required value',
    ]);
  });

  it('shows its row', () => {
    const object = defaulted('replicationcontrollers', sample('replicationcontrollers'));
    expect(cells('replicationcontrollers', object)).toMatchObject({
      Desired: 1,
      Current: 0,
      Ready: 0,
      Selector: 'app=web',
    });
  });
});

describe('extensions/v1beta1', () => {
  const old = (resource: string): ResourceDefinition['versions'][number] =>
    definitionOf(resource).versions[1]!;

  it('says that it is over', () => {
    expect(old('deployments').deprecation).toBe(
      'extensions/v1beta1 Deployment is deprecated in v1.9+, unavailable in v1.16+; use apps/v1 Deployment',
    );
    expect(old('replicasets').deprecation).toBe(
      'extensions/v1beta1 ReplicaSet is deprecated in v1.9+, unavailable in v1.16+; use apps/v1 ReplicaSet',
    );
  });

  it('has defaults of its own', () => {
    const object = sample<Deployment>('deployments', { spec: { template, rollbackTo: { revision: 2 } } });
    const stored = defaulted('deployments', object, old('deployments'));
    expect(stored).toMatchObject({
      metadata: { labels: { app: 'web' } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'web' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
        revisionHistoryLimit: 2_147_483_647,
        progressDeadlineSeconds: 2_147_483_647,
      },
    });
    expect(stored.spec).not.toHaveProperty('rollbackTo');
  });

  it('keeps a wish for an earlier revision in an annotation, and shows it as it was said', () => {
    const version = old('deployments');
    const object = sample<Deployment>('deployments', { spec: { template, rollbackTo: { revision: 2 } } });
    const stored = defaulted('deployments', object, version);
    expect(stored.metadata.annotations).toEqual({ 'deprecated.deployment.rollback.to': '2' });
    const shown = version.fromStored!(stored);
    expect(shown).toMatchObject({ metadata: { annotations: {} }, spec: { rollbackTo: { revision: 2 } } });
  });

  it.each(['deployments', 'replicasets'])('defaults %s once', (resource) => {
    const version = old(resource);
    const once = defaulted(resource, sample(resource, { spec: { template } }), version);
    expect(defaulted(resource, jsonClone(once), version)).toEqual(once);
  });
});

/** The manifests that the project comes from, written again. */
describe('the manifests of the document', () => {
  const pods = (port: number, more: Json = {}): Json => ({
    metadata: { labels: { app: 'app-demo', tier: 'frontend' } },
    spec: {
      containers: [
        {
          name: 'tomcat-demo',
          image: 'tomcat',
          imagePullPolicy: 'IfNotPresent',
          ports: [{ containerPort: port }],
          ...more,
        },
      ],
    },
  });
  const selector = {
    matchLabels: { tier: 'frontend' },
    matchExpressions: [{ key: 'tier', operator: 'In', values: ['frontend'] }],
  };
  const accepted = (resource: string, object: KubeObject, old: boolean): string[] => {
    const version = old ? definitionOf(resource).versions[1] : undefined;
    return findings(resource, defaulted(resource, object, version));
  };

  it('are valid', () => {
    const controller = sample('replicationcontrollers', {
      spec: {
        replicas: 3,
        selector: { tier: 'frontend' },
        template: pods(80, { env: [{ name: 'GET_HOSTS_FROM', value: 'dns' }] }),
      },
    });
    expect(accepted('replicationcontrollers', controller, false)).toEqual([]);
    for (const old of [false, true]) {
      expect(
        accepted('replicasets', sample('replicasets', { spec: { selector, template: pods(80) } }), old),
      ).toEqual([]);
      const object = sample('deployments', { spec: { replicas: 1, selector, template: pods(8080) } });
      expect(accepted('deployments', object, old)).toEqual([]);
    }
  });

  it('show the selector in one text', () => {
    const object = sample('replicasets', { spec: { selector, template: pods(80) } });
    expect(cells('replicasets', object)['Selector']).toBe('tier=frontend,tier in (frontend)');
  });
});

describe('a DaemonSet', () => {
  const daemonSet = (fields: Json): string[] =>
    findings('daemonsets', sample('daemonsets', { spec: { ...spec, ...fields } }));
  const rolling = (rollingUpdate: Json): Json => ({
    updateStrategy: { type: 'RollingUpdate', rollingUpdate },
  });
  const at = 'spec.updateStrategy.rollingUpdate';

  it.each<[string, Json, string[]]>([
    ['nothing wrong', {}, []],
    ['surge instead of unavailability', rolling({ maxSurge: '10%', maxUnavailable: 0 }), []],
    ['OnDelete', { updateStrategy: { type: 'OnDelete' } }, []],
    [
      'an empty selector',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for daemonset'],
    ],
    [
      'pods with a deadline that are not restarted',
      {
        template: {
          ...template,
          spec: { containers: [container], restartPolicy: 'Never', activeDeadlineSeconds: 5 },
        },
      },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported',
      ],
    ],
    [
      'both limits',
      rolling({ maxSurge: 1, maxUnavailable: 1 }),
      [`${at}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero`],
    ],
    [
      'no room to roll',
      rolling({ maxSurge: 0, maxUnavailable: '0%' }),
      [`${at}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`],
    ],
    [
      'more than all',
      rolling({ maxSurge: 0, maxUnavailable: '120%' }),
      [`${at}.maxUnavailable: Invalid value: "120%": must not be greater than 100%`],
    ],
    [
      'an unknown strategy',
      { updateStrategy: { type: 'Recreate' } },
      [
        'spec.updateStrategy: Unsupported value: {"type":"Recreate"}: supported values: "OnDelete", "RollingUpdate"',
      ],
    ],
    [
      'negative numbers',
      { minReadySeconds: -1, revisionHistoryLimit: -2 },
      [
        'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.revisionHistoryLimit: Invalid value: -2: must be greater than or equal to 0',
      ],
    ],
  ])('with %s', (_case, fields, expected) => {
    expect(daemonSet(fields)).toEqual(expected);
  });

  it('gets defaults', () => {
    expect(defaulted('daemonsets', sample<DaemonSet>('daemonsets')).spec).toMatchObject({
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 10,
      template: { spec: { restartPolicy: 'Always' } },
    });
  });

  it('shows what kubectl prints', () => {
    const status = {
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      numberReady: 2,
      numberMisscheduled: 0,
      numberAvailable: 2,
      updatedNumberScheduled: 1,
    };
    expect(cells('daemonsets', sample<DaemonSet>('daemonsets', { spec, status }))).toMatchObject({
      Name: 'web',
      Desired: 3,
      Current: 3,
      Ready: 2,
      'Up-to-date': 1,
      Available: 2,
      'Node Selector': '<none>',
    });
  });
});

describe('a StatefulSet', () => {
  const statefulSet = (fields: Json): string[] =>
    findings('statefulsets', sample('statefulsets', { spec: { ...spec, serviceName: 'web', ...fields } }));
  const rolling = (rollingUpdate: Json): Json => ({
    updateStrategy: { type: 'RollingUpdate', rollingUpdate },
  });
  const at = 'spec.updateStrategy.rollingUpdate';

  it.each<[string, Json, string[]]>([
    ['nothing wrong', {}, []],
    ['a partition', rolling({ partition: 2, maxUnavailable: '50%' }), []],
    [
      'an unknown order and strategy',
      { podManagementPolicy: 'Random', updateStrategy: { type: 'Recreate' } },
      [
        "spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'",
        'spec.updateStrategy: Invalid value: {"type":"Recreate"}: must be \'RollingUpdate\' or \'OnDelete\'',
      ],
    ],
    [
      'rolling settings of OnDelete',
      { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
      [`${at}: Invalid value: {"partition":1}: only allowed for updateStrategy 'RollingUpdate'`],
    ],
    [
      'wrong rolling settings',
      rolling({ partition: -1, maxUnavailable: 0 }),
      [
        `${at}.partition: Invalid value: -1: must be greater than or equal to 0`,
        `${at}.maxUnavailable: Invalid value: 0: cannot be 0`,
      ],
    ],
    [
      'an unknown retention',
      { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Archive' } },
      [
        'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Archive": supported values: "Retain", "Delete"',
      ],
    ],
    [
      'negative numbers',
      { replicas: -1, minReadySeconds: -1, ordinals: { start: -1 } },
      ['replicas', 'minReadySeconds', 'ordinals.start'].map(
        (path) => `spec.${path}: Invalid value: -1: must be greater than or equal to 0`,
      ),
    ],
    [
      'an empty selector',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
    ],
  ])('with %s', (_case, fields, expected) => {
    expect(statefulSet(fields)).toEqual(expected);
  });

  it('gets defaults, for its claim templates too', () => {
    const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }];
    const set = sample<StatefulSet>('statefulsets', { spec: { ...spec, volumeClaimTemplates } });
    expect(defaulted('statefulsets', set).spec).toMatchObject({
      replicas: 1,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      revisionHistoryLimit: 10,
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          spec: { volumeMode: 'Filesystem' },
          status: { phase: 'Pending' },
        },
      ],
    });
  });

  it('keeps its identity: only what upstream lists may change', () => {
    expect(
      updateFindings('statefulsets', { spec }, { spec: { ...spec, replicas: 5, minReadySeconds: 3 } }),
    ).toEqual([]);
    expect(updateFindings('statefulsets', { spec }, { spec: { ...spec, serviceName: 'other' } })).toEqual([
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ]);
  });
});

describe('a ControllerRevision', () => {
  it('has data, which never changes', () => {
    expect(
      findings('controllerrevisions', sample('controllerrevisions', { data: undefined, revision: -1 })),
    ).toEqual([
      'data: Required value: data is mandatory',
      'revision: Invalid value: -1: must be greater than or equal to 0',
    ]);
    expect(
      updateFindings('controllerrevisions', { data: { a: 1 } }, { data: { a: 1 }, revision: 2 }),
    ).toEqual([]);
    expect(updateFindings('controllerrevisions', { data: { a: 1 } }, { data: { a: 2 } })).toEqual([
      'data: Invalid value: {"a":2}: field is immutable',
    ]);
  });

  it('names its owner as kubectl does', () => {
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'u', controller: true },
    ];
    const owned = sample<ControllerRevision>('controllerrevisions', {}, { ownerReferences });
    expect(cells('controllerrevisions', owned)).toMatchObject({
      Controller: 'daemonset.apps/agent',
      Revision: 1,
    });
    const alone = sample<ControllerRevision>('controllerrevisions');
    expect(cells('controllerrevisions', alone)).toMatchObject({ Controller: '<none>' });
  });
});
