import type { Request, Response } from 'express';
import { z } from 'zod';
import { BridgeError } from '../../errors.ts';
import type { Consents, Person } from '../../oauth/consents.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import { sendEmpty, sendJson } from '../answer.ts';
import { parseQuery, readFields } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import { type OriginRules, refuseForeignOrigin, requireOriginOf, requireOwnPage } from '../origins.ts';
import { connectedAppsPage } from '../pages/connected-apps.ts';
import { type FormStates, refuseForeignForm } from '../pages/form-states.ts';
import type { Pages } from '../pages/page.ts';
import { pageEndpoint } from '../pages/page-endpoint.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';
import { csrfHeaderSchema } from '../schemas.ts';
import type { SessionCookies } from '../session-cookie.ts';
import { CONNECTED_APPS_PATH, showSignIn } from './authorize.ts';

export interface ConnectedAppsDeps {
  pages: Pages;
  formStates: FormStates;
  consents: Consents;
  sessions: Sessions;
  sessionCookies: SessionCookies;
  origins: OriginRules;
}

const appSchema = z
  .strictObject({
    client_id: z.string(),
    label: z.string(),
    partner: z.string().meta({ description: 'Name of the partner behind the app.' }),
    scopes: z.array(z.string()),
    granted_at: z.iso.datetime(),
  })
  .meta({ id: 'ConnectedApp' });

const pathSchema = z.strictObject({ client_id: z.string().min(1).max(64) });

/** The signed-in person. Throws `NOT_SIGNED_IN`. */
function personOf(
  deps: ConnectedAppsDeps,
  req: Request,
  res: Response,
): { session: CustomerSession; person: Person } {
  const session = deps.sessionCookies.current(req);
  const reference = session && deps.sessions.reference(session);
  if (!session || reference === undefined) throw new BridgeError('NOT_SIGNED_IN', { missing: true });
  contextOf(res).customerId = session.customerId;
  return { session, person: { space: session.space, reference } };
}

/** The signed-in person, for a page of the company's own; not for one that speaks for another channel. */
function personForPage(deps: ConnectedAppsDeps, req: Request, res: Response): Person {
  const { session, person } = personOf(deps, req, res);
  requireOriginOf(req, deps.origins, session.channel);
  return person;
}

function listGrants(deps: ConnectedAppsDeps): Endpoint {
  return {
    usesSession: true,
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'get',
      path: '/oauth/grants',
      operationId: 'listGrants',
      tag: 'Customers',
      summary: 'Which apps the signed-in customer has connected',
      security: [['sessionCookie']],
      responses: {
        200: { description: 'Connected apps', schema: z.strictObject({ items: z.array(appSchema) }) },
      },
      errors: ['NOT_SIGNED_IN', 'ORIGIN_NOT_ALLOWED', 'STORE_UNAVAILABLE'],
    },
    handle: async (req, res) => {
      refuseForeignOrigin(req, deps.origins);
      const apps = await deps.consents.listOf(personForPage(deps, req, res));
      const items = apps.map((app) => ({
        client_id: app.clientId,
        label: app.label,
        partner: app.partnerName,
        scopes: app.scopes,
        granted_at: new Date(app.grantedAtMs).toISOString(),
      }));
      sendJson(res, 200, { items });
    },
  };
}

function withdrawGrant(deps: ConnectedAppsDeps): Endpoint {
  return {
    usesSession: true,
    crossOrigin: true,
    contract: {
      listener: 'public',
      method: 'delete',
      path: '/oauth/grants/{client_id}',
      operationId: 'withdrawGrant',
      tag: 'Customers',
      summary: 'Take the access of an app back, with all of its tokens, at once',
      security: [['sessionCookie']],
      headers: csrfHeaderSchema,
      pathParameters: pathSchema,
      responses: { 204: { description: 'The app has no access any more' } },
      errors: [
        'INVALID_REQUEST',
        'NOT_SIGNED_IN',
        'NOT_FOUND',
        'CSRF_REJECTED',
        'ORIGIN_NOT_ALLOWED',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      requireOwnPage(req, deps.origins);
      const { client_id: clientId } = parseWith(pathSchema, req.params);
      const person = personForPage(deps, req, res);
      if (!(await deps.consents.withdraw(person, clientId, contextOf(res)))) {
        throw new BridgeError('NOT_FOUND', { message: 'This app has no access.' });
      }
      sendEmpty(res, 204);
    },
  };
}

/** The customer's side of connected apps: as JSON for the company's own site, and as a small page of ours. */
export function connectedAppsEndpoints(deps: ConnectedAppsDeps): Endpoint[] {
  const { pages, formStates } = deps;

  const show = async (req: Request, res: Response): Promise<void> => {
    const removed = parseQuery(req).removed === '1';
    if (!deps.sessionCookies.current(req)) {
      return showSignIn(deps, { req, res }, { state: { to: 'connected-apps' } });
    }
    const { session, person } = personOf(deps, req, res);
    const page = connectedAppsPage({
      action: pages.basePath + CONNECTED_APPS_PATH,
      state: formStates.seal('connected-apps', session.sid, {}),
      apps: await deps.consents.listOf(person),
      removed,
    });
    pages.send(res, 200, page);
  };

  const remove = async (req: Request, res: Response): Promise<void> => {
    refuseForeignForm(req, deps.origins.publicOrigin);
    const fields = await readFields(req, ['form']);
    const { session, person } = personOf(deps, req, res);
    await formStates.open('connected-apps', session.sid, fields.form);
    const { client_id: clientId } = parseWith(pathSchema, { client_id: fields.client_id });
    await deps.consents.withdraw(person, clientId, contextOf(res));
    pages.redirect(res, `${pages.basePath}${CONNECTED_APPS_PATH}?removed=1`);
  };

  return [
    listGrants(deps),
    withdrawGrant(deps),
    pageEndpoint({
      pages,
      method: 'get',
      path: CONNECTED_APPS_PATH,
      operationId: 'connectedApps',
      summary: 'The page on which a customer sees and removes connected apps',
      query: z.object({ removed: z.literal('1').optional() }),
      handle: show,
    }),
    pageEndpoint({
      pages,
      method: 'post',
      path: CONNECTED_APPS_PATH,
      operationId: 'removeConnectedApp',
      summary: 'The form of the connected apps page',
      form: z.object({ form: z.string(), client_id: z.string() }),
      handle: remove,
    }),
  ];
}
