// Figures, times and names as people write them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

// number is a count: 1,234, and from a million on 1.2 M.
export function number(n = 0) {
  if (n < 1e6) return whole.format(n);
  for (const [size, unit] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M']]) {
    if (n >= size) return `${tenths.format(n / size)} ${unit}`;
  }
}

// rate is a count of a second, with a tenth where it is small.
export const rate = (n = 0) => (n > 0 && n < 10 ? tenths.format(n) : number(n));

// bytes is a size in powers of 1024.
export function bytes(n = 0) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${(i === 0 || n >= 100 ? whole : tenths).format(n)} ${units[i]}`;
}

// duration is a time of so many seconds, in its two largest units.
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// brief is a time of parts of seconds.
export function brief(seconds) {
  if (seconds === undefined || seconds === null) return '–';
  if (seconds >= 10) return duration(seconds);
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  const ms = seconds * 1000;
  return `${ms < 10 ? ms.toFixed(1) : whole.format(ms)} ms`;
}

// clock is the time of day.
export const clock = (time) => new Date(time).toLocaleTimeString('en-GB');

// day is the date with the time of day.
export const day = (time) => new Date(time).toLocaleString('sv-SE');

// advice is what the relay says to do, which has code in backquotes.
export const advice = (text = '') => sentence(name(text, 300).replaceAll('`', ''));

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const odd = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

// name is a text that somebody else chose: cut, and without characters that cannot be seen or that turn the line round.
export function name(text = '', most = 80) {
  const letters = [...text];
  const cut = letters.length > most ? `${letters.slice(0, most).join('')}…` : text;
  return cut.replace(odd, (c) => `\\u${c.codePointAt(0).toString(16).padStart(4, '0')}`);
}

// who is a client: its name, and by what it is found on the host.
export function who(client) {
  if (!client || !(client.client || client.name || client.pid)) return '';
  const ids = [];
  if (client.pid) ids.push(`pid ${client.pid}`);
  if (client.uid !== undefined) ids.push(`uid ${client.uid}`);
  const called = client.name ? name(client.name, 40) : `client ${client.client}`;
  return ids.length > 0 ? `${called} (${ids.join(', ')})` : called;
}

// one words a number of things.
export const one = (n, thing, things = `${thing}s`) => `${number(n)} ${n === 1 ? thing : things}`;
