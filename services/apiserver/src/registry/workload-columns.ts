/** Columns of kinds with a pod template: what it runs and what it selects. */

import type { KubeObject, LabelSelector, PodTemplateSpec } from '@orrery/api/gen/types.ts';
import { formatLabelSelector, type Labels } from '@orrery/api/selectors.ts';
import { wideColumn } from './columns.ts';
import type { Column } from './definition.ts';
import { formatLabels } from './selectors.ts';

interface Workload extends KubeObject {
  spec: { template?: PodTemplateSpec; selector?: unknown };
}

const containersOf = ({ spec }: Workload): { name: string; image?: string }[] =>
  spec.template?.spec?.containers ?? [];

export const templateColumns: readonly Column<Workload>[] = [
  wideColumn('Containers', (workload) =>
    containersOf(workload)
      .map((each) => each.name)
      .join(','),
  ),
  wideColumn('Images', (workload) =>
    containersOf(workload)
      .map((each) => each.image ?? '')
      .join(','),
  ),
];

export const labelSelectorColumn: Column<KubeObject & { spec: { selector?: LabelSelector } }> = wideColumn(
  'Selector',
  ({ spec }) => formatLabelSelector(spec.selector ?? {}),
);

export const mapSelectorColumn: Column<KubeObject & { spec: { selector?: Labels } }> = wideColumn(
  'Selector',
  ({ spec }) => formatLabels(spec.selector),
);
