import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { baseLayer } from '../files/base-layer.ts';
import type { FileSystem } from '../files/file-system.ts';
import { Trees } from '../files/trees.ts';
import type { Container, ContainerConfig, PodSandbox } from '../runtime/runtime.ts';
import { put, textOf } from '../test-support/container-files.ts';
import { containerConfigFor, sandboxConfigFor } from '../test-support/runtime-parts.ts';
import { containerView } from './container-view.ts';

const sandbox: PodSandbox = {
  ...sandboxConfigFor('u1', {
    hostname: 'web-0',
    dns: { nameservers: ['10.96.0.10'], searches: [], options: [] },
  }),
  id: 's1',
  state: 'SANDBOX_READY',
  ip: '10.244.0.2',
  createdAtMs: 0,
};

function viewOf(config: Partial<ContainerConfig>): FileSystem {
  const container: Container = {
    ...containerConfigFor('web', config),
    id: 'c1',
    podSandboxId: 's1',
    imageRef: '',
    state: 'CONTAINER_RUNNING',
    createdAtMs: 0,
  };
  const trees = new Trees({ clock: new ManualClock() });
  return containerView(trees, baseLayer(), 'containers/c1', container, sandbox);
}

describe('a container', () => {
  test('knows its host and the name service', () => {
    const files = viewOf({});
    expect(textOf(files, '/etc/hostname')).toBe('web-0\n');
    expect(textOf(files, '/etc/resolv.conf')).toBe('nameserver 10.96.0.10\n');
    expect(textOf(files, '/etc/hosts')).toContain('10.244.0.2\tweb-0\n');
    files.write('/etc/hosts', Buffer.from('10.0.0.1\tmine\n'), { append: true });
    expect(textOf(files, '/etc/hosts')).toMatch(/web-0\n10\.0\.0\.1\tmine\n$/);
  });

  test('leaves its last words where it is told, whoever it runs as, on whatever root', () => {
    const files = viewOf({
      uid: 1_000,
      gid: 1_000,
      readonlyRootfs: true,
      terminationMessagePath: '/logs/last',
    });
    put(files, '/logs/last', 'bye');
    expect(textOf(files, '/logs/last')).toBe('bye');
    expect(() => put(files, '/logs/other', '')).toThrow('Read-only file system');
  });

  test('cannot remove or replace what it is given', () => {
    const files = viewOf({});
    put(files, '/tmp/hosts', '');
    expect(() => files.remove('/etc/hosts')).toThrow('Device or resource busy');
    expect(() => files.rename('/tmp/hosts', '/etc/hosts')).toThrow('Device or resource busy');
    expect(() => files.remove('/etc', { recursive: true })).toThrow('Device or resource busy');
  });

  test('has the permissions of its user and groups', () => {
    const files = viewOf({ uid: 1_000, gid: 3_000, groups: [2_000] });
    expect(() => put(files, '/etc/x', '')).toThrow('Permission denied');
    expect(() => files.list('/root')).toThrow('Permission denied');
    put(files, '/tmp/mine', '');
    expect(files.stat('/tmp/mine')).toMatchObject({ uid: 1_000, gid: 3_000 });
    expect(() => files.setOwner('/tmp/mine', 0, 0)).toThrow('Operation not permitted');
    files.setOwner('/tmp/mine', 1_000, 2_000);
    expect(files.stat('/tmp/mine').gid).toBe(2_000);
  });
});
