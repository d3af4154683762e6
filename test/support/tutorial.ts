/** A cluster on which pages of the Kubernetes documentation are typed in as they stand. */

import type { Event, Pod } from '@orrery/api/gen/types.ts';
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

  /** `pod` may be followed by flags: `memory-demo -n mem-example`. */
  pod(pod: string): Promise<Pod> {
    return this.cluster.get<Pod>('pod', ...pod.split(' '));
  }

  /** Waits until a field of a pod's status, such as `phase`, has this value. */
  async until(pod: string, field: string, value: string | number): Promise<void> {
    await this.type(`kubectl wait --for=jsonpath='{.status.${field}}'=${value} pod ${pod} --timeout=60s`);
  }

  async untilReady(pod: string): Promise<void> {
    await this.type(`kubectl wait --for=condition=Ready pod ${pod} --timeout=60s`);
  }

  /** Waits until a container of a pod, of any kind, has started again at least so often. */
  async untilRestarts(pod: string, count: number): Promise<void> {
    await eventually(`${count} restarts of ${pod}`, async () => {
      const { initContainerStatuses = [], containerStatuses = [] } = (await this.pod(pod)).status ?? {};
      return [...initContainerStatuses, ...containerStatuses].some(
        ({ restartCount }) => restartCount >= count,
      );
    });
  }

  /** Follows a part of a pod, such as `{.status.phase}`: each time the pod changes, one more line. */
  watch(pod: string, jsonPath: string): Promise<RunningKubectl> {
    const selector = `--field-selector=metadata.name=${pod}`;
    return this.cluster.startKubectl([
      'get',
      'pod',
      '--watch',
      selector,
      '-o',
      `jsonpath=${jsonPath}{"\\n"}`,
    ]);
  }

  /** Waits for events on an object, each as `kubectl describe` has them: "Normal Started Started container web". */
  async untilEvents(object: string, ...expected: readonly (string | RegExp)[]): Promise<void> {
    const [name = '', ...flags] = object.split(' ');
    await eventually(`events of ${object}`, async () => {
      const selector = `involvedObject.name=${name}`;
      const { items } = await this.cluster.get<{ items: Event[] }>(
        'events',
        ...flags,
        '--field-selector',
        selector,
      );
      const seen = items.map(({ type, reason, message }) => `${type} ${reason} ${message?.trimEnd()}`);
      const isSeen = (wanted: string | RegExp): boolean =>
        seen.some((event) => (typeof wanted === 'string' ? event === wanted : wanted.test(event)));
      const missing = expected.filter((wanted) => !isSeen(wanted));
      if (missing.length > 0) throw new Error(`no ${missing.join('; ')} among ${seen.join('; ')}`);
      return true;
    });
  }

  /** Waits until a command prints what is expected. */
  async untilPrinted(line: string, expected: RegExp): Promise<void> {
    await eventually(`${line} prints ${expected}`, async () => {
      const printed = await this.type(line);
      if (!expected.test(printed)) throw new Error(printed);
      return true;
    });
  }
}
