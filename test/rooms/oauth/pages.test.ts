import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consentPage, fieldInWords } from '../../../src/http/pages/consent.ts';
import { html } from '../../../src/http/pages/html.ts';
import { signInPage } from '../../../src/http/pages/sign-in.ts';
import { SCOPES } from '../../../src/partners/scopes.ts';

describe('text on a page', () => {
  it('is never markup, wherever it stands', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const { html: written } = html`<p title="${text}">${text}</p>`;
        expect(written).toMatch(/^<p title="[^"<>]*">[^<>]*<\/p>$/);
      }),
    );
    const page = signInPage({ action: '/', state: 's', app: '<b>', username: '"><script>', problem: "'" });
    expect(page.body.html).not.toMatch(/<b>|<script>/);
  });
});

describe('the consent page', () => {
  it('says every scope in words of its own', () => {
    for (const scope of Object.keys(SCOPES)) {
      const { body } = consentPage({
        action: '/',
        state: 's',
        app: 'App',
        partner: 'Partner',
        company: 'Company',
        scopes: [scope],
        fields: ['plan'],
        returnsTo: 'app.test',
        connectedAppsAddress: '/apps',
      });
      expect(body.html).not.toContain('Use the permission');
    }
  });

  it.each([
    ['plan', 'Plan'],
    ['account_number', 'Account number'],
    ['accountNumber', 'Account number'],
    ['account.number', 'Account number'],
    ['line2', 'Line2'],
  ])('calls the field %s “%s”', (field, words) => {
    expect(fieldInWords(field)).toBe(words);
  });
});
