/** Pages of the Kubernetes documentation on how containers start, end and start again, typed as they say. */

import type { ContainerStatus } from '@orrery/api/gen/types.ts';
import { parseTime } from '@orrery/api/meta.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { Tutorial } from '../support/tutorial.ts';

/** The half minutes of these pages pass in three seconds. */
const SPEED = 10;

let tutorial: Tutorial;

beforeAll(async () => {
  tutorial = await Tutorial.open({ nodes: 3, speed: SPEED });
});
afterAll(() => tutorial.close());

const type = (line: string): Promise<string> => tutorial.type(line);

/** Of `kubectl describe pod`, the lines about one container. */
function section(described: string, container: string): string {
  const lines = described.split('\n');
  const start = lines.indexOf(`  ${container}:`);
  const length = lines.slice(start + 1).findIndex((line) => !line.startsWith('    '));
  return lines.slice(start, start + 1 + length).join('\n');
}

describe.concurrent('"Init Containers"', () => {
  it('wait for Services that do not exist yet, one after the other', async () => {
    await type('kubectl apply -f pods/myapp.yaml');
    await tutorial.untilPrinted('kubectl get -f pods/myapp.yaml', /^myapp-pod +0\/1 +Init:0\/2 +0 +\d+s$/m);
    await tutorial.untilPrinted('kubectl logs myapp-pod -c init-myservice', /^waiting for myservice$/m);
    const described = await type('kubectl describe -f pods/myapp.yaml');
    expect(described).toMatch(/^Status: +Pending$/m);
    expect(section(described, 'init-myservice')).toMatch(/State: +Running/);
    for (const later of ['init-mydb', 'myapp-container']) {
      expect(section(described, later)).toMatch(/State: +Waiting\n +Reason: +PodInitializing/);
    }
    await expect(type('kubectl logs myapp-pod -c init-mydb')).rejects.toThrow(
      'container "init-mydb" in pod "myapp-pod" is waiting to start: PodInitializing',
    );
    expect(await type('kubectl apply -f pods/myapp-services.yaml')).toBe(
      'service/myservice created\nservice/mydb created\n',
    );
    await tutorial.untilReady('myapp-pod');
    expect(await type('kubectl get -f pods/myapp.yaml')).toMatch(/^myapp-pod +1\/1 +Running +0 +\d+[ms]/m);
    expect(await type('kubectl logs myapp-pod')).toBe('The app is running!\n');
  });
});

describe.concurrent('"Configure Pod Initialization"', () => {
  it('serves the page that the init container has fetched', async () => {
    await type('kubectl apply -f pods/init-containers.yaml');
    await tutorial.untilReady('init-demo');
    const inside = 'kubectl exec -i init-demo -- /bin/bash';
    const typed = 'apt-get update >/dev/null; apt-get install -y curl >/dev/null; curl -s localhost';
    expect(await type(`echo '${typed}' | ${inside}`)).toContain('<title>http://info.cern.ch</title>');
  });
});

describe.concurrent('"Debug Init Containers"', () => {
  it('shows which one fails, how often, and what it has said', async () => {
    await type('kubectl apply -f debug/init-broken.yaml');
    await tutorial.untilRestarts('init-broken', 3);
    await tutorial.untilPrinted(
      'kubectl get pod init-broken',
      /^init-broken +0\/1 +Init:CrashLoopBackOff +[3-9] \(\d+s ago\) /m,
    );
    const described = await type('kubectl describe pod init-broken');
    expect(section(described, 'init-works')).toMatch(
      /State: +Terminated\n +Reason: +Completed\n +Exit Code: +0\n(?:.*\n)+ +Ready: +True\n +Restart Count: +0/,
    );
    expect(section(described, 'init-fails')).toMatch(
      /Last State: +Terminated\n +Reason: +Error\n +Exit Code: +1\n(?:.*\n)+ +Ready: +False\n +Restart Count: +[3-9]/,
    );
    const template = '{{range .status.initContainerStatuses}}{{.name}}={{.ready}} {{end}}';
    expect(await type(`kubectl get pod init-broken --template '${template}'`)).toBe(
      'init-works=true init-fails=false ',
    );
    expect(await type('kubectl logs init-broken -c init-fails')).toBe(
      '+ ls /missing\nls: /missing: No such file or directory\n',
    );
  });
});

