import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { BridgeError, OAuthError } from '../../errors.ts';
import type { Endpoint, EndpointContract } from '../endpoint.ts';
import { statusOf } from '../error-response.ts';
import { contextOf } from '../request-context.ts';
import type { Pages } from './page.ts';
import { problemPage } from './problem.ts';

/** A form can meet everything that a sign-in can. */
const ERROR_STATUSES = [400, 401, 403, 413, 415, 429, 500, 503];

const PAGE = { description: 'A page', contentType: 'text/html' };
const SENT_ON = { description: 'The browser is sent on', headers: { Location: 'Where to.' } };

interface PageEndpoint {
  pages: Pages;
  method: 'get' | 'post';
  path: string;
  operationId: string;
  summary: string;
  /** Names of the form's fields, for the description. */
  form?: z.ZodObject;
  query?: z.ZodObject;
  /** A GET that changes something: HEAD is refused. */
  refusesHead?: boolean;
  /** Shows a page only when something is wrong. */
  onlyRedirects?: boolean;
  handle(req: Request, res: Response): Promise<void>;
}

function showError(pages: Pages, res: Response, error: BridgeError | OAuthError): void {
  const context = contextOf(res);
  context.code = error.code;
  const wait = error.retryAfterSeconds;
  const member = error.code === 'INVALID_REQUEST' ? error.details?.['member'] : undefined;
  const message =
    typeof member === 'string' && member !== '' ? `${error.message} (${member})` : error.message;
  pages.send(
    res,
    statusOf(error.code),
    problemPage(message, context.requestId),
    wait === undefined ? {} : { 'retry-after': wait },
  );
}

/** An endpoint that answers with pages, also when something goes wrong: a customer never sees an error in JSON. */
export function pageEndpoint({ pages, handle, ...facts }: PageEndpoint): Endpoint {
  const { form, query, refusesHead, onlyRedirects, ...names } = facts;
  const contract: EndpointContract = {
    listener: 'public',
    tag: 'Pages for customers',
    description: 'For browsers: answers in HTML, errors too.',
    ...names,
    ...(query ? { query } : {}),
    ...(form ? { body: { schema: form, types: ['form'], required: true } } : {}),
    responses: onlyRedirects ? { 303: SENT_ON } : { 200: PAGE, 303: SENT_ON },
    errorPages: ERROR_STATUSES,
  };
  return {
    usesSession: true,
    refusesHead: refusesHead ?? false,
    contract,
    handle,
    showError: (res, error) => showError(pages, res, error),
  };
}
