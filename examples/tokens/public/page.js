// An answer in the browser. The address names it, so that a reload, another tab and another device find it.

const $ = (selector) => document.querySelector(selector);
const [form, article] = [$('form'), $('article')];

const REASONS = {
  complete: 'complete',
  stopped: 'stopped',
  lost: 'the server that wrote this is gone; ask again',
  failed: 'the model has failed; ask again',
};

let id; // of the answer that is shown
let last; // ID of the last part that was shown: what comes after it is asked for
let tokens; // shown so far
let source; // of events
let silence; // a timer, for when there is something to do because nothing is heard

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await post('answers', { question: form.elements.question.value });
  if (!answer) return;
  history.pushState(null, '', `?answer=${answer.id}`);
  form.reset();
  show();
});
$('#stop').addEventListener('click', () => post(`answers/${id}/stop`));
window.addEventListener('popstate', show);

// show begins with the answer that the address names.
function show() {
  close();
  id = new URLSearchParams(location.search).get('answer');
  last = '0-0';
  tokens = 0;
  $('main').hidden = !id;
  article.textContent = $('h2').textContent = '';
  if (id) {
    Object.assign($('dl a'), { href: location.href, textContent: 'open in another tab' });
    connect();
  }
}

// connect asks for what comes after the last part, and again when the connection ends or says nothing for 5 s.
function connect() {
  status(last === '0-0' ? 'connecting' : 'reconnecting');
  source = new EventSource(`answers/${encodeURIComponent(id)}/events?after=${last}`);
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(again, 5000);
  };
  listen();
  source.onerror = again;
  source.addEventListener('ping', listen);
  source.addEventListener('server', ({ data }) => {
    $('#server').textContent = data;
    status('writing');
  });
  source.addEventListener('gone', () => end('this answer is gone: it was kept for ten minutes'));
  source.onmessage = ({ data, lastEventId }) => {
    listen();
    last = lastEventId;
    const part = JSON.parse(data);
    parts[part.type](part);
    $('#tokens').textContent = tokens;
    $('#last').textContent = last;
  };
}

const parts = {
  begin({ question }) {
    $('h2').textContent = question;
  },
  token({ n, text }) {
    if (n < tokens) return; // it was kept twice
    tokens = n + 1;
    article.append(text);
  },
  end({ reason }) {
    end(REASONS[reason]);
  },
};

function again() {
  close();
  status('reconnecting');
  silence = setTimeout(connect, 300);
}

function close() {
  clearTimeout(silence);
  source?.close();
}

function end(words) {
  close();
  status(words);
}

function status(words) {
  $('[role=status]').textContent = words;
  const isOpen = ['connecting', 'writing', 'reconnecting'].includes(words);
  article.toggleAttribute('data-writing', isOpen);
  $('#stop').hidden = !isOpen;
}

// post resolves to the answer, or to nothing, and then says why.
async function post(path, body = {}) {
  let problem = 'the server does not answer, try again';
  try {
    const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(path, options);
    const answer = response.status === 204 ? {} : await response.json();
    problem = answer.error ?? '';
    if (response.ok) return answer;
  } catch {} finally {
    $('[role=alert]').textContent = problem;
  }
}

show();
