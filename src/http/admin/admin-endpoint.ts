import { z } from 'zod';
import type { ErrorCode } from '../../errors.ts';
import type { AdminActor } from '../../partners/partners.ts';
import { sendJson } from '../answer.ts';
import { parseQuery, readFields } from '../body.ts';
import type { Endpoint, Method } from '../endpoint.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';

const NO_MEMBERS = z.strictObject({});

interface AdminEndpointOptions<
  Path extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodObject,
> {
  method: Method;
  path: string;
  operationId: string;
  summary: string;
  description?: string;
  pathParameters?: Path;
  query?: Query;
  body?: Body;
  /** Status and schema of a success. */
  status?: 200 | 201;
  answer: z.ZodType;
  errors?: readonly ErrorCode[];
  run(input: { path: z.output<Path>; query: z.output<Query>; body: z.output<Body>; by: AdminActor }): unknown;
}

/** An endpoint of the admin API: strict JSON in, JSON out, and who asked for the audit record. */
export function adminEndpoint<Path extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodObject>(
  options: AdminEndpointOptions<Path, Query, Body>,
): Endpoint {
  const { body, query, pathParameters, status = 200 } = options;
  return {
    contract: {
      listener: 'admin',
      method: options.method,
      path: options.path,
      operationId: options.operationId,
      tag: 'Administration',
      summary: options.summary,
      ...(options.description ? { description: options.description } : {}),
      security: [['adminToken']],
      ...(pathParameters ? { pathParameters } : {}),
      ...(query ? { query } : {}),
      ...(body ? { body: { schema: body, types: ['json'] as const, required: true } } : {}),
      responses: { [status]: { description: 'Done', schema: options.answer } },
      errors: ['INVALID_ADMIN_TOKEN', 'INVALID_REQUEST', 'STORE_UNAVAILABLE', ...(options.errors ?? [])],
    },
    handle: async (req, res) => {
      const { requestId, address } = contextOf(res);
      const members = body ? await readFields(req, ['json']) : {};
      const input = {
        path: parseWith(pathParameters ?? NO_MEMBERS, req.params) as z.output<Path>,
        query: parseWith(query ?? NO_MEMBERS, parseQuery(req)) as z.output<Query>,
        body: (body ? parseWith(body, members) : {}) as z.output<Body>,
        by: { actor: 'admin', requestId, address },
      };
      sendJson(res, status, await options.run(input));
    },
  };
}

/** Milliseconds as an RFC 3339 time in UTC. */
export function timeText(ms: number): string;
export function timeText(ms: number | undefined): string | null;
export function timeText(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/** A time in UTC; the description leaves out the long pattern that says no more than its format. */
export const timeSchema = z.iso.datetime().meta({
  example: '2026-01-01T12:00:00.000Z',
  override: ({ jsonSchema }) => {
    delete jsonSchema.pattern;
  },
});

/** A list answer. */
export function listOf(item: z.ZodType) {
  return z.strictObject({ items: z.array(item) });
}

export const reasonSchema = z
  .string()
  .min(3)
  .max(255)
  .meta({ description: 'Why; kept in the audit record.' });
