/** Pods from templates (k8s.io/kubernetes/pkg/controller/controller_utils.go, GetPodFromTemplate): pure. */

import type { Draft, OwnerReference, Pod, PodTemplateSpec } from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';

const LONGEST_NAME = 253;

/** What the names of an owner's pods begin with: its name and a dash, if there is room for one (`getPodsPrefix`). */
function podNamePrefix(ownerName: string): string {
  return ownerName.length < LONGEST_NAME ? `${ownerName}-` : ownerName;
}

/** A pod from the template, managed by `owner`. */
export function podFromTemplate(
  template: PodTemplateSpec,
  namespace: string,
  owner: OwnerReference,
): Draft<Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    metadata: {
      namespace,
      generateName: podNamePrefix(owner.name),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [owner],
    },
    spec: jsonClone(template.spec ?? { containers: [] }),
  };
}
