/** The HorizontalPodAutoscaler controller (k8s.io/kubernetes/pkg/controller/podautoscaler). */

import { jsonEqual } from '@orrery/api/json.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { HorizontalPodAutoscalers, Pods } from '@orrery/api/resources.ts';
import { subscribeUsage } from '@orrery/client/usage.ts';
import type { Controller } from '@orrery/controller/controller.ts';
import type { LeaderContext } from '@orrery/controller/leader-service.ts';
import { Reconciler } from './reconcile.ts';
import { ScaleTargets } from './scale-target.ts';
import { UsageWindow } from './usage-window.ts';

/** Collects usage from the start, so that a replica that begins to lead knows the last minute. */
export function horizontalPodAutoscaler({ informers, broker, clock, recorder }: LeaderContext): Controller {
  const autoscalers = informers.of(HorizontalPodAutoscalers);
  const pods = informers.of(Pods);
  const usage = new UsageWindow();
  subscribeUsage(broker, (batch) => usage.record(batch));
  const reconciler = new Reconciler({
    autoscalers: autoscalers.lister,
    pods: pods.lister,
    targets: new ScaleTargets(informers),
    usage,
    events: recorder({ component: 'horizontal-pod-autoscaler' }),
    clock,
  });
  return {
    name: 'horizontal-pod-autoscaler',
    workers: 5,
    setup(queue) {
      autoscalers.addHandler({
        add: (autoscaler) => queue.add(keyOf(autoscaler)),
        update: (autoscaler, before) => {
          // Its own status is no news.
          if (!jsonEqual(autoscaler.spec, before.spec)) queue.add(keyOf(autoscaler));
        },
        delete: (autoscaler) => queue.add(keyOf(autoscaler)),
      });
      pods.addHandler({ delete: ({ metadata }) => usage.forget(metadata.uid) });
    },
    reconcile: (key, context) => reconciler.reconcile(key, context),
  };
}
