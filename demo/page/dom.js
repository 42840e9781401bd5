/** The one element that matches `selector`. */
export function one(selector, within = document) {
  const found = within.querySelector(selector);
  if (!found) throw new Error(`The page has no ${selector}.`);
  return found;
}

/**
 * Makes an element: `element('p', { class: 'note' }, 'text', child)`. Text is always text, never markup; a property
 * that is a function listens to the event of that name.
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, '');
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Whether `box` is scrolled to its end, give or take a line. */
export const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 48;
