/** The containers of a pod, of whichever list. */

import type { Container, PodSpec } from '@orrery/api/gen/types.ts';

/** All containers of a spec with their paths: init, regular, ephemeral. */
export function containersWithPaths(spec: PodSpec, path: string): [container: Container, path: string][] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((key) =>
    (spec[key] ?? []).map((each, index): [Container, string] => [each, `${path}.${key}[${index}]`]),
  );
}
