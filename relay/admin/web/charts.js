// Lines over the last ten minutes, and over a minute.

import { drawing, element, setAttribute, setText } from './dom.js';
import { clock } from './format.js';

const SPAN = 600; // seconds
const HEIGHT = 100;

// Chart is a figure with one or more lines: series are { label, style, value(second) }, with
// rare: true where nothing is drawn for nothing; shown words a value.
export class Chart {
  constructor(parent, { title, series, shown, least = 1 }) {
    Object.assign(this, { title, series, shown, least });
    this.top = element('span', { class: 'top', 'aria-hidden': 'true' });
    this.down = drawing('g', { class: 'down' });
    this.area = drawing('path', { class: `area ${series[0].style}` });
    this.lines = series.map(({ style }) => drawing('path', { class: style }));
    this.cursor = drawing('line', { class: 'cursor', y1: 0, y2: HEIGHT });
    this.svg = drawing('svg', { viewBox: `0 0 ${SPAN} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': title },
      ...[0.25, 0.5, 0.75].map((part) => drawing('line', { class: 'grid', x1: 0, x2: SPAN, y1: HEIGHT * part, y2: HEIGHT * part })),
      this.down, this.area, ...this.lines, this.cursor);
    this.values = series.map(({ style }) => element('b', { class: style }));
    const legend = element('p', { class: 'legend' }, ...series.map(({ label, style }, i) => element('span', {},
      element('i', { class: style, 'aria-hidden': 'true' }), ` ${label} `, this.values[i])));
    this.plot = element('div', { class: 'plot' }, this.svg, this.top);
    const axis = element('p', { class: 'axis', 'aria-hidden': 'true' }, ...['10 min ago', '5 min', 'now'].map((t) => element('span', {}, t)));
    parent.append(element('figure', {}, element('figcaption', {}, title), legend, this.plot, axis));
  }

  // update draws the seconds, of which the newest stands at the right, with the cursor on one of them, if any.
  update(seconds, newest, at) {
    const most = Math.max(this.least, ...this.series.flatMap(({ value }) => seconds.map((s) => value(s) ?? 0)));
    const scale = roundUp(most);
    const x = (second) => SPAN - (newest - second.at);
    const { series } = this;
    series.forEach(({ value, rare }, i) => {
      const nothing = rare && seconds.every((s) => !value(s));
      setAttribute(this.lines[i], 'd', nothing ? '' : line(seconds, x, value, scale));
    });
    setAttribute(this.area, 'd', area(seconds, x, series[0].value, scale));
    this.#shade(seconds, x);
    setText(this.top, this.shown(scale));
    this.#read(seconds, newest, at);
  }

  // shade marks the time without Redis.
  #shade(seconds, x) {
    const parts = stretches(seconds).map(([from, to]) => `${x(from) - 1} ${x(to) - x(from) + 1}`);
    if (this.shaded === parts.join()) return;
    this.shaded = parts.join();
    this.down.replaceChildren(...parts.map((part) => {
      const [from, width] = part.split(' ');
      return drawing('rect', { x: from, width, y: 0, height: HEIGHT });
    }));
  }

  // read shows the values at the cursor, else the newest.
  #read(seconds, newest, at) {
    const second = seconds.find((s) => s.at === (at ?? newest));
    const texts = this.series.map(({ value }) => (second && value(second) !== undefined ? this.shown(value(second)) : '–'));
    texts.forEach((text, i) => setText(this.values[i], text));
    const where = at === undefined ? SPAN : SPAN - (newest - at);
    setAttribute(this.cursor, 'x1', where);
    setAttribute(this.cursor, 'x2', where);
    setAttribute(this.cursor, 'visibility', at === undefined ? 'hidden' : 'visible');
    const said = this.series.map(({ label, value }, i) => {
      const highest = seconds.reduce((a, b) => ((value(b) ?? -1) > (value(a) ?? -1) ? b : a), seconds[0] ?? {});
      return `${label}: ${texts[i]}${highest.at ? `, highest ${this.shown(value(highest) ?? 0)} at ${clock(highest.at * 1000)}` : ''}`;
    });
    setAttribute(this.svg, 'aria-label', `${this.title} in the last ten minutes. ${said.join('. ')}`);
  }
}

// stretches lists the times without Redis, each by its first and last second.
export function stretches(seconds) {
  const found = [];
  seconds.forEach((second, i) => {
    if (second.up) return;
    if (i > 0 && !seconds[i - 1].up) found.at(-1)[1] = second;
    else found.push([second, second]);
  });
  return found;
}

// runs lists the points of a line; where some seconds are missing, another run begins.
function runs(seconds, x, value, scale) {
  const found = [];
  let last;
  for (const second of seconds) {
    const v = value(second);
    if (v === undefined || v === null) continue;
    if (last === undefined || second.at - last > 3) found.push([]);
    found.at(-1).push(`${x(second)} ${round(HEIGHT - 2 - (HEIGHT - 6) * Math.min(1, v / scale))}`);
    last = second.at;
  }
  return found;
}

// line is a path through the values. A single point can be seen, too.
const line = (...of) => runs(...of).map((points) => `M${points[0]}h.01L${points.join('L')}`).join('');

// area is what lies below.
const area = (...of) => runs(...of).map((points) => {
  const [from, to] = [points[0], points.at(-1)].map((point) => point.split(' ')[0]);
  return `M${from} ${HEIGHT}L${points.join('L')}L${to} ${HEIGHT}Z`;
}).join('');

const round = (n) => Math.round(n * 10) / 10;

// roundUp is the next of 1, 2, 5, 10, 20 ...
function roundUp(n) {
  const ten = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map((m) => m * ten).find((m) => m >= n * 0.999);
}

// sparkline draws one number a second into a cell.
export function sparkline(cell, numbers = []) {
  let path = cell.querySelector('path');
  if (!path) {
    path = drawing('path');
    cell.append(drawing('svg', { class: 'spark', viewBox: '0 0 60 20', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, path),
      element('span', { class: 'unseen' }));
  }
  const most = Math.max(1, ...numbers);
  const points = numbers.map((n, i) => `${60 - numbers.length + i + 0.5} ${round(19 - 18 * (n / most))}`);
  setAttribute(path, 'd', points.length > 0 ? `M${points.join('L')}` : '');
  setText(cell.lastChild, numbers.length > 0 ? `highest ${Math.round(most)}` : 'not known');
}
