import { atEnd, element } from './dom.js';
import { tokenCard } from './token-card.js';

const NAMES = { browser: 'Browser', bridge: 'Symbolon', vendor: 'Chat vendor', backend: 'Profile APIs' };
/** How far a call is from the browser: calls made to answer another stand further in. */
const DEPTH = { browser: 0, vendor: 1, bridge: 2 };

function statusText({ response, method, path }) {
  if (!response) return ['under way', 'wait'];
  if (response.status === 0) return ['no answer', 'bad'];
  // Nobody signed in is an answer like another, not a failure.
  if (response.status === 401 && method === 'GET' && path === '/customer_session') return ['401', 'wait'];
  return [String(response.status), response.status < 400 ? 'good' : 'bad'];
}

function message(title, { headers, body }) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (body !== undefined && body !== null && body !== '') {
    if (lines.length > 0) lines.push('');
    lines.push(JSON.stringify(body, null, 2));
  }
  return element(
    'div',
    { class: 'message' },
    element('h4', {}, title),
    element('pre', { tabindex: '0' }, lines.join('\n') || 'nothing else'),
  );
}

function summary(call) {
  const [status, kind] = statusText(call);
  const took = call.response ? `${Math.max(1, Math.round(call.response.durationMs))} ms` : '';
  return element(
    'summary',
    {},
    element(
      'span',
      { class: 'call__parts' },
      element('span', { class: `part part--${call.from}` }, NAMES[call.from]),
      element('span', { class: 'call__arrow', 'aria-label': 'calls' }, '→'),
      element('span', { class: `part part--${call.to}` }, NAMES[call.to]),
      element('span', { class: 'call__took' }, took),
      element('span', { class: `call__status call__status--${kind}` }, status),
    ),
    element(
      'span',
      { class: 'call__line' },
      element('span', { class: 'call__method' }, call.method),
      ' ',
      element('span', { class: 'call__path' }, call.path),
    ),
    element('span', { class: 'call__why' }, call.explanation),
  );
}

function card(call, open) {
  const messages = [message('Request', call.request)];
  if (call.response) messages.push(message('Answer', call.response));
  return element(
    'li',
    { class: `call call--${call.to} call--depth-${DEPTH[call.from]}`, 'data-path': call.path },
    element('details', { open }, summary(call), element('div', { class: 'call__messages' }, ...messages)),
  );
}

/** The column of calls: in the order in which they began, also when they are reported late. */
export function createCallCards({ list, empty, maxCards = 150 }) {
  let calls = new Map();
  let notBeforeMs = 0;

  function place(item, startedAtMs) {
    const follow = atEnd(list);
    item.dataset.startedAt = String(startedAtMs);
    const later = [...list.children].find((other) => Number(other.dataset.startedAt) > startedAtMs);
    list.insertBefore(item, later ?? null);
    while (list.children.length > maxCards) list.firstElementChild.remove();
    empty.hidden = true;
    if (follow) list.scrollTop = list.scrollHeight;
  }

  return {
    show(call) {
      if (call.startedAtMs < notBeforeMs) return;
      const before = calls.get(call.id);
      const item = card(call, before?.querySelector('details').open ?? false);
      calls.set(call.id, item);
      if (before?.isConnected) {
        const follow = atEnd(list);
        item.dataset.startedAt = before.dataset.startedAt;
        before.replaceWith(item);
        if (follow) list.scrollTop = list.scrollHeight;
      } else if (!before) {
        place(item, call.startedAtMs);
      }
    },
    showToken(jwt) {
      place(tokenCard(jwt), Date.now());
    },
    /** Starts afresh; calls that began before are not shown any more, even if they end later. */
    clear() {
      notBeforeMs = Date.now();
      calls = new Map();
      list.replaceChildren();
      empty.hidden = false;
    },
  };
}
