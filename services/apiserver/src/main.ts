import { runService } from '@orrery/kit/service.ts';
import { startApiserver } from './apiserver.ts';
import { loadConfig } from './config.ts';

await runService({ name: 'apiserver', config: loadConfig, start: startApiserver });
