import type { Pod } from '@orrery/api/gen/types.ts';
import { describe, expect, it } from 'vitest';
import { definitionOf, findings, idleContext, type Json, sample, texts } from './sample-objects.ts';

const main = { name: 'main', image: 'nginx:1' };
const podWith = (annotations: Json, spec: Json = {}): Pod =>
  sample<Pod>('pods', { spec: { containers: [main], ...spec } }, { annotations });
const refused = (annotations: Json, spec: Json = {}): string[] =>
  findings('pods', podWith(annotations, spec));

const COST = 'controller.kubernetes.io/pod-deletion-cost';
const MIRROR = 'kubernetes.io/config.mirror';
const SECCOMP = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_MAIN = 'container.seccomp.security.alpha.kubernetes.io/main';
const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/';

describe('annotations of a pod', () => {
  it.each(['0', '10', '-5', '2147483647', '-2147483648'])('may make it worth %s', (cost) => {
    expect(refused({ [COST]: cost })).toEqual([]);
  });

  it.each(['', '+1', '01', '1.5', 'much', '2147483648', ' 1'])('may not make it worth %j', (cost) => {
    expect(refused({ [COST]: cost })).toEqual([
      `metadata.annotations[${COST}]: Invalid value: ${JSON.stringify(cost)}: must be a 32bit integer`,
    ]);
  });

  it.each<[string, Json, Json, string[]]>([
    ['a mirror on its node', { [MIRROR]: 'x' }, { nodeName: 'n' }, []],
    [
      'a mirror on no node',
      { [MIRROR]: 'x' },
      {},
      [
        `metadata.annotations[${MIRROR}]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set`,
      ],
    ],
    ['known profiles', { [SECCOMP]: 'runtime/default', [SECCOMP_MAIN]: 'localhost/a.json' }, {}, []],
    [
      'an unknown profile',
      { [SECCOMP]: 'strict' },
      {},
      [`metadata.annotations.${SECCOMP}: Invalid value: "strict": must be a valid seccomp profile`],
    ],
    [
      'a profile out of its directory',
      { [SECCOMP_MAIN]: 'localhost/../a' },
      {},
      [`metadata.annotations.${SECCOMP_MAIN}: Invalid value: "../a": must not contain '..'`],
    ],
    ['a profile of AppArmor', { [`${APP_ARMOR}main`]: 'localhost/p' }, {}, []],
    [
      'a profile of AppArmor for nobody, and none at that',
      { [`${APP_ARMOR}side`]: 'p' },
      {},
      [
        `metadata.annotations[${APP_ARMOR}side]: Invalid value: "side": container not found`,
        `metadata.annotations[${APP_ARMOR}side]: Invalid value: "p": invalid AppArmor profile name: "p"`,
      ],
    ],
    [
      'another seccomp profile than the field',
      { [SECCOMP]: 'unconfined', [SECCOMP_MAIN]: 'localhost/a' },
      {
        securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          { ...main, securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'b' } } },
        ],
      },
      [
        'spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match',
        'spec.containers[0].securityContext.seccompProfile.type: Forbidden: seccomp profile in annotation and field must match',
      ],
    ],
    [
      'another AppArmor profile than the field',
      { [`${APP_ARMOR}main`]: 'localhost/a' },
      { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'b' } } },
      [
        'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Forbidden: apparmor profile in annotation and field must match',
      ],
    ],
    [
      'tolerations of old that are wrong',
      { 'scheduler.alpha.kubernetes.io/tolerations': '[{"operator":"Like","key":"a"}]' },
      {},
      [
        'metadata.annotations.scheduler.alpha.kubernetes.io/tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
      ],
    ],
  ])('%s', (_case, annotations, spec, expected) => {
    expect(refused(annotations, spec)).toEqual(expected);
  });

  it('are checked in templates too, also those whose pods are checked later', () => {
    for (const resource of ['deployments', 'statefulsets']) {
      const object = sample(resource);
      const { template } = (object as unknown as { spec: { template: { metadata: Json } } }).spec;
      template.metadata['annotations'] = { [COST]: 'much' };
      expect(findings(resource, object)).toEqual([
        `spec.template.annotations[${COST}]: Invalid value: "much": must be a 32bit integer`,
      ]);
    }
  });
});

describe('a change of the annotations of a pod', () => {
  const pods = definitionOf('pods');
  const change = (before: Json, after: Json): string[] =>
    texts(pods.validateUpdate?.(podWith(after), podWith(before)) ?? []);

  it.each<[string, Json, Json, string[]]>([
    ['of others is free', { a: '1' }, { b: '2' }, []],
    [
      'cannot make a mirror of it',
      {},
      { [MIRROR]: 'x' },
      [`metadata.annotations[${MIRROR}]: Forbidden: may not add mirror pod annotation`],
    ],
    [
      'cannot take a profile away',
      { [`${APP_ARMOR}main`]: 'unconfined' },
      {},
      [`metadata.annotations[${APP_ARMOR}main]: Forbidden: may not remove or update AppArmor annotations`],
    ],
  ])('%s', (_case, before, after, expected) => {
    expect(change(before, after)).toEqual(expected);
  });
});

describe('a profile of AppArmor that only an annotation names', () => {
  const created = (annotations: Json, spec: Json = {}): Pod => {
    const pod = podWith(annotations, spec);
    const pods = definitionOf('pods');
    pods.defaults?.(pod);
    void pods.prepareCreate?.(pod, idleContext);
    return pod;
  };

  it('becomes the field of its container', () => {
    const { spec } = created({ [`${APP_ARMOR}main`]: 'localhost/p' });
    expect(spec.containers[0]!.securityContext).toEqual({
      appArmorProfile: { type: 'Localhost', localhostProfile: 'p' },
    });
  });

  it("does not when the pod's field says the same, or when it is none", () => {
    const same = created(
      { [`${APP_ARMOR}main`]: 'unconfined' },
      { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
    );
    expect(same.spec.containers[0]!.securityContext).toBeUndefined();
    expect(created({ [`${APP_ARMOR}main`]: '' }).spec.containers[0]!.securityContext).toBeUndefined();
  });
});
