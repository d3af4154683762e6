/** A FakeCluster with the controllers of workloads at work, and pods that start when told. */

import type { ControllerFactory } from '@orrery/controller/controller.ts';
import type { Pod } from '@orrery/api/gen/types.ts';
import { formatTime, keyOf } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import { deploymentController } from '../deployment/index.ts';
import { isPodActive, isPodReady } from '../pods.ts';
import { replicaSetController } from '../replica-set/index.ts';
import { ControllerUnderTest, settle } from './controller-under-test.ts';
import { FakeCluster } from './fake-cluster.ts';
import { FakeInformers } from './fake-informers.ts';

export class WorkloadCluster extends FakeCluster {
  controllers: ControllerUnderTest[] = [];
  readonly #factories: readonly ControllerFactory[];

  constructor(factories: readonly ControllerFactory[] = [deploymentController, replicaSetController]) {
    super();
    this.#factories = factories;
    this.restart();
  }

  /** The controllers lose their memory and begin with fresh caches, as after a crash. */
  restart(): void {
    this.informers = new FakeInformers((resource) => this.all(resource));
    this.controllers = this.#factories.map((factory) => new ControllerUnderTest(this, factory));
  }

  settle(): Promise<void> {
    return settle(this.controllers);
  }

  /** Every pod that is not ready becomes so, until the controllers have nothing left to do. */
  async runToEnd(): Promise<void> {
    for (let round = 0; round < 50; round += 1) {
      await this.settle();
      const waiting = this.all(Pods).filter((each) => isPodActive(each) && !isPodReady(each));
      if (waiting.length === 0) return;
      for (const each of waiting) this.becomeReady(each);
    }
    throw new Error('pods keep coming');
  }

  becomeReady(pod: Pod): void {
    this.change(Pods, keyOf(pod), (copy) => {
      copy.status = {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: formatTime(this.clock.now()) }],
      };
    });
  }
}
