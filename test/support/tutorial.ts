/** A cluster on which pages of the Kubernetes documentation are typed in as they stand. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { type ClusterOptions, eventually, type RunningKubectl, TestCluster } from './cluster.ts';

export class Tutorial {
  readonly cluster: TestCluster;

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  static async open(options: ClusterOptions): Promise<Tutorial> {
    return new Tutorial(await TestCluster.start(options));
  }

  close(): Promise<void> {
    return this.cluster.remove();
  }

  /** Runs a line of shell and gives what it prints (TestCluster.type). */
  type(line: string): Promise<string> {
    return this.cluster.type(line);
  }

  /** `pod` may be followed by flags, here and below: `memory-demo -n mem-example`. */
  pod(pod: string): Promise<Pod> {
    return this.cluster.get<Pod>('pod', ...pod.split(' '));
  }

  /** Follows a part of a pod, such as `{.status.phase}`: each time the pod changes, one more line. */
  watch(pod: string, jsonPath: string): Promise<RunningKubectl> {
    return this.#watch('pods', 'metadata.name', pod, jsonPath);
  }

  /** Waits until a field of a pod's status, such as `phase`, has this value. */
  async until(pod: string, field: string, value: string | number): Promise<void> {
    await this.type(`kubectl wait --for=jsonpath='{.status.${field}}'=${value} pod ${pod} --timeout=60s`);
  }

  async untilReady(pod: string): Promise<void> {
    await this.type(`kubectl wait --for=condition=Ready pod ${pod} --timeout=60s`);
  }

  /** Waits until a container of a pod has started again at least so often. */
  async untilRestarts(pod: string, count: number): Promise<void> {
    const counts =
      '{.status.initContainerStatuses[*].restartCount} {.status.containerStatuses[*].restartCount}';
    const watch = await this.watch(pod, counts);
    try {
      await eventually(`${count} restarts of ${pod}`, async () =>
        watch.output.split(/\s+/).some((seen) => Number(seen) >= count),
      );
    } finally {
      watch.stop();
    }
  }

  /** Waits for events on an object, each as `kubectl describe` has them: "Normal Started Started container web". */
  async untilEvents(object: string, ...expected: readonly (string | RegExp)[]): Promise<void> {
    const watch = await this.#watch('events', 'involvedObject.name', object, '{.type} {.reason} {.message}');
    try {
      await eventually(`events of ${object}`, async () => {
        const seen = watch.output.split('\n').map((line) => line.trimEnd());
        const isSeen = (wanted: string | RegExp): boolean =>
          seen.some((event) => (typeof wanted === 'string' ? event === wanted : wanted.test(event)));
        const missing = expected.filter((wanted) => !isSeen(wanted));
        if (missing.length > 0) throw new Error(`no ${missing.join('; ')} among ${seen.join('; ')}`);
        return true;
      });
    } finally {
      watch.stop();
    }
  }

  /** Waits until a command prints what is expected. */
  async untilPrinted(line: string, expected: RegExp): Promise<void> {
    await eventually(`${line} prints ${expected}`, async () => {
      const printed = await this.type(line);
      if (!expected.test(printed)) throw new Error(printed);
      return true;
    });
  }

  #watch(resource: string, field: string, object: string, jsonPath: string): Promise<RunningKubectl> {
    const [name = '', ...flags] = object.split(' ');
    const selector = `--field-selector=${field}=${name}`;
    const output = `jsonpath=${jsonPath}{"\\n"}`;
    return this.cluster.startKubectl(['get', resource, '--watch', selector, ...flags, '-o', output]);
  }
}
