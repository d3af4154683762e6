/** Annotations of nodes from before there were fields for what they say (`ValidateNodeSpecificAnnotations`). */

import type { Taint } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkJsonText } from './fields.ts';
import { checkTaints } from './scheduling.ts';

const TAINTS = 'scheduler.alpha.kubernetes.io/taints';
const AVOID_PODS = 'scheduler.alpha.kubernetes.io/preferAvoidPods';

interface AvoidPods {
  preferAvoidPods?: { podSignature?: { podController?: { controller?: boolean } } }[];
}

/** Nothing reads them any more, but they must be well-formed. `path` is that of the annotations. */
export function checkNodeAnnotations(
  annotations: Readonly<Record<string, string>> = {},
  path: string,
  errors: FieldError[],
): void {
  const { [TAINTS]: taints = '', [AVOID_PODS]: avoid = '' } = annotations;
  if (taints !== '') {
    checkJsonText(taints, TAINTS, path, errors, (value) => {
      if (!Array.isArray(value)) throw new TypeError('not a list of taints');
      checkTaints(value as Taint[], `${path}.${TAINTS}`, errors);
    });
  }
  if (avoid !== '') {
    checkJsonText(avoid, AVOID_PODS, `${path}.AvoidPods`, errors, (value) => {
      for (const [index, { podSignature }] of ((value as AvoidPods).preferAvoidPods ?? []).entries()) {
        const at = `${path}.${AVOID_PODS}[${index}].PodSignature`;
        const controller = podSignature?.podController;
        if (controller === undefined) errors.push(field.required(at));
        else if (controller.controller !== true) {
          const where = `${at}.PodController.Controller`;
          errors.push(field.invalid(where, false, 'must point to a controller'));
        }
      }
    });
  }
}
