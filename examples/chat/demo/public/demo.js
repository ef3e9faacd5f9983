// The page: frames of all hosts, and the buttons.

const $ = (selector, from = document) => from.querySelector(selector);
const articles = [...document.querySelectorAll('article')];

// show puts the hosts into frames, and their addresses and commands where the text speaks of them.
function show({ hosts, program }) {
  hosts.forEach(({ chat, status, frame }, i) => {
    const host = $('#host').content.cloneNode(true);
    fill($('.chat', host), `Chat on server ${i + 1}`, chat, chat);
    fill($('.status', host), `Status of relay ${i + 1}`, frame, status);
    $('.status iframe', host).name = `relay-${i}`;
    $('#hosts').append(host);
  });
  for (const link of document.querySelectorAll('a[data-host]')) {
    const host = hosts[link.dataset.host];
    if (!host) continue;
    Object.assign(link, { href: `${host.frame}/#${link.dataset.part}`, target: `relay-${link.dataset.host}` });
    link.addEventListener('click', () => $(`[name="${link.target}"]`).scrollIntoView({ block: 'nearest' }));
  }
  for (const code of document.querySelectorAll('code[data-command]')) {
    code.textContent = `${program} ${code.dataset.command} --socket.path ${hosts[code.dataset.host]?.socket}`;
  }
}

function fill(box, title, address, alone) {
  Object.assign($('iframe', box), { title, src: address });
  const link = $('a', box);
  link.href = alone;
  link.setAttribute('aria-label', `open alone: ${title}`);
  $('h2', box).textContent = title;
}

// update says of each incident whether it is under way.
function update({ incidents }) {
  for (const article of articles) {
    const name = article.dataset.incident;
    const left = incidents[name];
    const button = $('button', article);
    const isNew = article.classList.toggle('on', left > 0) !== (button.dataset.step === 'stop');
    button.dataset.step = left > 0 ? 'stop' : 'start';
    button.textContent = button.dataset[button.dataset.step];
    button.disabled = left === undefined;
    const untold = left === undefined ? 'Not for this kind of REDIS_URL.' : '';
    $('.left', article).textContent = left > 0 ? `ends by itself in ${left} s` : untold;
    if (left > 0 && isNew) $('details', article).open = true;
    if (isNew && started) $('#told').textContent = `${$('h3', article).textContent}: ${left > 0 ? 'begins' : 'is over'}`;
  }
  $('#away').classList.toggle('cut', incidents.redis > 0);
}

for (const article of articles) {
  const button = $('button', article);
  button.addEventListener('click', async () => {
    await fetch(`/incidents/${article.dataset.incident}/${button.dataset.step}`, { method: 'POST' }).catch(() => {});
    await ask();
  });
}

// ask brings the page up to date, and notices when the demo has gone.
let started = false;
async function ask() {
  try {
    const state = await (await fetch('/state', { signal: AbortSignal.timeout(2000) })).json();
    if (!started) show(state);
    update(state);
    started = true;
    $('#gone').hidden = true;
  } catch {
    $('#gone').hidden = !started;
  }
}
await ask();
setInterval(ask, 500);
