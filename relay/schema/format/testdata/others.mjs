// Reads {format: [text, ...]} and prints what ajv-formats and ajv-formats-draft2019 say, and for regex JavaScript:
// {format: [[bool, ...], [bool, ...]]}, null for a format that one of them has not.
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import formats from 'ajv-formats';
import formats2019 from 'ajv-formats-draft2019';

function checker(add, format) {
  const ajv = add(new Ajv({ strict: false }));
  return ajv.formats[format] === undefined ? null : ajv.compile({ type: 'string', format });
}

// ajv-formats leaves the flag u out.
function isRegex(text) {
  try {
    return new RegExp(text, 'u') !== null;
  } catch {
    return false;
  }
}

// ajv-formats-draft2019 parses the mailboxes of idn-email by RFC 5321, which is as good for email.
const cases = JSON.parse(readFileSync(0, 'utf8'));
const verdicts = {};
for (const [format, texts] of Object.entries(cases)) {
  const first = format === 'regex' ? isRegex : checker(formats, format);
  const second = checker(formats2019, format === 'email' ? 'idn-email' : format);
  verdicts[format] = [first, second].map((accepts) => accepts && texts.map((text) => accepts(text)));
}
console.log(JSON.stringify(verdicts));
