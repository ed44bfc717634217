
// The live page: decisions are shown at once, sent in the background, and taken up from others.
(() => {
  const { live, rows, words, byId, make, number, shared, columns } = page;
  const { ID, TASK, PROMPT, DECISION, NOTE, ANEW, WHO, WHEN } = columns;
  if (!live) return;
  const places = new Map(rows.map((row, index) => [row[ID], index]));
  const KEYS = { a: 'approved', x: 'declined', u: '' };

  // What is said and not stored yet, in its order; the first `sending` of it are on their way.
  let unsent = [], sending = 0, trouble = '', back = 0;

  function say() {
    const count = unsent.length;
    byId('stored').textContent = trouble ? words('unstored', number.format(count), trouble)
      : count ? words('storing', number.format(count)) : told;
    byId('desk').dataset.trouble = trouble ? 'yes' : 'no';
    byId('retry').hidden = !(trouble && count);
  }
  let told = '';

  const about = () => {
    const chosen = page.chosen();
    if (chosen.length) return chosen;
    return page.currentIndex() === undefined ? [] : [page.currentIndex()];
  };
  const name = (indexes) => indexes.length === 1 ? rows[indexes[0]][ID] : words('ask_many', number.format(indexes.length));

  function showAbout() {
    const indexes = about(), many = page.chosen().length;
    byId('about').textContent = many ? words('deciding_many', number.format(many)) : indexes.length ? words('deciding', rows[indexes[0]][ID]) : '';
    for (const button of document.querySelectorAll('[data-act]')) button.disabled = !indexes.length;
  }

  // Shown before it is stored; what it was is kept for the case that it is refused.
  function decide(indexes, change) {
    for (const index of indexes) {
      const row = rows[index], before = [DECISION, NOTE, ANEW, WHO, WHEN].map((column) => row[column] || 0);
      put(row, change);
      unsent.push({ index, before, said: { id: row[ID], task: row[TASK] || null, ...change } });
      page.judge(index);
    }
    told = '';
    say();
    send();
  }

  function put(row, change) {
    if (change.decision !== undefined) row[DECISION] = page.decisions.indexOf(change.decision);
    if (change.note !== undefined) row[NOTE] = change.note.trim() || 0;
    if (change.prompt !== undefined) row[ANEW] = change.prompt.trim() || 0;
    if (page.decisions[row[DECISION] || 0] !== 'again') row[ANEW] = 0;
    row[WHO] = live.who;
    row[WHEN] = Date.now();
    for (let column = 0; column < row.length; column++) if (row[column] === undefined) row[column] = 0;
  }

  async function send() {
    if (sending || !unsent.length) return;
    clearTimeout(back);
    sending = Math.min(unsent.length, 200);
    try {
      const body = JSON.stringify({ said: unsent.slice(0, sending).map((one) => one.said) });
      const response = await fetch('decide', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      settle(unsent.splice(0, sending), answer.refused);
      trouble = '';
    } catch (error) {
      trouble = error instanceof TypeError ? words('gone_server') : error.message;
      back = setTimeout(send, 5000);
    }
    sending = 0;
    say();
    if (!trouble) send();
  }

  // `refused` says of each that was sent why it was not stored, or nothing.
  function settle(sent, refused) {
    told = words('stored');
    sent.forEach((one, place) => {
      if (!refused[place]) return;
      const row = rows[one.index];
      [DECISION, NOTE, ANEW, WHO, WHEN].forEach((column, at) => { row[column] = one.before[at]; });
      told = words('refused', row[ID], refused[place]);
      page.judge(one.index);
    });
    if (refused.some(Boolean)) byId('desk').dataset.trouble = 'yes';
  }

  // The dialog for what is said in words.
  let asked = null;
  function ask(key) {
    const indexes = about(), row = rows[indexes[0]], isAgain = key === 'r', isOne = indexes.length === 1;
    asked = { indexes, isAgain };
    byId('ask-head').textContent = words(isAgain ? 'ask_again' : 'ask_note', name(indexes));
    byId('ask-prompt').hidden = !isAgain;
    byId('ask-why').textContent = isAgain ? whyText : noteText;
    byId('new-prompt').value = isOne ? shared(row[ANEW]) || shared(row[PROMPT]) : '';
    byId('why').value = isOne ? shared(row[NOTE]) : '';
    byId('ask').showModal();
    (isAgain ? byId('new-prompt') : byId('why')).focus();
  }
  const whyText = byId('ask-why').textContent, noteText = document.querySelector('[data-act=n] span').textContent;

  function answer() {
    const { indexes, isAgain } = asked, note = byId('why').value, typed = byId('new-prompt').value.trim();
    byId('ask').close();
    if (!isAgain) return decide(indexes, { note });
    // The prompt that it has is not a new one.
    const isSame = indexes.length === 1 && typed === shared(rows[indexes[0]][PROMPT]);
    decide(indexes, { decision: 'again', prompt: isSame ? '' : typed, note });
  }

  function act(key) {
    const indexes = about();
    if (!indexes.length || !'arxnu'.includes(key)) return false;
    if (key === 'r' || key === 'n') { ask(key); return true; }
    const isOne = !page.chosen().length;
    decide(indexes, { decision: KEYS[key] });
    if (isOne && key !== 'u') page.goTo(page.current() + 1);
    return true;
  }

  page.keys(act);
  byId('desk').addEventListener('click', (event) => {
    const button = event.target.closest('[data-act]');
    if (button) act(button.dataset.act);
  });
  byId('yes').addEventListener('click', answer);
  byId('no').addEventListener('click', () => byId('ask').close());
  byId('ask').addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) answer();
  });
  byId('ask').addEventListener('close', () => page.goTo(page.current()));
  byId('retry').addEventListener('click', send);
  document.addEventListener('chosen', showAbout);
  addEventListener('beforeunload', (event) => { if (unsent.length) event.preventDefault(); });

  // What happens elsewhere: each event has the number after which the next one begins.
  let source = null, seen = live.seen, quiet = 0;
  const now = make('p', '', '');
  now.id = 'now';
  now.setAttribute('role', 'status');
  document.querySelector('header').append(now);

  function listen() {
    if (source) source.close();
    source = new EventSource(`changes?after=${encodeURIComponent(seen)}`);
    source.addEventListener('rows', (event) => { seen = event.lastEventId || seen; take(JSON.parse(event.data)); });
    source.addEventListener('standing', (event) => stand(JSON.parse(event.data)));
    source.addEventListener('moved', () => { source.close(); now.textContent = words('moved'); });
    source.addEventListener('open', () => clearTimeout(quiet));
    source.addEventListener('error', () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => { now.textContent = words('gone_server'); }, 3000);
      if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (!document.hidden) listen(); }, 5000);
    });
  }

  // What is said here and not stored yet is not overwritten by what was stored before.
  function take(fresh) {
    let isNew = false, isElsewhere = false;
    const open = new Set(unsent.map((one) => one.index));
    for (const row of fresh) {
      const index = places.get(row[ID]);
      if (index === undefined) {
        places.set(row[ID], rows.push(row) - 1);
        isNew = isElsewhere = true;
        continue;
      }
      if (open.has(index)) for (const column of [DECISION, NOTE, ANEW, WHO, WHEN]) row[column] = rows[index][column];
      const isSame = page.look(row) === page.look(rows[index]);
      isElsewhere ||= page.stateOf(row) !== page.stateOf(rows[index]);
      rows[index] = row;
      // Most of what comes is what was said here.
      if (isSame) page.judge(index); else page.renew(index);
    }
    if (isElsewhere) page.countStates();
    if (isNew) page.added();
    showAbout();
  }

  function stand({ asked: all, made, lacking, states, activity }) {
    for (const [key, count] of [['asked', all], ['made', made], ['lacking', lacking]]) {
      document.querySelector(`.tiles .${key} dd`).textContent = number.format(count);
    }
    const list = document.querySelector('.states'), unlisted = list.querySelector('[data-t=unlisted]');
    list.replaceChildren(...states.map(([state, count]) => {
      const item = make('li');
      item.append(make('b', '', number.format(count)), ' ', page.stateName(state));
      return item;
    }), ...unlisted ? [unlisted.parentElement] : []);
    now.textContent = activity || words('idle');
  }

  // A page that nobody sees holds no connection: browsers have six for each server.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) source.close(); else listen();
  });
  byId('desk').hidden = false;
  showAbout();
  say();
  listen();
})();
