/** `./orrery pods` */

import { type ClientOptions, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { wallTime } from '@orrery/kit/cluster-clock.ts';
import {
  type Container,
  type ListContainersResponse,
  type ListPodSandboxResponse,
  type PodSandbox,
  RuntimeClient,
} from '@orrery/proto/orrery/runtime.ts';
import { CliError } from '../cli-error.ts';
import { nodeAgentPort, readClusterRecord } from '../cluster-record.ts';
import type { Call } from '../command.ts';
import type { podsFlags } from '../command-flags.ts';
import { NotRunning } from '../supervisor/control-client.ts';
import { formatTable } from '../table.ts';
import { print } from '../terminal.ts';

/** How long a node agent may take for an answer, in real milliseconds. */
const LIMIT_MS = 10_000;

const OPTIONS: Partial<ClientOptions> = {
  // On loopback, whatever proxy the user has.
  'grpc.enable_http_proxy': 0,
  // Ten thousand pods of one agent.
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
};

/** What a node agent's runtime has. */
export interface Listing {
  sandboxes: readonly PodSandbox[];
  containers: readonly Container[];
}

/** Lines like those of crictl: each sandbox with its containers. By node and pod, in the order of creation. Pure. */
export function podLines({ sandboxes, containers }: Listing): string[] {
  const header = ['NODE', 'POD', 'CONTAINER', 'ID', 'STATE', 'ATTEMPT', 'CREATED', 'IP'];
  const bySandbox = Map.groupBy(containers, ({ podSandboxId }) => podSandboxId);
  const rows = sandboxes.toSorted(byPlace).flatMap((sandbox) => {
    const { id, node, namespace, name, attempt, createdAtMs, ip } = sandbox;
    const pod = `${namespace}/${name}`;
    const row = [node, pod, '-', shortId(id), sandboxState(sandbox), String(attempt), time(createdAtMs), ip];
    const own = (bySandbox.get(id) ?? []).map((each) => containerRow(node, pod, each));
    return [row, ...own];
  });
  return formatTable([header, ...rows], new Set([5]));
}

/** Numbers in names count as numbers: node-2 comes before node-10. */
function byPlace(a: PodSandbox, b: PodSandbox): number {
  const order = new Intl.Collator('en', { numeric: true });
  return (
    order.compare(a.node, b.node) ||
    order.compare(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`) ||
    a.attempt - b.attempt
  );
}

function containerRow(node: string, pod: string, container: Container): string[] {
  const { name, id, attempt, createdAtMs } = container;
  return [node, pod, name, shortId(id), containerState(container), String(attempt), time(createdAtMs), ''];
}

/** As crictl shortens ids. */
function shortId(id: string): string {
  return id.slice(0, 13);
}

function sandboxState({ state }: PodSandbox): string {
  return state === 'SANDBOX_READY' ? 'Ready' : 'NotReady';
}

function containerState({ state, exitCode, reason }: Container): string {
  switch (state) {
    case 'CONTAINER_CREATED':
      return 'Created';
    case 'CONTAINER_RUNNING':
      return 'Running';
    default:
      return `Exited (${exitCode ?? 0}, ${reason ?? 'Completed'})`;
  }
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace('.000', '');
}

export async function run({ flags, positionals, data }: Call<typeof podsFlags>): Promise<number> {
  const [node = ''] = positionals;
  const record = await readClusterRecord(data);
  if (record === undefined) throw new NotRunning(data);
  const { ports, options } = record;
  const agents = Array.from({ length: options.nodeAgents }, (_, place) =>
    nodeAgentPort(ports, place, 'grpc'),
  );
  const listings = await Promise.all(agents.map((port) => listingOf(port, node)));
  const listing = {
    sandboxes: listings.flatMap(({ sandboxes }) => sandboxes),
    containers: listings.flatMap(({ containers }) => containers),
  };
  if (flags.json) print(JSON.stringify(listing, undefined, 2));
  else for (const line of podLines(listing)) print(line);
  return 0;
}

/** @throws CliError when the node agent does not answer */
async function listingOf(port: number, node: string): Promise<Listing> {
  const client = new RuntimeClient(`127.0.0.1:${port}`, credentials.createInsecure(), OPTIONS);
  const deadline = { deadline: new Date(wallTime() + LIMIT_MS) };
  try {
    const [sandboxes, containers] = await Promise.all([
      answer<ListPodSandboxResponse>(
        (done) => void client.listPodSandbox({ node }, new Metadata(), deadline, done),
      ),
      answer<ListContainersResponse>(
        (done) => void client.listContainers({ node, podSandboxId: '' }, new Metadata(), deadline, done),
      ),
    ]);
    return { sandboxes: sandboxes.items, containers: containers.items };
  } catch (error) {
    const { details } = error as ServiceError;
    throw new CliError(`the node agent does not answer on port ${port} (${details}); "./orrery ps" shows it`);
  } finally {
    client.close();
  }
}

function answer<T>(ask: (done: (error: ServiceError | null, response: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    ask((error, response) => (error === null ? resolve(response) : reject(error))),
  );
}
