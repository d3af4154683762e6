/** Brings one autoscaler's target to the planned size, and tells of it. */

import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus, Pod } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { keyOf } from '@orrery/api/meta.ts';
import { HorizontalPodAutoscalers } from '@orrery/api/resources.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ReconcileContext, ReconcileResult } from '@orrery/controller/controller.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { type Plan, planScale, type Warning } from './plan.ts';
import { ScaleHistory } from './scale-history.ts';
import { NoTargetError, type ScaleTarget, type ScaleTargets } from './scale-target.ts';
import { type Finding, statusAfter } from './status.ts';
import type { UsageWindow } from './usage-window.ts';

export interface ReconcilerOptions {
  autoscalers: Lister<HorizontalPodAutoscaler>;
  pods: Lister<Pod>;
  targets: ScaleTargets;
  usage: UsageWindow;
  events: EventRecorder;
  /** The cluster's clock. */
  clock: Clock;
}

/** `--horizontal-pod-autoscaler-sync-period`. */
const SYNC_PERIOD_MS = 15_000;

const SYNC_AGAIN: ReconcileResult = { requeueAfterMs: SYNC_PERIOD_MS };

/** What a sync found out before it came to metrics. */
interface Outcome {
  currentReplicas: number;
  desiredReplicas: number;
  plan: Pick<Plan, 'currentMetrics' | 'findings' | 'warnings'>;
  rescaled: boolean;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  /** By key; what a restart loses, as upstream does. */
  readonly #histories = new Map<string, ScaleHistory>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | void> {
    const autoscaler = this.#options.autoscalers.get(key);
    if (autoscaler === undefined) {
      this.#histories.delete(key);
      return;
    }
    const { outcome, error } = await this.#sync(key, autoscaler, context);
    for (const { reason, message } of outcome.plan.warnings) this.#warn(autoscaler, reason, message);
    await this.#writeStatus(autoscaler, outcome, context);
    if (error !== undefined) throw error;
    return SYNC_AGAIN;
  }

  async #sync(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    context: ReconcileContext,
  ): Promise<{ outcome: Outcome; error?: unknown }> {
    const target = this.#target(autoscaler);
    if (target instanceof NoTargetError) return { outcome: withoutTarget(autoscaler, target) };
    const currentReplicas = target.replicas;
    const history = this.#history(key, currentReplicas);
    const unscalable = this.#selectorProblem(autoscaler, target);
    const nowMs = this.#options.clock.now();
    const plan = unscalable ?? this.#plan(autoscaler, target, history, nowMs);
    if (plan.recommendation !== undefined) history.recommended(plan.recommendation, nowMs);

    const found = { ...plan, findings: [GOT_SCALE, ...plan.findings] };
    const { desiredReplicas, rescaleReason } = plan;
    if (desiredReplicas === currentReplicas) {
      return { outcome: { currentReplicas, desiredReplicas, plan: found, rescaled: false } };
    }
    try {
      await this.#scale(autoscaler, target, desiredReplicas, context);
    } catch (error) {
      const failed = rescaleFailed(found, desiredReplicas, rescaleReason, error);
      return {
        outcome: { currentReplicas, desiredReplicas: currentReplicas, plan: failed, rescaled: false },
        error,
      };
    }
    history.scaled(desiredReplicas - currentReplicas, nowMs);
    const subject = { resource: HorizontalPodAutoscalers, object: autoscaler };
    this.#options.events.normal(
      subject,
      'SuccessfulRescale',
      `New size: ${desiredReplicas}; reason: ${rescaleReason}`,
    );
    context.logger.info({ currentReplicas, desiredReplicas, reason: rescaleReason }, 'target scaled');
    found.findings.push({
      type: 'AbleToScale',
      status: 'True',
      reason: 'SucceededRescale',
      message: `the HPA controller was able to update the target scale to ${desiredReplicas}`,
    });
    return { outcome: { currentReplicas, desiredReplicas, plan: found, rescaled: true } };
  }

  #target({ metadata, spec }: HorizontalPodAutoscaler): ScaleTarget | NoTargetError {
    try {
      return this.#options.targets.get(metadata.namespace, spec.scaleTargetRef);
    } catch (error) {
      if (error instanceof NoTargetError) return error;
      throw error;
    }
  }

  /** After a restart the present size counts as recommended, so that nothing is taken away rashly. */
  #history(key: string, currentReplicas: number): ScaleHistory {
    let history = this.#histories.get(key);
    if (history === undefined) this.#histories.set(key, (history = new ScaleHistory()));
    if (history.isEmpty) history.recommended(currentReplicas, this.#options.clock.now());
    return history;
  }

  #plan(
    autoscaler: HorizontalPodAutoscaler,
    target: ScaleTarget,
    history: ScaleHistory,
    nowMs: number,
  ): Plan {
    return planScale({
      spec: autoscaler.spec,
      currentReplicas: target.replicas,
      pods: this.#podsOf(autoscaler, target),
      usage: this.#options.usage,
      history,
      nowMs,
    });
  }

  #podsOf({ metadata }: HorizontalPodAutoscaler, { matcher }: ScaleTarget): Pod[] {
    return this.#options.pods.list(metadata.namespace).filter((pod) => matcher(pod.metadata.labels));
  }

  /** Pods that cannot be told apart cannot be counted (horizontal.go, validateAndParseSelector). */
  #selectorProblem(autoscaler: HorizontalPodAutoscaler, target: ScaleTarget): Plan | undefined {
    if (target.selector === '') {
      return noPods(target, 'InvalidSelector', "the HPA target's scale is missing a selector", {
        reason: 'SelectorRequired',
        message: 'selector is required',
      });
    }
    const others = this.#options.autoscalers
      .list(autoscaler.metadata.namespace)
      .filter((other) => other !== autoscaler && other.metadata.name !== autoscaler.metadata.name);
    const rivals = others.filter((other) => this.#selectsSamePods(autoscaler, target, other));
    if (rivals.length === 0) return undefined;
    const names = [autoscaler, ...rivals].map(keyOf).sort().join(' ');
    const message = `pods by selector ${target.selector} are controlled by multiple HPAs: [${names}]`;
    return noPods(target, 'AmbiguousSelector', message, { reason: 'AmbiguousSelector', message });
  }

  #selectsSamePods(
    autoscaler: HorizontalPodAutoscaler,
    target: ScaleTarget,
    other: HorizontalPodAutoscaler,
  ): boolean {
    const rival = this.#target(other);
    if (rival instanceof NoTargetError) return false;
    return this.#podsOf(autoscaler, target).some((pod) => rival.matcher(pod.metadata.labels));
  }

  async #scale(
    { metadata, spec }: HorizontalPodAutoscaler,
    { resource }: ScaleTarget,
    replicas: number,
    { client }: ReconcileContext,
  ): Promise<void> {
    await client.updateScale(
      resource,
      { namespace: metadata.namespace, name: spec.scaleTargetRef.name },
      replicas,
    );
  }

  #warn(autoscaler: HorizontalPodAutoscaler, reason: string, message: string): void {
    this.#options.events.warning({ resource: HorizontalPodAutoscalers, object: autoscaler }, reason, message);
  }

  async #writeStatus(
    autoscaler: HorizontalPodAutoscaler,
    { currentReplicas, desiredReplicas, plan, rescaled }: Outcome,
    { client }: ReconcileContext,
  ): Promise<void> {
    const before = autoscaler.status;
    const { currentMetrics, findings } = plan;
    const nowMs = this.#options.clock.now();
    const after = statusAfter({
      before,
      currentReplicas,
      desiredReplicas,
      currentMetrics,
      findings,
      rescaled,
      nowMs,
    });
    if (jsonEqual(before, after)) return;
    // A patch, since a conflict here would repeat a scaling that has been done already.
    await client.patch(
      HorizontalPodAutoscalers,
      autoscaler.metadata,
      'merge',
      { status: patchOf(after) },
      'status',
    );
  }
}

