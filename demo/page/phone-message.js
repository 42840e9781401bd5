import { one } from './dom.js';

/** The panel that has the chat vendor send a message for the customer through the company's account at a platform. */
export function createPhoneMessage({ root, symbolon, vendorUrl, fetch }) {
  const result = one('[data-phone-result]', root);
  const button = one('[data-phone-send]', root);
  /** Raised when the customer changes: what was sent for another one is not told. */
  let visit = 0;

  async function send() {
    const headers = { authorization: `Bearer ${await symbolon.getToken()}`, 'content-type': 'application/json' };
    const response = await fetch(`${vendorUrl}/chat/phone`, { method: 'POST', headers, body: '{}' });
    const answer = JSON.parse((await response.text()) || '{}');
    return response.status === 200 ? `CMzon has queued it as ${answer.id}.` : answer.message;
  }

  button.addEventListener('click', async () => {
    const mine = visit;
    button.disabled = true;
    const words = await send().catch(() => 'The message could not be sent at the moment.');
    button.disabled = false;
    if (mine === visit) result.textContent = words;
  });
  return {
    clear() {
      visit++;
      result.textContent = '';
    },
  };
}
