/** The ephemeralcontainers subresource of pods: containers to look around with, which are only ever added. */

import type { EphemeralContainer, Pod } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import type { PartUpdate } from './definition.ts';
import { MIRROR_ANNOTATION } from './pod-annotations.ts';

/** Everything wrong with the change (`ValidatePodEphemeralContainersUpdate`, KEP-277). */
function checkOnlyAdded({ spec }: Pod, { metadata, spec: stored }: Pod): FieldError[] {
  if (metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) {
    return [field.forbidden('', 'static pods do not support ephemeral containers')];
  }
  const errors: FieldError[] = [];
  const byName = new Map<string, EphemeralContainer>();
  for (const container of spec.ephemeralContainers ?? []) byName.set(container.name, container);
  for (const before of stored.ephemeralContainers ?? []) {
    const now = byName.get(before.name);
    if (now !== undefined && jsonEqual(now, before)) continue;
    const what = now === undefined ? 'removed' : 'changed';
    const why = `existing ephemeral containers ${JSON.stringify(before.name)} may not be ${what}\n`;
    errors.push(field.forbidden('spec.ephemeralContainers', why));
  }
  return errors;
}

export const ephemeralContainersPart: PartUpdate<Pod> = {
  merge: (request, stored) => {
    const { ephemeralContainers: _before, ...spec } = stored.spec;
    const { ephemeralContainers = [] } = request.spec;
    return { ...stored, spec: ephemeralContainers.length === 0 ? spec : { ...spec, ephemeralContainers } };
  },
  validate: checkOnlyAdded,
};
