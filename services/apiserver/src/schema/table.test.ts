import { describe, expect, it } from 'vitest';
import { groupVersionKindOf, messageType, typeNameOf } from './table.ts';

describe('the type of a kind', () => {
  it.each([
    ['', 'v1', 'Pod', 'core.v1.Pod'],
    ['apps', 'v1', 'Deployment', 'apps.v1.Deployment'],
    ['extensions', 'v1beta1', 'Deployment', 'extensions.v1beta1.Deployment'],
    ['autoscaling', 'v1', 'Scale', 'autoscaling.v1.Scale'],
    ['rbac.authorization.k8s.io', 'v1', 'Role', 'rbac.v1.Role'],
    ['apps', 'v1', 'DeleteOptions', 'meta.v1.DeleteOptions'],
    ['', 'v1', 'Status', 'meta.v1.Status'],
    ['apps', 'v1', 'DeploymentSpec', undefined],
    ['rbac', 'v1', 'Role', undefined],
    ['', 'v1', 'constructor', undefined],
    ['example.com', 'v1', 'Widget', undefined],
  ])('%j %s %s is %s', (group, version, kind, type) => {
    expect(typeNameOf(group, version, kind)).toBe(type);
  });

  it('leads back to group, version and kind', () => {
    expect(groupVersionKindOf('rbac.v1.Role')).toEqual({
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      kind: 'Role',
    });
  });
});

describe('a type', () => {
  const field = (type: string, name: string) => messageType(type).jsonFields.get(name);

  it('has apiVersion and kind when it is a kind, and only then', () => {
    expect([...messageType('core.v1.Pod').jsonFields.keys()].slice(0, 3)).toEqual([
      'apiVersion',
      'kind',
      'metadata',
    ]);
    expect(field('core.v1.PodTemplateSpec', 'kind')).toBeUndefined();
  });

  it('takes in the fields of inline messages, however deep', () => {
    expect(field('core.v1.Volume', 'emptyDir')).toBeDefined();
    expect(field('core.v1.Volume', 'volumeSource')).toBeUndefined();
    expect(field('admissionregistration.v1.NamedRuleWithOperations', 'apiGroups')).toBeDefined();
  });

  it('calls fields by their JSON names where protobuf has others', () => {
    expect(field('admissionregistration.v1.MutatingWebhookConfiguration', 'webhooks')?.number).toBe(2);
  });

  it.each([
    [
      'core.v1.Container',
      'ports',
      { mergeKey: 'containerPort', apply: { keys: ['containerPort', 'protocol'] } },
    ],
    ['core.v1.PodSpec', 'volumes', { mergeKey: 'name', retainKeys: true, apply: { keys: ['name'] } }],
    ['meta.v1.ObjectMeta', 'finalizers', { mergeKey: '', apply: 'set' }],
    ['core.v1.PodSpec', 'tolerations', { mergeKey: undefined, apply: undefined }],
    ['batch.v1.JobStatus', 'conditions', { mergeKey: 'type', apply: 'atomic' }],
    ['policy.v1.PodDisruptionBudgetSpec', 'selector', { replace: true }],
    ['apps.v1.DeploymentSpec', 'replicas', { pointer: true, required: false }],
    ['apps.v1.DeploymentSpec', 'template', { required: true }],
  ])('knows how %s.%s merges and what it needs', (type, name, facts) => {
    expect(field(type, name)).toMatchObject(facts);
  });

  it('that is missing is named, with the way to add it', () => {
    expect(() => messageType('core.v1.Gadget')).toThrow(/no type core\.v1\.Gadget: .*facts\.ts/);
  });
});
