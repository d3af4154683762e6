/** Pages of the Kubernetes documentation on looking into pods, typed as they say; over both protocols of kubectl. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { freePort } from '../support/free-port.ts';
import { Tutorial } from '../support/tutorial.ts';

let tutorial: Tutorial;

beforeAll(async () => {
  tutorial = await Tutorial.open({ nodes: 2, nodeAgents: 2 });
});
afterAll(() => tutorial.close());

const type = (line: string): Promise<string> => tutorial.type(line);

/** Somebody who sits at a terminal and types; gives what stands on it at the end. */
const typeOnTerminal = async (line: string, ...typed: readonly string[]): Promise<string> =>
  (await type(`printf '${typed.join('\\n')}\\n' | script -qec '${line}' /dev/null`)).replaceAll('\r', '');

/** Variables in front of kubectl, by protocol. */
const PROTOCOLS = [
  ['WebSocket', ''],
  ['SPDY', 'KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false KUBECTL_PORT_FORWARD_WEBSOCKETS=false '],
] as const;

describe('"Get a Shell to a Running Container"', () => {
  beforeAll(async () => {
    await type('kubectl apply -f application/shell-demo.yaml');
    await tutorial.untilReady('shell-demo');
  });

  it.concurrent.each(PROTOCOLS)('over %s', async (protocol, settings) => {
    const kubectl = `${settings}kubectl`;
    const screen = await typeOnTerminal(
      `${kubectl} exec --stdin --tty shell-demo -- /bin/bash`,
      'ls /',
      'apt-get update',
      'apt-get install -y procps',
      'ps aux | grep nginx',
      'exit',
    );
    expect(screen).toMatch(/^bin +.*\n[^]* var$/m);
    expect(screen).toMatch(/\broot +1 .* nginx/);
    const page = `/usr/share/nginx/html/${protocol}.html`;
    const typed = `echo "Hello shell demo" > ${page}\napt-get install -y curl\ncurl -s http://localhost/${protocol}.html\n`;
    expect(await type(`printf '${typed}' | ${kubectl} exec -i shell-demo -- /bin/bash`)).toMatch(
      /^Hello shell demo$/m,
    );
    expect(await type(`${kubectl} exec shell-demo -- env`)).toContain('KUBERNETES_SERVICE_HOST=10.96.0.1\n');
    expect(await type(`${kubectl} exec shell-demo --container nginx -- ls /`)).toMatch(/^bin\n[^]*^var$/m);
    const copies = `$HOME/${protocol}`;
    expect(
      await type(
        `echo "copied in" > ${copies} && ${kubectl} cp ${copies} shell-demo:/tmp/${protocol} && ` +
          `${kubectl} exec shell-demo -- cp /tmp/${protocol} /tmp/${protocol}-2 && ` +
          `${kubectl} cp shell-demo:/tmp/${protocol}-2 ${copies}-2 && cat ${copies}-2`,
      ),
    ).toMatch(/^copied in$/m);
  });
});