describe.concurrent('"Understanding Pod status" of the same page', () => {
  it('says Init:Error when an init container has failed for good', async () => {
    await type('kubectl apply -f debug/init-error.yaml');
    await tutorial.until('init-error', 'phase', 'Failed');
    expect(await type('kubectl get pod init-error')).toMatch(/^init-error +0\/1 +Init:Error +0 /m);
  });
});

describe.concurrent('"Sidecar Containers"', () => {
  it('run beside the containers of a Deployment, and ship their logs', async () => {
    await type('kubectl apply -f application/deployment-sidecar.yaml');
    await type('kubectl rollout status deployment/myapp --timeout=60s');
    expect(await type('kubectl get pods -l app=myapp')).toMatch(/^myapp-\S+ +2\/2 +Running +0 /m);
    await tutorial.untilPrinted('kubectl logs deployment/myapp -c logshipper', /^logging\nlogging$/m);
  });

  it('do not keep a pod from its end', async () => {
    await type('kubectl apply -f pods/job-sidecar.yaml');
    await tutorial.until('myjob', 'phase', 'Succeeded');
    expect(await type('kubectl get pod myjob')).toMatch(/^myjob +0\/2 +Completed +0 /m);
    expect(await type('kubectl logs myjob -c logshipper')).toMatch(/^logging$/m);
  });

  it('start in order, each before what follows, and stop in reverse', async () => {
    await type('kubectl apply -f pods/sidecar-order.yaml');
    await tutorial.until('sidecar-order', 'containerStatuses[0].state.terminated.exitCode', 0);
    // What the main container has found when it started.
    expect(await type('kubectl logs sidecar-order -c main')).toBe(
      'first is started\nsetup\nsecond is started\n',
    );
    await tutorial.until('sidecar-order', 'phase', 'Succeeded');
    const { status } = await tutorial.pod('sidecar-order');
    const ends = ['main', 'second', 'first'].map((name) => {
      const all = [...status!.initContainerStatuses!, ...status!.containerStatuses!];
      const { exitCode, finishedAt } = all.find((each) => each.name === name)!.state!.terminated!;
      expect(exitCode).toBe(0);
      return parseTime(finishedAt!) / 1_000;
    });
    // Each takes three seconds, and the first is left alone until the second is gone.
    expect(ends[1]! - ends[0]!).toBeGreaterThanOrEqual(3);
    expect(ends[2]! - ends[1]!).toBeGreaterThanOrEqual(3);
  });
});

describe.concurrent('"Attach Handlers to Container Lifecycle Events"', () => {
  it('runs the postStart handler before the container counts as running, and preStop before it is killed', async () => {
    await type('kubectl apply -f pods/lifecycle-events.yaml');
    await tutorial.untilReady('lifecycle-demo');
    expect(await type('kubectl exec lifecycle-demo -- cat /usr/share/message')).toBe(
      'Hello from the postStart handler\n',
    );
    const log = await tutorial.cluster.startKubectl(['logs', '-f', 'lifecycle-demo']);
    await eventually('the log', async () => log.output.includes('start worker process'));
    const watch = await tutorial.watch('lifecycle-demo', '{.status.containerStatuses[0].state.terminated}');
    await eventually('the watch', async () => watch.output.includes('\n'));
    await type('kubectl delete pod lifecycle-demo');
    expect(await log.ended).toBe(0);
    expect(log.output).toContain('gracefully shutting down');
    // nginx has quit by itself, within its grace period.
    await eventually('its end', async () => watch.output.includes('"exitCode":0'));
    watch.stop();
    await tutorial.untilEvents(
      'lifecycle-demo',
      'Normal Killing Stopping container lifecycle-demo-container',
    );
  });

  it('kills a container whose handler fails, and says so', async () => {
    await type('kubectl apply -f pods/lifecycle-broken.yaml');
    await tutorial.untilEvents(
      'lifecycle-broken',
      'Warning FailedPostStartHook PostStartHook failed',
      'Normal Killing FailedPostStartHook',
    );
    await tutorial.untilRestarts('lifecycle-broken', 1);
  });
});

