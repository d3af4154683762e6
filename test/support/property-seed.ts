/**
 * Properties are tried with the same cases every time, so that what fails is what was changed.
 * ORRERY_PROPERTY_SEED chooses other cases: a number, for a search that goes on.
 */

import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['ORRERY_PROPERTY_SEED'] ?? '1') });