describe('"Debug Running Pods"', () => {
  beforeAll(async () => {
    await type('kubectl run ephemeral-demo --image=registry.k8s.io/pause:3.1 --restart=Never');
    await tutorial.untilReady('ephemeral-demo');
  });

  it.concurrent.each(PROTOCOLS)('with an ephemeral container, over %s', async (_protocol, settings) => {
    await expect(type(`${settings}kubectl exec ephemeral-demo -- sh`)).rejects.toThrow(
      'exec: "sh": executable file not found in $PATH: unknown',
    );
    const line = `${settings}kubectl debug -it ephemeral-demo --image=busybox:1.28 --target=ephemeral-demo`;
    const screen = await typeOnTerminal(line, 'ps', 'echo $((6 * 7)) is printed', 'exit');
    expect(screen).toMatch(/^ +1 .* \/pause$/m);
    expect(screen).toContain('Defaulting debug container name to debugger-');
    const name = /debug container name to (debugger-\w+)/.exec(screen)![1]!;
    expect(screen).toMatch(/(?:^|[#$] )42 is printed$/m);
    expect(await type('kubectl describe pod ephemeral-demo')).toMatch(
      new RegExp(`^Ephemeral Containers:\n[^]*^  ${name}:\n[^]*^    Image: +busybox:1\\.28$`, 'm'),
    );
  });

  it.concurrent('using a copy with a container more', async () => {
    await type('kubectl run myapp --image=busybox:1.28 --restart=Never -- sleep 1d');
    await tutorial.untilReady('myapp');
    const line = 'kubectl debug myapp -it --image=ubuntu --share-processes --copy-to=myapp-debug';
    expect(await typeOnTerminal(line, 'cat /etc/os-release', 'exit')).toContain('NAME="Ubuntu"');
    const { spec } = await tutorial.pod('myapp-debug');
    expect(spec.shareProcessNamespace).toBe(true);
    expect(spec.containers.map(({ image }) => image)).toEqual(['busybox:1.28', 'ubuntu']);
    await type('kubectl debug myapp --copy-to=myapp-images --set-image=*=ubuntu');
    expect((await tutorial.pod('myapp-images')).spec.containers.map(({ image }) => image)).toEqual([
      'ubuntu',
    ]);
    await type('kubectl delete pod myapp myapp-debug myapp-images --now');
  });

  it.concurrent('using a copy with another command, of one that crashes', async () => {
    await type('kubectl run crashing --image=busybox:1.28 -- false');
    await tutorial.untilRestarts('crashing', 1);
    expect(await type('kubectl describe pod crashing')).toMatch(
      /^    Args:\n      false\n[^]*^      Reason: +Error\n      Exit Code: +1$/m,
    );
    const line = 'kubectl debug crashing -it --copy-to=crashing-debug --container=crashing -- sh';
    expect(await typeOnTerminal(line, 'hostname', 'exit')).toMatch(/(?:^|[#$] )crashing-debug$/m);
  });

  it.concurrent('via a shell on the node', async () => {
    const screen = await typeOnTerminal(
      'kubectl debug node/node-1 -it --image=ubuntu',
      'ls /host',
      'hostname',
      'chroot /host cat /etc/os-release',
      'exit',
    );
    expect(screen).toMatch(/^(?:.*# )?NAME="Orrery"$/m);
    expect(screen).toMatch(
      /Creating debugging pod node-debugger-node-1-\w+ with container debugger on node node-1/,
    );
    expect(screen).toMatch(/^etc .*var/m);
    expect(screen).toMatch(/^root@node-1:\/# node-1$/m);
  });
});

describe.concurrent('"Share Process Namespace between Containers in a Pod"', () => {
  it('shows and signals the processes of the other container, and opens its files', async () => {
    await type('kubectl apply -f pods/share-process-namespace.yaml');
    await tutorial.untilReady('nginx');
    const inside = 'kubectl exec nginx -c shell -- ';
    const processes = await type(`${inside}ps ax`);
    expect(processes).toMatch(/^ +1 \S+ +\S+ \/pause$/m);
    const pid = /^ +(\d+) .* nginx\b.* daemon off;$/m.exec(processes)![1]!;
    await type(`${inside}kill -HUP ${pid}`);
    await tutorial.untilPrinted(
      'kubectl logs nginx -c nginx',
      /signal 1 \(SIGHUP\) received, reconfiguring$/m,
    );
    expect(await type(`${inside}head /proc/${pid}/root/etc/nginx/nginx.conf`)).toContain(
      '/etc/nginx/conf.d/',
    );
    expect((await tutorial.pod('nginx')).status?.containerStatuses?.map((each) => each.restartCount)).toEqual(
      [0, 0],
    );
  });
});

describe('kubectl run, attach and logs', () => {
  it.concurrent.each(PROTOCOLS)('over %s', async (protocol, settings) => {
    const kubectl = `${settings}kubectl`;
    const name = `busybox-${protocol.toLowerCase()}`;
    const once = await typeOnTerminal(
      `${kubectl} run -i --tty ${name}-once --rm --restart=Never --image=busybox:1.28 -- sh`,
      'echo $((6 * 7)) is printed',
      'exit',
    );
    expect(once).toMatch(/(?:^|[#$] )42 is printed$/m);
    expect(once).toContain(`pod "${name}-once" deleted`);
    await type(`kubectl run --stdin --tty ${name} --image=busybox:1.28 --restart=Never --attach=false -- sh`);
    await tutorial.untilReady(name);
    const attached = await typeOnTerminal(
      `${kubectl} attach ${name} -c ${name} -i -t`,
      'echo $((6 * 7)) is printed',
      'exit',
    );
    expect(attached).toMatch(/(?:^|[#$] )42 is printed$/m);
    await tutorial.until(name, 'phase', 'Succeeded');
    expect(await type(`kubectl logs ${name}`)).toContain('42 is printed');
  });
});

describe.concurrent('"Logging Architecture"', () => {
  it('shows what a container counts, and what sidecars stream', async () => {
    await type('kubectl apply -f debug/counter-pod.yaml');
    await tutorial.untilPrinted('kubectl logs counter', /^0: \w{3} \w{3} [ \d]\d [\d:]{8} UTC \d{4}\n1: /);
    const followed = await tutorial.cluster.startKubectl(['logs', '-f', '--tail=1', 'counter']);
    await eventually('two more lines', () => Promise.resolve(followed.output.split('\n').length > 3));
    followed.stop();
    expect(await type('kubectl logs counter --timestamps --tail=1')).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z \d+: /,
    );
    await type('kubectl delete pod counter --now');
    await type('kubectl apply -f debug/two-files-counter-pod-streaming-sidecar.yaml');
    await tutorial.untilPrinted('kubectl logs counter count-log-1', /^0: \w{3} .*\n1: /m);
    await tutorial.untilPrinted('kubectl logs counter count-log-2', /^\w{3} .* INFO 0\n.* INFO 1\n/m);
    const streamed = await type('kubectl logs counter --all-containers --prefix --tail=1');
    // kubectl prints the containers in any order.
    expect(streamed).toMatch(/^\[pod\/counter\/count-log-1\] \d+: .*$/m);
    expect(streamed).toMatch(/^\[pod\/counter\/count-log-2\] .* INFO \d+$/m);
  });
});

describe('"Use Port Forwarding to Access Applications in a Cluster"', () => {
  beforeAll(async () => {
    await type(
      'kubectl apply -f service/networking/run-my-nginx.yaml -f service/networking/nginx-svc.yaml && ' +
        'kubectl rollout status deployment/my-nginx --timeout=60s',
    );
  });

  it.concurrent.each(
    PROTOCOLS.flatMap(([protocol, settings]) =>
      ['deployment/my-nginx', 'service/my-nginx'].map((target) => [target, protocol, settings] as const),
    ),
  )('to %s over %s', async (target, _protocol, settings) => {
    const port = await freePort();
    const env = Object.fromEntries(
      settings
        .trim()
        .split(' ')
        .filter((each) => each !== '')
        .map((each) => each.split('=') as [string, string]),
    );
    const forward = await tutorial.cluster.startKubectl(['port-forward', target, `${port}:80`], { env });
    const said = `Forwarding from 127.0.0.1:${port} -> 80`;
    await eventually(said, () => Promise.resolve(forward.output.includes(said)));
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(await answer.text()).toContain('<title>Welcome to nginx!</title>');
    const handled = `Handling connection for ${port}`;
    await eventually(handled, () => Promise.resolve(forward.output.includes(handled)));
    forward.stop();
    await forward.ended;
  });
});
