/** The HTTPS server for clients: from a connection to the handler of a request, and back to an answer. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Metrics } from '@orrery/kit/metrics.ts';
import { newUid } from '@orrery/kit/random.ts';
import { methodNotAllowed } from '@orrery/api/status-error.ts';
import type { Pki } from '../pki/pki.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { Api } from '../verbs/api.ts';
import { ANONYMOUS, authenticate, authorize, type User } from './auth.ts';
import { createCatalog } from './catalog.ts';
import { Discovery } from './discovery.ts';
import type { Edge } from './edge.ts';
import { sendError, statusErrorOf } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { type HealthCheck, HealthEndpoint } from './health-endpoint.ts';
import { plainForms } from './negotiation.ts';
import { OpenApiEndpoint } from './openapi-endpoint.ts';
import { type RequestInfo, requestInfo } from './request-info.ts';
import { RequestMetrics } from './request-metrics.ts';
import { serveResource } from './resources.ts';
import { sendJson, sendText } from './respond.ts';
import { Router } from './router.ts';
import { VERSION_JSON } from './version.ts';
import { OpenWatches } from './watch.ts';
