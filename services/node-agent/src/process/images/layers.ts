/** The files of images. */

import { baseLayer, imageLayer } from '../../files/base-layer.ts';
import type { ImageLayer } from '../../files/image-layer.ts';
import { commandsOf } from '../programs.ts';
import { knownImage } from './catalog.ts';
import type { ImageProfile } from './profile.ts';

/** Made once for each kind of image. */
const layers = new Map<ImageProfile | undefined, ImageLayer>();

function programPaths({ programs = {}, entrypoint = [] }: ImageProfile): string[] {
  const path = entrypoint[0] ?? '';
  return Object.keys(programs).map((name) => (path.endsWith(`/${name}`) ? path : `/usr/local/bin/${name}`));
}

/** What a container of the image finds before it has written anything. */
export function layerOf(image: string): ImageLayer {
  const profile = knownImage(image)?.profile;
  let layer = layers.get(profile);
  if (layer === undefined) {
    const { workingDir } = profile ?? {};
    const own = {
      ...Object.fromEntries(
        (profile === undefined ? [] : programPaths(profile)).map((path) => [
          path,
          { content: '', mode: 0o755 },
        ]),
      ),
      ...profile?.files?.(),
      ...(workingDir === undefined ? {} : { [workingDir]: { directory: true as const } }),
    };
    const commands = commandsOf(profile?.commands ?? 'all');
    layer = commands.length === 0 && profile === undefined ? baseLayer() : imageLayer(own, commands);
    layers.set(profile, layer);
  }
  return layer;
}
