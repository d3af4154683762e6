/** Where things of the checkout are. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout: the directory of the launcher. */
export const projectRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** What is unpacked or downloaded and may be removed at any time. */
export const cacheDirectory = join(projectRoot, 'node_modules', '.cache');

/** The data directory when `--data` is not given. */
export const defaultDataDirectory = join(projectRoot, '.orrery');
