import type { Connection } from '../connections/connection.ts';
import { failureSentence } from '../connections/failure-sentence.ts';
import { StartRefused } from '../errors.ts';
import {
  type FailureReason,
  type ReportFailure,
  reasonOfError,
  reasonOfStatus,
} from '../outbound/failure-reason.ts';
import { parseAnswerPath, parseJsonObject, valueAt } from '../outbound/json-answer.ts';
import {
  OutboundError,
  type OutboundFailure,
  type OutboundRequest,
  type OutboundResponse,
} from '../outbound/outbound-types.ts';
import type { Metrics } from '../platform/metrics.ts';
import { createMapping, namesCustomer } from './answer-mapping.ts';
import type { BackendOptions } from './backend-settings.ts';
import type { Backend, BackendAnswer, BackendQuestion, SourceStatus } from './backend-types.ts';
import { createPlacement, type SignAssertion } from './identifier-placement.ts';

export interface BackendDeps {
  connection: Connection;
  metrics: Metrics;
  reportFailure: ReportFailure;
  /** Needed where the identifier goes as an assertion. */
  signAssertion?: SignAssertion | undefined;
}

const STATUSES: readonly SourceStatus[] = ['ok', 'not_found', 'timeout', 'unavailable', 'error'];
/** Stands for a customer when a backend is probed: no identifier and no usual reference looks like it. */
const PROBE_IDENTIFIER = 'symbolon-probe';

const STATUS_OF_FAILURE: Record<OutboundFailure, SourceStatus> = {
  timeout: 'timeout',
  unreachable: 'unavailable',
  untrusted: 'unavailable',
  busy: 'unavailable',
  no_credentials: 'unavailable',
  circuit_open: 'unavailable',
  paused: 'unavailable',
  refused_address: 'error',
  too_large: 'error',
  protocol: 'error',
};

function failed(status: Exclude<SourceStatus, 'ok'>, reason: FailureReason): BackendAnswer {
  return { status, fields: {}, reason };
}

function statusOfRefusal(httpStatus: number): Exclude<SourceStatus, 'ok'> {
  if (httpStatus === 404) return 'not_found';
  return httpStatus === 429 || httpStatus === 503 ? 'unavailable' : 'error';
}

/** What goes to the backend as the identifier, and the spellings by which its answer may name the customer. */
function createNaming(options: BackendOptions, signAssertion: SignAssertion | undefined) {
  const form = options.identifier.as;
  if (form !== 'assertion') {
    const pick = ({ customerId, reference }: BackendQuestion): string =>
      form === 'opaque' ? customerId : reference;
    return { sent: pick, names: (question: BackendQuestion) => [pick(question)] };
  }
  if (!signAssertion)
    throw new StartRefused(`backends.${options.name}.identifier: no key to sign assertions`);
  return {
    sent: ({ customerId, reference }: BackendQuestion): string =>
      signAssertion({ audience: options.name, customerId, reference }),
    names: ({ customerId, reference }: BackendQuestion): string[] => [customerId, reference],
  };
}

/**
 * Asks one profile API. Throws `StartRefused` when the identifier's header is one that carries our credentials, or
 * when an assertion is wanted and cannot be signed.
 */
export function createBackend(options: BackendOptions, deps: BackendDeps): Backend {
  const { connection } = deps;
  const { identifier } = options;
  if (identifier.in === 'header' && connection.authHeaders.has(identifier.name)) {
    throw new StartRefused(
      `backends.${options.name}.identifier.name is a header that carries our credentials for connection ${connection.name}`,
    );
  }
  const fieldNames = Object.keys(options.fields);
  const naming = createNaming(options, deps.signAssertion);
  const place = createPlacement(options);
  const unfit = new Map(
    fieldNames.map((field) => [
      field,
      deps.metrics.profileValuesUnfit.labels({ backend: options.name, field }),
    ]),
  );
  const map = createMapping(options.fields, (field) => unfit.get(field)?.inc());
  const subjectPath = options.subject === undefined ? undefined : parseAnswerPath(options.subject);
  const counters = new Map(
    STATUSES.map((status) => [
      status,
      deps.metrics.backendRequests.labels({ backend: options.name, outcome: status }),
    ]),
  );

  const read = (response: OutboundResponse, question: BackendQuestion): BackendAnswer => {
    if (response.status !== 200) {
      return failed(statusOfRefusal(response.status), reasonOfStatus(response.status));
    }
    const answer = parseJsonObject(response);
    if (typeof answer === 'string') return failed('error', answer);
    if (subjectPath) {
      const subject = valueAt(answer, subjectPath);
      if (subject === undefined) return failed('error', 'subject_missing');
      if (!namesCustomer(subject, naming.names(question))) return failed('error', 'subject_differs');
    }
    const fields = map(answer, question.fields);
    return fields ? { status: 'ok', fields } : failed('error', 'too_deep');
  };

  /** What goes out; `undefined` when the identifier cannot be sent as it is. */
  const requestFor = (question: BackendQuestion): OutboundRequest | undefined =>
    place(naming.sent(question), {
      accept: 'application/json',
      traceparent: question.traceparent,
      'x-request-id': question.requestId,
    });

  const ask = async (question: BackendQuestion): Promise<BackendAnswer> => {
    if (!fieldNames.some((name) => question.fields.has(name))) return { status: 'ok', fields: {} };
    let answer: BackendAnswer;
    let httpStatus: number | undefined;
    try {
      const request = requestFor(question);
      if (request) {
        // Asking for a profile changes nothing, whatever the method: the question may be sent twice.
        const response = await connection.send(request, { idempotent: true, lane: question.partner });
        httpStatus = response.status;
        answer = read(response, question);
      } else answer = failed('error', 'identifier_unsendable');
    } catch (error) {
      const status = error instanceof OutboundError ? STATUS_OF_FAILURE[error.failure] : 'error';
      answer = { status, fields: {}, reason: reasonOfError(error) };
    }
    counters.get(answer.status)?.inc();
    if (answer.reason !== undefined) {
      const { name } = options;
      const { requestId } = question;
      const { reason } = answer;
      deps.reportFailure({ event: 'backend.failed', name, reason, status: httpStatus, requestId });
    }
    return answer;
  };

  const probe = async () => {
    const headers: Record<string, string> = { accept: 'application/json' };
    const { method, path } = options;
    const request =
      identifier.as === 'assertion' ? { method, path, headers } : place(PROBE_IDENTIFIER, headers);
    try {
      const { status } = await connection.send(request ?? { method, path, headers });
      const answered = `${connection.origin} answered ${status} to a customer that does not exist`;
      if (status === 401 || status === 403)
        return { ok: false, message: `${answered}: it refuses our credentials.` };
      if (status >= 300 && status < 400)
        return { ok: false, message: `${answered}: redirects are not followed.` };
      if (status >= 500 || status === 429)
        return { ok: false, message: `${answered}: it does not work at the moment.` };
      const doubt = status === 404 ? ' (a wrong path answers the same)' : '';
      return { ok: true, message: `${answered}${doubt}: reached, and our credentials were taken.` };
    } catch (error) {
      return { ok: false, message: failureSentence(error) };
    }
  };

  return {
    name: options.name,
    environments: new Set(options.environments),
    fields: fieldNames,
    ask,
    probe,
  };
}
