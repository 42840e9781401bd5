import { describe, expect, it } from 'vitest';
import { webhookHeaders, webhookKey } from '../../../src/signatures/webhook.ts';

describe('signed webhooks', () => {
  it('carry the signature that Standard Webhooks gives as its example', () => {
    expect(
      webhookHeaders(webhookKey('whsec_plJ3nmyCDGBKInavdOK15jsl'), {
        id: 'msg_loFOjxBNrRLzqYUf',
        timestampSeconds: 1_731_705_121,
        body: '{"event_type":"ping","data":{"success":true}}',
      }),
    ).toEqual({
      'webhook-id': 'msg_loFOjxBNrRLzqYUf',
      'webhook-timestamp': '1731705121',
      'webhook-signature': 'v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=',
    });
  });

  it('take any other secret as the bytes of its text', () => {
    expect(webhookKey('a plain shared secret of ours')).toEqual(Buffer.from('a plain shared secret of ours'));
    expect(webhookKey('whsec_AAEC')).toEqual(Buffer.from([0, 1, 2]));
  });
});