const GOT_SCALE: Finding = {
  type: 'AbleToScale',
  status: 'True',
  reason: 'SucceededGetScale',
  message: "the HPA controller was able to get the target's current scale",
};

/** A merge patch keeps what it does not name: what is gone must be named. */
function patchOf(status: HorizontalPodAutoscalerStatus): Record<string, unknown> {
  return { currentMetrics: null, ...status };
}

function withoutTarget({ status }: HorizontalPodAutoscaler, { message }: NoTargetError): Outcome {
  return {
    currentReplicas: status?.currentReplicas ?? 0,
    desiredReplicas: status?.desiredReplicas ?? 0,
    plan: {
      currentMetrics: status?.currentMetrics ?? [],
      findings: [
        {
          type: 'AbleToScale',
          status: 'False',
          reason: 'FailedGetScale',
          message: `the HPA controller was unable to get the target's current scale: ${message}`,
        },
      ],
      warnings: [{ reason: 'FailedGetScale', message }],
    },
    rescaled: false,
  };
}

function noPods(target: ScaleTarget, reason: string, message: string, warning: Warning): Plan {
  return {
    desiredReplicas: target.replicas,
    rescaleReason: '',
    currentMetrics: [],
    findings: [{ type: 'ScalingActive', status: 'False', reason, message }],
    warnings: [warning],
    recommendation: undefined,
  };
}

function rescaleFailed(plan: Plan, desiredReplicas: number, reason: string, error: unknown): Plan {
  const why = error instanceof Error ? error.message : String(error);
  return {
    ...plan,
    findings: [
      ...plan.findings,
      {
        type: 'AbleToScale',
        status: 'False',
        reason: 'FailedUpdateScale',
        message: `the HPA controller was unable to update the target scale: ${why}`,
      },
    ],
    warnings: [
      ...plan.warnings,
      { reason: 'FailedRescale', message: `New size: ${desiredReplicas}; reason: ${reason}; error: ${why}` },
    ],
  };
}
