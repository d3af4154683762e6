/** A part of the document whose statements are tried on one cluster, each in a namespace of its own. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject, Pod } from '@orrery/api/gen/types.ts';
import { eventually, TestCluster } from './cluster.ts';

export class Chapter {
  readonly cluster: TestCluster;
  #namespaces = 0;
  #namespace = '';

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  static async open(nodes: number): Promise<Chapter> {
    return new Chapter(await TestCluster.start({ nodes }));
  }

  close(): Promise<void> {
    return this.cluster.remove();
  }

  /** Before each statement. */
  async begin(): Promise<void> {
    this.#namespaces += 1;
    this.#namespace = `document-${this.#namespaces}`;
    await this.cluster.kubectlOk(['create', 'namespace', this.#namespace]);
  }

  /** After each statement. */
  async end(): Promise<void> {
    await this.cluster.kubectlOk(['delete', 'namespace', this.#namespace, '--wait=false']);
  }

  /** What kubectl prints in the namespace of this statement. */
  kubectl(...args: string[]): Promise<string> {
    return this.cluster.kubectlOk(['-n', this.#namespace, ...args]);
  }

  /** kubectl apply of a file of test/manifests; `change` makes the text another one. */
  apply(manifest: string, change: (text: string) => string = (text) => text): Promise<string> {
    const text = readFileSync(join(import.meta.dirname, '../manifests', manifest), 'utf8');
    return this.cluster.kubectlOk(['-n', this.#namespace, 'apply', '-f', '-'], { input: change(text) });
  }

  get<T extends KubeObject>(kind: string, name: string): Promise<T> {
    return this.cluster.get<T>('-n', this.#namespace, kind, name);
  }

  async list<T extends KubeObject>(kind: string, ...flags: string[]): Promise<T[]> {
    return (await this.cluster.get<{ items: T[] }>('-n', this.#namespace, kind, ...flags)).items;
  }

  /** Waits until there are just so many pods, all of them ready. */
  readyPods(count: number): Promise<Pod[]> {
    return eventually(`${count} ready pods and no other`, async () => {
      const pods = await this.list<Pod>('pods');
      return pods.length === count && pods.every(isReady) ? pods : undefined;
    });
  }
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

export const namesOf = (objects: readonly KubeObject[]): string[] =>
  objects.map(({ metadata }) => metadata.name).sort();
