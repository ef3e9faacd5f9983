// Making and changing elements. Whatever the relay says is set as text, never as markup.

// element makes an element with attributes and children, which are nodes or texts.
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

// drawing is element for SVG.
export function drawing(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// byId finds an element of the page.
export const byId = (id) => document.getElementById(id);

// setText changes a text only if it differs, so that a selection stays.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// setAttribute is setText for an attribute; undefined takes it away.
export function setAttribute(node, name, value) {
  if (value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// List keeps the children of a parent like a list: one node for each key, in the order of the list.
export class List {
  #nodes = new Map();

  // make(item) returns a node; change(node, item) brings it up to date.
  constructor(parent, key, make, change) {
    Object.assign(this, { parent, key, make, change });
  }

  update(items) {
    const gone = new Set(this.#nodes.keys());
    let place = this.parent.firstChild;
    for (const item of items) {
      const key = this.key(item);
      let node = this.#nodes.get(key);
      if (!node) this.#nodes.set(key, node = this.make(item));
      gone.delete(key);
      this.change(node, item);
      if (node === place) place = place.nextSibling;
      else this.parent.insertBefore(node, place);
    }
    for (const key of gone) {
      this.#nodes.get(key).remove();
      this.#nodes.delete(key);
    }
  }
}

// Facts keeps a <dl> of names and values: [[name, value, detail], ...].
export class Facts {
  #list;

  constructor(parent) {
    this.#list = new List(parent, ([name]) => name, ([name]) => {
      const value = element('span', { class: 'value' });
      const detail = element('span', { class: 'detail' });
      return Object.assign(element('div', {}, element('dt', {}, name), element('dd', {}, value, ' ', detail)), { value, detail });
    }, (node, [, value, detail = '', state]) => {
      setText(node.value, value);
      setText(node.detail, detail);
      setAttribute(node, 'data-state', state);
    });
  }

  update(facts) {
    this.#list.update(facts);
  }
}
