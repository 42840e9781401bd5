/**
 * How a chat vendor's server talks to the bridge: an access token by client credentials, then profiles with that
 * token, the vendor's API key and the customer's own token. This is all that a partner has to write.
 */
import type { CallLog } from './call-log.ts';
import { objectOrEmpty } from './json.ts';

export interface VendorCredentials {
  clientId: string;
  clientSecret: string;
  /** Public id of the vendor's API key, `pk_…`. */
  apiKeyId: string;
  /** Secret of the key that may call chat platforms, `sk_…`. */
  platformSecret: string;
}

/** What `/getprofile` said, reduced to what the vendor needs. */
export type ProfileOutcome =
  | { outcome: 'ok'; customerId: string; profile: Record<string, unknown> }
  /** The bridge answered with an error of its catalogue. */
  | {
      outcome: 'refused';
      status: number;
      code: string;
      message: string;
      retryAfterSeconds?: number | undefined;
    }
  | { outcome: 'unreachable' };

/** What became of a message that was to be sent for a customer. */
export type MessageOutcome = { outcome: 'sent'; id: string } | Exclude<ProfileOutcome, { outcome: 'ok' }>;

interface BridgeAnswer {
  status: number;
  body: Record<string, unknown>;
}

const CALL_TIMEOUT_MS = 8_000;
const RENEW_AT_SHARE = 0.8;

const text = (value: unknown) => (typeof value === 'string' ? value : '');

export function createVendorBridgeClient(options: {
  bridgeUrl: string;
  credentials: VendorCredentials;
  callLog: CallLog;
  nowMs: () => number;
}) {
  const { bridgeUrl, credentials, callLog, nowMs } = options;
  let held: { accessToken: string; renewAtMs: number } | undefined;

  async function post(
    path: string,
    headers: Record<string, string>,
    call: { body?: object; explanation: string },
  ): Promise<BridgeAnswer | undefined> {
    const sent = { ...headers, 'content-type': 'application/json' };
    const end = callLog.begin({
      from: 'vendor',
      to: 'bridge',
      method: 'POST',
      path,
      headers: sent,
      body: call.body,
      explanation: call.explanation,
    });
    try {
      const response = await fetch(bridgeUrl + path, {
        method: 'POST',
        headers: sent,
        redirect: 'error',
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        body: JSON.stringify(call.body ?? {}),
      });
      const body = objectOrEmpty(await response.json());
      end({ status: response.status, headers: Object.fromEntries(response.headers), body });
      return { status: response.status, body };
    } catch {
      end({ status: 0, headers: {}, body: { error: 'no usable answer' } });
      return undefined;
    }
  }

  async function accessToken(): Promise<string | BridgeAnswer | undefined> {
    if (held && nowMs() < held.renewAtMs) return held.accessToken;
    const { clientId, clientSecret } = credentials;
    const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`);
    const answer = await post(
      '/access_token?grant_type=client_credentials',
      { authorization: `Basic ${basic.toString('base64')}` },
      {
        explanation:
          'The chat vendor’s server proves itself with its client id and secret and gets an access token, which it keeps.',
      },
    );
    const token = text(answer?.body.access_token);
    if (answer?.status !== 200 || token === '') return answer;
    held = {
      accessToken: token,
      renewAtMs: nowMs() + Number(answer.body.expires_in) * 1000 * RENEW_AT_SHARE,
    };
    return token;
  }

  function outcomeOf(answer: BridgeAnswer | undefined): ProfileOutcome {
    if (answer?.status !== 200) return failureOf(answer);
    const { body } = answer;
    return { outcome: 'ok', customerId: text(body.customer_id), profile: objectOrEmpty(body.profile) };
  }

  function failureOf(answer: BridgeAnswer | undefined): Exclude<ProfileOutcome, { outcome: 'ok' }> {
    if (!answer) return { outcome: 'unreachable' };
    const { status, body } = answer;
    const error = objectOrEmpty(body.error);
    return {
      outcome: 'refused',
      status,
      code: text(error.code) || text(body.error) || 'UNKNOWN',
      message: text(error.message),
      retryAfterSeconds: typeof error.retry_after === 'number' ? error.retry_after : undefined,
    };
  }

  return {
    /** Sends a WhatsApp message by CMzon for the customer whom `customerToken` proves. Never throws. */
    async sendMessage(customerToken: string, message: string): Promise<MessageOutcome> {
      const answer = await post(
        '/partners/cmzon/v1/messages',
        {
          authorization: `Bearer ${credentials.platformSecret}`,
          'customer-auth': `JWT ${customerToken}`,
        },
        {
          body: { to: '+15550100', type: 'text', text: { body: message } },
          explanation:
            'The vendor sends a message for the customer through the company’s account at CMzon. The bridge passes it on with the company’s token, which the vendor never sees.',
        },
      );
      if (answer?.status !== 200) return failureOf(answer);
      return { outcome: 'sent', id: text(answer.body.id) };
    },
    /** Asks for the named profile fields of the customer whom `customerToken` proves. Never throws. */
    async getProfile(customerToken: string, fields: readonly string[]): Promise<ProfileOutcome> {
      for (let attempt = 1; ; attempt++) {
        const token = await accessToken();
        if (typeof token !== 'string') return outcomeOf(token);
        const answer = await post(
          '/getprofile',
          {
            authorization: `Bearer ${token}`,
            'api-key': credentials.apiKeyId,
            'customer-auth': `JWT ${customerToken}`,
          },
          {
            body: { fields },
            explanation: `The vendor asks for ${fields.join(', ')}: its access token and API key say who asks, the customer token says about whom.`,
          },
        );
        const outcome = outcomeOf(answer);
        const stale = outcome.outcome === 'refused' && outcome.code === 'INVALID_ACCESS_TOKEN';
        if (!stale || attempt === 2) return outcome;
        held = undefined;
      }
    },
  };
}

export type VendorBridgeClient = ReturnType<typeof createVendorBridgeClient>;
