/** Images of the Kubernetes project, and those that its documentation uses. */

import type { DaemonOptions } from './daemon.ts';
import type { ImageProfile, ProgramLoader } from './profile.ts';
import { daemonOf, singleProgram } from './single-program.ts';

const agnhost: ProgramLoader = async () => (await import('./agnhost.ts')).agnhost;

const FLUENTD: DaemonOptions = {
  ports: [24_224],
  newest: '1.16.9',
  lines: (version) => [
    `[info]: starting fluentd-${version} pid=1 ruby="3.2.9"`,
    '[info]: #0 fluentd worker is now running worker=0',
  ],
  farewell: ['[info]: Received graceful stop', '[info]: Worker 0 finished with status 0'],
  idle: { cpuMilli: 5, memoryMiB: 60 },
};

/** Runs, and says little. */
function quiet(path: string, sizeMiB: number, ports: readonly number[], memoryMiB: number): ImageProfile {
  const idle = { cpuMilli: 2, memoryMiB };
  return singleProgram(path, sizeMiB, daemonOf({ ports, newest: '1.0.0', lines: () => [], idle }), { idle });
}

const pause: ImageProfile = {
  entrypoint: ['/pause'],
  commands: 'none',
  sizeMiB: 1,
  idle: { cpuMilli: 0, memoryMiB: 1 },
  sleeps: true,
};

const fluentd: ImageProfile = {
  entrypoint: ['/entrypoint.sh'],
  cmd: ['fluentd'],
  commands: 'all',
  sizeMiB: 80,
  programs: { fluentd: daemonOf(FLUENTD) },
  idle: FLUENTD.idle,
};

export const KUBERNETES_IMAGES: Readonly<Record<string, ImageProfile>> = {
  pause,
  'pause-amd64': pause,
  agnhost: singleProgram('/agnhost', 50, agnhost, {
    cmd: ['pause'],
    commands: 'busybox',
    idle: { cpuMilli: 1, memoryMiB: 8 },
  }),
  liveness: {
    commands: 'busybox',
    sizeMiB: 2,
    programs: { server: async () => (await import('./agnhost.ts')).livenessServer },
  },
  goproxy: quiet('/goproxy', 2, [8_080], 6),
  fluentd,
  'fluentd-elasticsearch': fluentd,
  'fluentd_elasticsearch/fluentd': fluentd,
  'fluentd-gcp': fluentd,
  'fluent/fluentd': fluentd,
  'fluent/fluent-bit': quiet('/fluent-bit/bin/fluent-bit', 40, [2_020], 12),
  'vish/stress': singleProgram('/stress', 2, async () => (await import('./stress.ts')).vishStress),
  'coredns/coredns': quiet('/coredns', 20, [53, 8_080, 8_181], 16),
  'kube-proxy': quiet('/usr/local/bin/kube-proxy', 26, [10_249, 10_256], 20),
  'metrics-server/metrics-server': quiet('/metrics-server', 20, [4_443], 24),
  'kube-state-metrics/kube-state-metrics': quiet('/kube-state-metrics', 15, [8_080, 8_081], 20),
  'prom/prometheus': quiet('/bin/prometheus', 110, [9_090], 60),
  'prom/node-exporter': quiet('/bin/node_exporter', 12, [9_100], 12),
  'grafana/grafana': quiet('/run.sh', 140, [3_000], 90),
  traefik: quiet('/usr/local/bin/traefik', 50, [80], 30),
};