describe.concurrent('"Determine the Reason for Pod Failure"', () => {
  it('shows what a container has left in its termination log', async () => {
    await type('kubectl apply -f debug/termination.yaml');
    await tutorial.untilRestarts('termination-demo', 1);
    const template = '{{range .status.containerStatuses}}{{.lastState.terminated.message}}{{end}}';
    expect(await type(`kubectl get pod termination-demo -o go-template="${template}"`)).toBe(
      'Sleep expired\n',
    );
    expect(await type('kubectl get pod termination-demo --output=yaml')).toMatch(
      /lastState:\n +terminated:\n +containerID: .*\n +exitCode: 0\n +finishedAt: .*\n +message: \|\n +Sleep expired\n +reason: Completed\n/,
    );
  });

  it.each([
    ['msg-path-demo', 'debug/msg-path.yaml', 'from my log\n'],
    ['fallback-demo', 'debug/fallback-to-logs.yaml', 'oh no\n'],
  ])('takes it from where %s says', async (pod, file, message) => {
    await type(`kubectl apply -f ${file}`);
    await tutorial.until(pod, 'phase', 'Failed');
    const { terminated } = (await tutorial.pod(pod)).status!.containerStatuses![0]!.state!;
    expect(terminated).toMatchObject({ exitCode: 1, reason: 'Error', message });
  });
});

describe.concurrent('"Pod Lifecycle"', () => {
  it('restarts containers as the policy of their pod says', async () => {
    await type('kubectl apply -f pods/restart-policies.yaml');
    const ends = [
      ['exits-0-onfailure', 'Succeeded', 'Completed', 0],
      ['exits-0-never', 'Succeeded', 'Completed', 0],
      ['exits-3-never', 'Failed', 'Error', 3],
    ] as const;
    for (const [pod, phase, reason, exitCode] of ends) {
      await tutorial.until(pod, 'phase', phase);
      const [container] = (await tutorial.pod(pod)).status!.containerStatuses!;
      expect(container).toMatchObject({ restartCount: 0, state: { terminated: { reason, exitCode } } });
      expect(await type(`kubectl get pod ${pod}`)).toMatch(new RegExp(`^${pod} +0/1 +${reason} +0 `, 'm'));
    }
    const restarts = [
      ['exits-0-always', 'Completed', 0],
      ['exits-3-always', 'Error', 3],
      ['exits-3-onfailure', 'Error', 3],
    ] as const;
    for (const [pod, reason, exitCode] of restarts) {
      await tutorial.untilRestarts(pod, 2);
      const { phase, containerStatuses } = (await tutorial.pod(pod)).status!;
      expect([phase, containerStatuses![0]!.lastState!.terminated]).toMatchObject([
        'Running',
        { reason, exitCode },
      ]);
    }
  });

  it('restarts a container in place as its own rules say, whatever the policy of its pod', async () => {
    await type('kubectl apply -f pods/restart-rules.yaml');
    await tutorial.until('restart-rules', 'phase', 'Failed');
    expect((await tutorial.pod('restart-rules')).status?.containerStatuses).toMatchObject([
      {
        restartCount: 1,
        lastState: { terminated: { exitCode: 42 } },
        state: { terminated: { exitCode: 3 } },
      },
    ]);
  });

  it('waits twice as long before each restart, one second first', async () => {
    const watch = await tutorial.watch('back-off', '{.status.containerStatuses[0]}');
    await type('kubectl apply -f pods/back-off.yaml');
    await eventually('eight seconds', async () => /back-off (?:8|16|32)s/.test(watch.output));
    watch.stop();
    const { uid } = (await tutorial.pod('back-off')).metadata;
    // A watcher may miss a status that lasts a tenth of a second; those that it sees are right.
    const seen = watch.output.split('\n').filter((line) => line.startsWith('{'));
    const waits = seen
      .map((line) => JSON.parse(line) as ContainerStatus)
      .filter(({ state }) => state?.waiting?.reason === 'CrashLoopBackOff');
    expect(waits.map(({ state }) => state?.waiting?.message)).toEqual(
      waits.map(({ restartCount }) => {
        // The first restart is at once.
        const delay = `${2 ** (restartCount - 1)}s`;
        return `back-off ${delay} restarting failed container=main pod=back-off_default(${uid})`;
      }),
    );
  });

  it('ends a pod that has been active for too long', async () => {
    await type('kubectl apply -f pods/deadline.yaml');
    await tutorial.until('deadline', 'reason', 'DeadlineExceeded');
    const { status } = await tutorial.pod('deadline');
    expect(status).toMatchObject({
      phase: 'Failed',
      message: 'Pod was active on the node longer than the specified deadline',
    });
    await tutorial.untilEvents('deadline', /^Normal DeadlineExceeded Pod was active on the node longer than/);
  });
});
