/** Parts for a runtime under test that does without files, volumes and checkpoints. */

import { createLogger } from '@orrery/kit/logger.ts';
import type { EnvironmentSource } from '../environment/environment.ts';
import type { FileSystem } from '../files/file-system.ts';
import { isolatedNetwork } from './cluster-parts.ts';
import type { HookRunner } from '../pods/hooks.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import { NO_CHECKPOINTS } from '../runtime/checkpoints.ts';
import type { PodSandboxConfig, ContainerConfig } from '../runtime/runtime.ts';
import type { SimulatedRuntimeOptions } from '../runtime/simulated.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';

export const SILENT = createLogger({ service: 'node-agent', instance: 'test', level: 'silent' });

type Parts = Pick<
  SimulatedRuntimeOptions,
  'logger' | 'network' | 'files' | 'removeFiles' | 'log' | 'logEnded' | 'checkpoints'
>;

export function runtimeParts(hostIp: (node: string) => string = () => '10.0.0.10'): Parts {
  return {
    logger: SILENT,
    network: isolatedNetwork(hostIp),
    files: (): FileSystem => {
      throw new Error('this test has no files');
    },
    removeFiles: () => undefined,
    log: () => undefined,
    logEnded: () => undefined,
    checkpoints: NO_CHECKPOINTS,
  };
}

export const NO_VOLUMES: VolumeManager = {
  mount: () => undefined,
  mountsOf: () => [],
  ready: () => undefined,
  unmount: () => undefined,
  overLimit: () => undefined,
};

/** Nothing is probed: what runs has started, and is ready. */
export const NO_PROBES: ProbeManager = {
  follow: () => undefined,
  forget: () => undefined,
  isReady: () => true,
  hasStarted: () => true,
  failure: () => undefined,
  stopLivenessAndStartup: () => undefined,
};

/** Hooks that do nothing. */
export const NO_HOOKS: HookRunner = { run: () => Promise.resolve() };

export const NO_ENVIRONMENT: EnvironmentSource = { variables: () => [] };

export function sandboxConfigFor(uid: string, changes: Partial<PodSandboxConfig> = {}): PodSandboxConfig {
  return {
    node: 'node-1',
    namespace: 'default',
    name: uid,
    uid,
    attempt: 0,
    hostNetwork: false,
    hostname: uid,
    dns: { nameservers: [], searches: [], options: [] },
    hostAliases: [],
    ...changes,
  };
}

export function containerConfigFor(name: string, changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    name,
    image: 'example.com/app',
    attempt: 0,
    command: [],
    args: [],
    workingDir: '',
    env: [],
    mounts: [],
    limits: {},
    stdin: false,
    stdinOnce: false,
    tty: false,
    uid: 0,
    gid: 0,
    runsToCompletion: false,
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    ...changes,
  };
}
