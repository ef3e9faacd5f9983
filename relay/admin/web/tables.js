// Tables that are brought up to date row by row, so that a selection and the focus stay.

import { element, List, setAttribute, setText } from './dom.js';

// Table shows a list. columns are { head, text(item) } or { head, draw(cell, item) }, with number: true for figures and keep: true for
// what stays on one line;
// key(item) tells rows apart; state(item) marks a row; empty is what stands there when there is none.
export class Table {
  #list;
  #none;
  #table;

  constructor(parent, { caption, columns, key, state = () => undefined, empty }) {
    const head = columns.map(({ head, number }) => element('th', { scope: 'col', role: 'columnheader', class: number ? 'number' : '' }, head));
    const body = element('tbody', { role: 'rowgroup' });
    this.#table = element('table', { role: 'table' }, element('caption', { class: 'unseen' }, caption),
      element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...head)), body);
    this.#none = element('p', { class: 'none' }, empty);
    parent.append(this.#table, this.#none);
    this.#list = new List(body, key, () => row(columns), (node, item) => {
      setAttribute(node, 'data-state', state(item));
      columns.forEach((column, i) => {
        const cell = node.children[i];
        if (column.draw) column.draw(cell, item);
        else setText(cell, column.text(item));
      });
    });
  }

  update(items, none) {
    this.#list.update(items);
    this.#table.hidden = items.length === 0;
    this.#none.hidden = items.length > 0;
    if (none) setText(this.#none, none);
  }
}

// row makes one; where a phone shows it as a card, each cell has the head of its column beside it.
function row(columns) {
  return element('tr', { role: 'row' }, ...columns.map(({ head, number, keep, first }) => (first
    ? element('th', { scope: 'row', role: 'rowheader', 'data-head': head })
    : element('td', { role: 'cell', 'data-head': head, class: number ? 'number' : keep ? 'keep' : '' }))));
}
