/** What kubectl does, with every version that the project supports. */

import type { ConfigMap, Deployment, Event, Pod, Service } from '@orrery/api/gen/types.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KUBECTL_VERSIONS } from '../../services/cli/src/kubectl-binary.ts';
import { eventually, TestCluster } from '../support/cluster.ts';
import type { Outcome } from '../support/command.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: 3 });
});
afterAll(() => cluster.remove());

describe.each(KUBECTL_VERSIONS)('kubectl %s', (version) => {
  const namespace = `k${version.replace('.', '-')}`;
  const run = (...args: string[]): Promise<string> =>
    cluster.kubectlOk(['-n', namespace, ...args], { version });
  const attempt = (...args: string[]): Promise<Outcome> =>
    cluster.kubectl(['-n', namespace, ...args], { version });
  const applyText = (input: string, ...flags: string[]): Promise<string> =>
    cluster.kubectlOk(['-n', namespace, 'apply', '-f', '-', ...flags], { version, input });
  const get = async <T>(...args: string[]): Promise<T> =>
    JSON.parse(await run('get', ...args, '-o', 'json')) as T;

  beforeAll(async () => {
    await cluster.kubectlOk(['create', 'namespace', namespace], { version });
    await eventually('the default service account', () =>
      attempt('get', 'serviceaccount', 'default').then(({ code }) => code === 0),
    );
  });
  afterAll(() => cluster.kubectlOk(['delete', 'namespace', namespace, '--timeout=60s'], { version }));

  it('knows the server: version, cluster-info, api-resources, api-versions', async () => {
    const outcome = await attempt('version');
    expect(outcome.stdout).toMatch(/Server Version: v1\.34\.\d+/);
    // Upstream supports a client of one minor version more or less, and kubectl says so.
    if (version !== '1.32') expect(outcome.stderr).not.toContain('WARNING');
    expect(await run('cluster-info')).toContain('is running at');
    const resources = await run('api-resources');
    for (const name of [
      'pods',
      'deployments',
      'replicasets',
      'horizontalpodautoscalers',
      'endpointslices',
      'leases',
    ]) {
      expect(resources).toContain(name);
    }
    expect((await run('api-versions')).split('\n')).toEqual(
      expect.arrayContaining(['apps/v1', 'autoscaling/v2', 'v1']),
    );
  });

  it('shows nodes and pods as tables, wide, by name, by selector', async () => {
    const nodes = await run('get', 'nodes', '-o', 'wide');
    expect(nodes).toMatch(/^NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION\s+INTERNAL-IP/);
    expect(nodes).toMatch(/node-1\s+Ready/);
    await run('run', 'web', '--image=nginx', '--labels=app=web', '--port=80');
    await run('wait', '--for=condition=Ready', 'pod/web', '--timeout=30s');
    expect(await run('get', 'pods')).toMatch(/web\s+1\/1\s+Running\s+0/);
    expect(await run('get', 'pods', '-o', 'wide')).toMatch(/web\s.*10\.244\.\d+\.\d+\s+node-\d/);
    expect((await run('get', 'pods', '-l', 'app=web', '-o', 'name')).trim()).toBe('pod/web');
    expect(await run('get', 'pods', '-l', 'app notin (web)', '-o', 'name')).toBe('');
    expect((await run('get', 'pods', '--field-selector', 'status.phase=Running', '-o', 'name')).trim()).toBe(
      'pod/web',
    );
    expect(await run('get', 'pod', 'web', '-o', 'yaml')).toContain('qosClass: BestEffort');
    expect(await run('get', 'all')).toContain('pod/web');
    expect(await run('get', 'pods', '--sort-by=.metadata.name')).toContain('web');
  });

  it('describes a pod with its events', async () => {
    const text = await eventually('all events', async () => {
      const described = await run('describe', 'pod', 'web');
      return ['Scheduled', 'Pulled', 'Created', 'Started'].every((reason) => described.includes(reason))
        ? described
        : undefined;
    });
    expect(text).toMatch(/Successfully assigned \S+\/web to node-\d/);
    expect(text).toContain('Status:');
    expect(await run('events', '--for', 'pod/web')).toContain('Started');
    expect((await get<{ items: Event[] }>('events')).items.length).toBeGreaterThan(3);
    expect(await run('describe', 'node', 'node-1')).toContain('Allocated resources');
  });

  it('creates by its own generators, all of which send protobuf', async () => {
    await run('create', 'configmap', 'settings', '--from-literal=a=1', '--from-literal=b=2');
    expect((await get<ConfigMap>('configmap', 'settings')).data).toEqual({ a: '1', b: '2' });
    await run('create', 'secret', 'generic', 'password', '--from-literal=word=xyzzy');
    expect(await run('get', 'secret', 'password', '-o', 'jsonpath={.data.word}')).toBe('eHl6enk=');
    await run('create', 'serviceaccount', 'robot');
    await run('create', 'service', 'clusterip', 'plain', '--tcp=80:8080');
    expect((await get<Service>('service', 'plain')).spec.clusterIP).toMatch(/^10\.96\./);
    await run('create', 'service', 'nodeport', 'outside', '--tcp=80');
    expect((await get<Service>('service', 'outside')).spec.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(
      30_000,
    );
    await run('create', 'deployment', 'site', '--image=nginx:1.27', '--replicas=3', '--port=80');
    await run('rollout', 'status', 'deployment/site', '--timeout=60s');
    expect(await run('get', 'deployment', 'site')).toMatch(/site\s+3\/3\s+3\s+3/);
  });

  it('exposes a deployment: endpoints and slices follow its pods', async () => {
    await run('expose', 'deployment', 'site', '--port=80');
    await eventually(
      'three endpoints',
      async () => (await run('get', 'endpoints', 'site')).split(',').length === 3,
    );
    const slices = await run(
      'get',
      'endpointslices',
      '-l',
      'kubernetes.io/service-name=site',
      '-o',
      'jsonpath={.items[*].endpoints[*].addresses[0]}',
    );
    expect(slices.split(' ')).toHaveLength(3);
  });

  it('rolls out, pauses, resumes, restarts, undoes, and keeps the history', async () => {
    await run('set', 'image', 'deployment/site', 'nginx=nginx:1.28');
    await run('rollout', 'status', 'deployment/site', '--timeout=60s');
    await run('rollout', 'pause', 'deployment/site');
    await run('set', 'image', 'deployment/site', 'nginx=nginx:1.29');
    await run('set', 'env', 'deployment/site', 'MODE=test');
    await run('rollout', 'resume', 'deployment/site');
    await run('rollout', 'status', 'deployment/site', '--timeout=60s');
    const history = await run('rollout', 'history', 'deployment/site');
    expect(history).toMatch(/\n1 .*\n2 .*\n3 /);
    await run('rollout', 'undo', 'deployment/site', '--to-revision=1');
    await run('rollout', 'status', 'deployment/site', '--timeout=60s');
    expect((await get<Deployment>('deployment', 'site')).spec.template.spec!.containers[0]!.image).toBe(
      'nginx:1.27',
    );
    await run('rollout', 'restart', 'deployment/site');
    await run('rollout', 'status', 'deployment/site', '--timeout=60s');
  });

  it('scales, also with a precondition, and autoscales', async () => {
    await run('scale', 'deployment/site', '--replicas=2');
    await run('scale', 'deployment/site', '--current-replicas=2', '--replicas=1');
    const refused = await attempt('scale', 'deployment/site', '--current-replicas=7', '--replicas=9');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('Expected replicas to be 7, was 1');
    await run('autoscale', 'deployment', 'site', '--min=1', '--max=4', '--cpu-percent=80');
    expect(await run('get', 'hpa', 'site')).toMatch(/Deployment\/site/);
    await run('delete', 'hpa', 'site');
  });

  it('labels, annotates, patches in three ways', async () => {
    await run('label', 'configmap', 'settings', 'tier=one');
    const clash = await attempt('label', 'configmap', 'settings', 'tier=two');
    expect(clash.stderr).toContain('already has a value');
    await run('label', 'configmap', 'settings', 'tier-');
    await run('annotate', 'configmap', 'settings', 'note=hello');
    await run('patch', 'configmap', 'settings', '--type=merge', '-p', '{"data":{"a":null,"c":"3"}}');
    await run(
      'patch',
      'configmap',
      'settings',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/data/b","value":"22"}]',
    );
    const settings = await get<ConfigMap>('configmap', 'settings');
    expect(settings.data).toEqual({ b: '22', c: '3' });
    expect(settings.metadata.annotations).toEqual({ note: 'hello' });
    await run(
      'patch',
      'deployment',
      'site',
      '-p',
      '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox"}]}}}}',
    );
    const names = (await get<Deployment>('deployment', 'site')).spec.template.spec!.containers.map(
      ({ name }) => name,
    );
    expect(names.toSorted()).toEqual(['nginx', 'side']);
  });

  const CONFIG = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\ndata:\n  key: one\n';

  it('applies: creates, leaves alone, changes, removes what is gone; diffs; replaces; edits', async () => {
    expect(await applyText(CONFIG)).toContain('created');
    expect(await applyText(CONFIG)).toContain('unchanged');
    const changed = CONFIG.replace('key: one', 'other: two');
    const diff = await cluster.kubectl(['-n', namespace, 'diff', '-f', '-'], { version, input: changed });
    expect([diff.code, diff.stdout.includes('+  other: two')]).toEqual([1, true]);
    expect(await applyText(changed)).toContain('configured');
    expect((await get<ConfigMap>('configmap', 'applied')).data).toEqual({ other: 'two' });
    await cluster.kubectlOk(['-n', namespace, 'replace', '-f', '-'], { version, input: CONFIG });
    expect((await get<ConfigMap>('configmap', 'applied')).data).toEqual({ key: 'one' });
    expect(await run('edit', 'configmap', 'applied')).toContain('edited');
    expect((await get<ConfigMap>('configmap', 'applied')).data).toEqual({ key: 'edited' });
    await applyText(CONFIG);
    expect(await applyText(changed, '--dry-run=server')).toContain('server dry run');
    expect((await get<ConfigMap>('configmap', 'applied')).data).toEqual({ key: 'one' });
  });

  it('applies a List, and says which kind there is not', async () => {
    await applyText(CONFIG);
    const list = await run('get', 'configmap', 'applied', 'settings', '-o', 'yaml');
    expect(list).toContain('kind: List');
    expect(await applyText(list)).toContain('configmap/applied');
    const ingress = await cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], {
      version,
      input: 'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x}\n',
    });
    expect(ingress.stderr).toContain('no matches for kind "Ingress" in version "networking.k8s.io/v1"');
  });

  it('is told what is wrong, in the words it knows', async () => {
    const unknown = await cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], {
      version,
      input: `${CONFIG}surprise: 1\n`,
    });
    expect(unknown.stderr).toContain('unknown field "surprise"');
    const missing = await attempt('get', 'pod', 'nobody');
    expect(missing.stderr.trim()).toBe('Error from server (NotFound): pods "nobody" not found');
    const twice = await attempt('create', 'configmap', 'settings');
    expect(twice.stderr).toContain('configmaps "settings" already exists');
    const invalid = await attempt('create', 'deployment', 'Bad_Name', '--image=x');
    expect(invalid.stderr).toContain('Invalid value: "Bad_Name"');
    const nowhere = await cluster.kubectl(['-n', 'nowhere', 'create', 'configmap', 'x'], { version });
    expect(nowhere.stderr).toContain('namespaces "nowhere" not found');
    const conflict = await cluster.kubectl(['-n', namespace, 'replace', '-f', '-'], {
      version,
      input: CONFIG.replace('name: applied', 'name: applied\n  resourceVersion: "1"'),
    });
    expect(conflict.stderr).toContain('the object has been modified');
  });

  it('explains', async () => {
    expect(await run('explain', 'deployment.spec.strategy')).toContain('rollingUpdate');
  });

  it('deletes: at once, with grace, by selector, leaving orphans', async () => {
    await run('delete', 'pod', 'web', '--timeout=60s');
    expect((await attempt('get', 'pod', 'web')).code).toBe(1);
    await run('delete', 'deployment', 'site', '--cascade=orphan');
    const orphan = await eventually('an orphan', async () => {
      const { items } = await get<{ items: Pod[] }>('rs', '-l', 'app=site');
      return items.length > 0 && items.every(({ metadata }) => metadata.ownerReferences === undefined)
        ? items
        : undefined;
    });
    expect(orphan.length).toBeGreaterThan(0);
    await run('delete', 'rs', '-l', 'app=site', '--cascade=foreground', '--timeout=60s');
    await eventually(
      'no pods',
      async () => (await get<{ items: Pod[] }>('pods', '-l', 'app=site')).items.length === 0,
    );
    await run('delete', 'configmap', '--all');
  });
});
