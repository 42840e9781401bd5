import type { OAuthClient } from '../clients/client.ts';
import type { Finding } from '../http/admin/status.ts';
import type { Partners } from '../partners/partners.ts';

/** What doctor says of clients of OpenID Connect: claims that would stay away without a word. */
export async function openIdFindings(deps: {
  stores: { clients: { list(): Promise<OAuthClient[]> } };
  partners: Pick<Partners, 'all'>;
}): Promise<Finding[]> {
  const partners = new Map(deps.partners.all().map((partner) => [partner.id, partner]));
  const clients = (await deps.stores.clients.list()).filter(({ revokedAtMs }) => revokedAtMs === undefined);
  return clients.flatMap(({ clientId, partner: id, openid }): Finding[] => {
    const visible = partners.get(id)?.visibleFields ?? [];
    const hidden = Object.entries(openid?.claims ?? {}).filter(([, field]) => !visible.includes(field));
    if (hidden.length === 0) return [];
    const named = hidden.map(([claim, field]) => `${claim} (field ${field})`).join(', ');
    const message = `Partner ${id} may not see what these claims come from, so they stay away: ${named}. Run: symbolon partners update ${id} --fields …, or make the client without them.`;
    return [{ subject: `client ${clientId}`, ok: false, message }];
  });
}
