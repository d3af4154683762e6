import { readConfig, clusterConfig, commonConfig } from '@orrery/kit/config.ts';
import { describe, expect, it } from 'vitest';
import { type ClusterRecord, DEFAULT_OPTIONS, internalPorts, type InternalPorts } from './cluster-record.ts';
import { dataDirectory } from './data-directory.ts';
import { processesAmong, processNames, processTable } from './process-table.ts';
import type { ProcessSpec } from './supervisor/process-spec.ts';

const ports = Object.fromEntries(
  internalPorts(3).map((name, index) => [name, 20_000 + index]),
) as InternalPorts;
const record: ClusterRecord = {
  options: { ...DEFAULT_OPTIONS, nodes: 7, durability: 'always', port: 7_443 },
  ports,
  clock: { rate: 10, realMs: 1_000, clusterMs: 2_000 },
};
const plan = {
  data: dataDirectory('/srv/my cluster'),
  record,
  programs: { redisServer: '/bin/redis-server', natsServer: '/bin/nats-server' },
  zeroDelays: false,
};

function find(name: string, table = processTable(plan)): ProcessSpec {
  const found = table.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no process ${name}`);
  return found;
}

const services = ['apiserver', 'controller-manager', 'scheduler', 'hpa', 'node-agent'] as const;

describe('processTable', () => {
  it('lists every process in the order of dependence', () => {
    expect(processTable(plan).map(({ name }) => name)).toEqual(['redis', 'nats', ...services]);
  });

  it('runs Redis on an append-only file of the wanted durability, without snapshots', () => {
    const { args } = find('redis');
    const settings = new Map(
      args.flatMap((word, index) => (index % 2 === 0 ? [[word, args[index + 1]]] : [])),
    );
    expect(Object.fromEntries(settings)).toMatchObject({
      '--port': String(ports.redis),
      '--bind': '127.0.0.1',
      '--dir': '/srv/my cluster/redis',
      '--appendonly': 'yes',
      '--appendfsync': 'always',
      '--save': '',
    });
  });

  it('tells the node agent and the apiserver what the user chose', () => {
    const options = { ...record.options, crashloopInitialMs: 10_000, nodesAskedAtMs: 17 };
    const table = processTable({ ...plan, record: { ...record, options } });
    expect(find('node-agent', table).environment['ORRERY_CRASHLOOP_INITIAL_MS']).toBe('10000');
    expect(find('apiserver', table).environment).toMatchObject({
      ORRERY_NODES: '7',
      ORRERY_NODE_CONFIG: '',
      ORRERY_NODES_START: '17',
    });
  });

  it.each(services)('configures %s so that the kit accepts it', (name) => {
    const { environment, args } = find(name);
    const config = readConfig(
      { ...commonConfig, ORRERY_NATS_URL: clusterConfig.ORRERY_NATS_URL },
      environment,
    );
    expect(config).toMatchObject({
      ORRERY_INSTANCE: `${name}-0`,
      ORRERY_BIND: '127.0.0.1',
      ORRERY_HTTP_PORT: ports[`${name}-http`],
      ORRERY_CLOCK: record.clock,
      ORRERY_NATS_URL: `nats://127.0.0.1:${ports.nats}`,
    });
    expect(args.at(-1)).toMatch(new RegExp(`/services/${name}/src/main\\.ts$`));
  });

  it('tells the apiserver where its store, state and kubeconfig are', () => {
    expect(find('apiserver').environment).toMatchObject({
      ORRERY_REDIS_URL: `redis://127.0.0.1:${ports.redis}`,
      ORRERY_PORT: '7443',
      ORRERY_GRPC_PORT: String(ports['apiserver-grpc']),
      ORRERY_STATE_DIR: '/srv/my cluster/state',
      ORRERY_KUBECONFIG: '/srv/my cluster/kubeconfig',
    });
    expect(find('apiserver').address).toBe('https://127.0.0.1:7443');
  });

  it.each(services.filter((name) => name !== 'apiserver'))(
    'tells %s where the apiserver is, but not the store',
    (name) => {
      const { environment } = find(name);
      expect(environment['ORRERY_APISERVER']).toBe(`127.0.0.1:${ports['apiserver-grpc']}`);
      expect(environment).not.toHaveProperty('ORRERY_REDIS_URL');
    },
  );

  it('tells the controller-manager which controllers are wanted', () => {
    expect(find('controller-manager').environment['ORRERY_CONTROLLERS']).toBe('*');
    const without = { ...record, options: { ...record.options, controllers: '*,-podgc' } };
    const { environment } = find('controller-manager', processTable({ ...plan, record: without }));
    expect(environment['ORRERY_CONTROLLERS']).toBe('*,-podgc');
  });

  it('shares the nodes among the node agents, each with ports and files of its own', () => {
    const shared = { ...record, options: { ...record.options, nodeAgents: 3 } };
    const table = processTable({ ...plan, record: shared }).slice(-3);
    expect(table.map(({ name }) => name)).toEqual(processNames(3).slice(-3));
    expect(
      table.map(({ name, environment }) => [
        name,
        environment['ORRERY_INSTANCE'],
        environment['ORRERY_AGENT_PLACE'],
        environment['ORRERY_AGENTS'],
        environment['ORRERY_GRPC_PORT'],
        environment['ORRERY_STATE_DIR'],
      ]),
    ).toEqual([
      [
        'node-agent-0',
        'node-agent-0',
        '0',
        '3',
        String(ports['node-agent-grpc']),
        '/srv/my cluster/state/node-agent-0',
      ],
      [
        'node-agent-1',
        'node-agent-1',
        '1',
        '3',
        String(ports['node-agent-1-grpc']),
        '/srv/my cluster/state/node-agent-1',
      ],
      [
        'node-agent-2',
        'node-agent-2',
        '2',
        '3',
        String(ports['node-agent-2-grpc']),
        '/srv/my cluster/state/node-agent-2',
      ],
    ]);
    expect(new Set(table.map(({ address }) => address)).size).toBe(3);
    const claims = table.map(({ environment }) => environment['ORRERY_CLAIMS_DIR']);
    expect(new Set(claims)).toEqual(new Set(['/srv/my cluster/state/claims']));
  });

  it('knows the names that its processes have had', () => {
    const names = [
      'supervisor',
      'node-agent-10',
      'node-agent-9',
      'nats',
      'node-agent',
      'node-agent-x',
      'redis',
    ];
    expect(processesAmong(names)).toEqual(['redis', 'nats', 'node-agent', 'node-agent-9', 'node-agent-10']);
    expect(processesAmong(processNames(3))).toEqual(processNames(3));
  });

  it('leaves the delays of the node agent to the node agent, or sets all of them to zero', () => {
    const delays = ['ORRERY_IMAGE_PULL_MS', 'ORRERY_SANDBOX_START_MS', 'ORRERY_CONTAINER_START_MS'];
    const usual = find('node-agent').environment;
    const none = find('node-agent', processTable({ ...plan, zeroDelays: true })).environment;
    expect(usual['ORRERY_AGENTS']).toBe('1');
    expect(usual['ORRERY_STATE_DIR']).toBe('/srv/my cluster/state/node-agent-0');
    expect(delays.map((name) => usual[name])).toEqual([undefined, undefined, undefined]);
    expect(delays.map((name) => none[name])).toEqual(['0', '0', '0']);
  });
});
