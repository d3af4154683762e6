/** The machine that every simulated node is, as its Node object, its /proc and the commands in its pods tell. */

export const OS_IMAGE = 'Orrery simulated node';

export const KERNEL_VERSION = '6.12.0-orrery';

export const PROCESSORS = 4;

export const MEMORY_GIB = 16;
