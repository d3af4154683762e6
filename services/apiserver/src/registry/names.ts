/** Syntax of names, keys and values, which others check too. */

export * from '@orrery/api/names.ts';
