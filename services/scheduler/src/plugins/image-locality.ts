/** Prefers nodes that have the images already (pkg/scheduler/framework/plugins/imagelocality). */

import type { PodSpec } from '@orrery/api/gen/types.ts';
import { normalizedImage } from '../snapshot/node-images.ts';
import { MAX_NODE_SCORE, type ScorePlugin } from './plugin.ts';

const MEBIBYTE = 1024 * 1024;
/** Less than this is not worth a detour, and more than this makes no difference any more. */
const MIN_BYTES = 23 * MEBIBYTE;
const MAX_BYTES_PER_CONTAINER = 1000 * MEBIBYTE;

function imagesOf({ containers, initContainers = [] }: PodSpec): string[] {
  return [...containers, ...initContainers].flatMap(({ image }) =>
    image === undefined ? [] : [normalizedImage(image)],
  );
}

export const imageLocality: ScorePlugin = {
  name: 'ImageLocality',
  weight: 1,
  preScore({ pod: { spec } }, _feasible, snapshot) {
    const images = imagesOf(spec);
    const present = images.filter((image) => snapshot.nodesWithImage(image) > 0);
    if (present.length === 0) return undefined;
    const maxBytes = MAX_BYTES_PER_CONTAINER * images.length;
    const nodeCount = snapshot.nodes.length;
    return {
      score(node) {
        let bytes = 0;
        for (const image of present) {
          const size = node.images.get(image);
          // An image that few nodes have counts for less: not all pods shall go to one node.
          if (size !== undefined) bytes += Math.trunc((size * snapshot.nodesWithImage(image)) / nodeCount);
        }
        const counted = Math.min(Math.max(bytes, MIN_BYTES), maxBytes);
        return Math.trunc((MAX_NODE_SCORE * (counted - MIN_BYTES)) / (maxBytes - MIN_BYTES));
      },
    };
  },
};
