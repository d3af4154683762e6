import { jsonClone } from '@orrery/api/json.ts';
import { describe, expect, it } from 'vitest';
import { conform } from '../schema/conform.ts';
import { typeNameOf } from '../schema/table.ts';
import { definitions, groupOrder } from './index.ts';
import { defaulted, findings, sample } from './sample-objects.ts';

describe('definitions', () => {
  it('are in the order of discovery: the core, then groups, old ones last', () => {
    expect(groupOrder).toEqual([
      '',
      'apps',
      'autoscaling',
      'batch',
      'coordination.k8s.io',
      'discovery.k8s.io',
      'policy',
      'scheduling.k8s.io',
      'storage.k8s.io',
      'events.k8s.io',
      'extensions',
    ]);
  });

  it('have names, short names and categories as upstream', () => {
    const table = definitions.map(({ ref, singular, shortNames = [], categories = [] }) =>
      [ref.resource, singular, shortNames.join(), categories.join()].join(' | '),
    );
    expect(table).toEqual([
      'configmaps | configmap | cm | ',
      'endpoints | endpoints | ep | ',
      'events | event | ev | ',
      'limitranges | limitrange | limits | ',
      'namespaces | namespace | ns | ',
      'nodes | node | no | ',
      'persistentvolumeclaims | persistentvolumeclaim | pvc | ',
      'persistentvolumes | persistentvolume | pv | ',
      'pods | pod | po | all',
      'replicationcontrollers | replicationcontroller | rc | all',
      'resourcequotas | resourcequota | quota | ',
      'secrets | secret |  | ',
      'serviceaccounts | serviceaccount | sa | ',
      'services | service | svc | all',
      'controllerrevisions | controllerrevision |  | ',
      'daemonsets | daemonset | ds | all',
      'deployments | deployment | deploy | all',
      'replicasets | replicaset | rs | all',
      'statefulsets | statefulset | sts | all',
      'horizontalpodautoscalers | horizontalpodautoscaler | hpa | all',
      'cronjobs | cronjob | cj | all',
      'jobs | job |  | all',
      'leases | lease |  | ',
      'endpointslices | endpointslice |  | ',
      'poddisruptionbudgets | poddisruptionbudget | pdb | ',
      'priorityclasses | priorityclass | pc | ',
      'storageclasses | storageclass | sc | ',
    ]);
  });

  it('store objects in the form of their first version', () => {
    for (const { ref, versions } of definitions) {
      expect(versions[0]).toMatchObject({ group: ref.group, version: ref.version });
      expect(versions[0]?.toStored).toBeUndefined();
    }
  });

  it.each(definitions.map(({ ref }) => ref.resource))('accept the least that is valid of %s', (resource) => {
    expect(findings(resource, sample(resource))).toEqual([]);
  });

  it.each(definitions.map(({ ref }) => ref.resource))('default %s once', (resource) => {
    const once = defaulted(resource, sample(resource));
    expect(defaulted(resource, jsonClone(once))).toEqual(once);
  });

  const forms = definitions.flatMap(({ ref, versions }) =>
    versions.map((version) => [`${version.group}/${version.version} ${ref.kind}`, ref, version] as const),
  );

  it.each(forms)('write only what the type of %s has', (_form, { resource, kind }, version) => {
    const object = defaulted(resource, sample(resource));
    const shown = version.fromStored === undefined ? object : version.fromStored(object);
    const { object: conformed, unknown } = conform(
      typeNameOf(version.group, version.version, kind)!,
      jsonClone(shown),
    );
    expect(unknown).toEqual([]);
    expect(conformed).toEqual(shown);
  });

  it.each(definitions.map(({ ref }) => ref.resource))('refuse a bad name of %s', (resource) => {
    const [first] = findings(resource, sample(resource, {}, { name: 'a/b' }));
    expect(first).toMatch(/^metadata\.name: Invalid value: "a\/b": /);
  });

  it('show a name first, where there is one, and an age, or the time for kinds that upstream has no columns for', () => {
    for (const { ref, columns } of definitions) {
      if (ref.resource === 'events') continue;
      expect(columns[0]).toMatchObject({ name: 'Name', format: 'name' });
      const time = ref.resource === 'limitranges' ? 'Created At' : 'Age';
      expect(columns.map(({ name }) => name)).toContain(time);
    }
  });
});
