'use strict';
const page = (() => {
  // The columns of a row, as `data.rs` writes them.
  const ID = 0, STATE = 1, FLAGS = 2, FACE_DIR = 3, FACE = 4, VOICE_DIR = 5, VOICE = 6, LENGTH = 7, SINCE = 8,
    CREATED = 9, TASK = 10, PATH = 11, PLAYS = 13, COST = 14, CREDITS = 15, CODE = 16, ERROR = 17, PROMPT = 18, TAGS = 20, DECISION = 21, NOTE = 22, ANEW = 23, WHO = 24, WHEN = 25, TAKE = 26;
  const CHINESE = {
    skip: '跳到列表', as_of: '截至', sum: '总览', asked: '应制作', made: '已完成', lacking: '未完成',
    unlisted: '已不在清单中', spent: '预计花费', billed: '计费秒数', unmeasured: '时长未知的请求',
    credits: '服务方计的点数（任务数）', spoilt: '失败或被替换的任务所计点数', length: '视频', took: '从首个事件到最后一个',
    slowest: '最慢的视频', next: '下一步', causes: '出错原因', doubts: '存疑：可能已计费', more: '更多', time: '时间线',
    per: '统计间隔', at_most: '最多', 'l.intended': '已发出的请求', 'l.accepted': '已接受', 'l.not_made': '被推迟，将重试',
    'l.refused': '已拒绝', 'l.lost': '存疑', 'l.saved': '已保存的视频', 'l.paused': '暂停发出请求', longest: '仅列出最长的几次。', server: '服务方处理一个任务的时间', tasks: '任务',
    half: '一半不超过', nine: '九成不超过', pairs: '列表', search: '搜索', cause: '原因', any: '全部', sort: '排序',
    'o.order': '清单顺序', 'o.id': '编号', 'o.cost': '花费', 'o.length': '时长', 'o.took': '用时', 'o.since': '最近变化',
    turn: '倒序', grid: '网格', state: '状态', all: '全选所列', none: '取消选择', copy: '复制编号', save: '存为 CSV',
    hover: '指针停留时播放', keys: '快捷键', 's.planned': '待发送', 's.sending': '发送中', 's.created': '已创建',
    's.completed': '待下载', 's.saved': '已保存', 's.failed': '失败', 's.rejected': '被拒绝', 's.in_doubt': '存疑',
    's.abandoned': '已放弃', 'a.go_on': '继续', 'a.retry_failed': '重新制作失败的（每个都是新的计费任务）',
    'a.retry_rejected': '重新发送被拒绝的（此前未计费）', 'a.reconcile': '在账户的任务列表中查找存疑的',
    'a.adopt_proposed': '接管已指明的任务（若服务方认得）', 'a.table': '用一张表处理所有存疑的',
    'a.adopt': '任务存在：接管', 'a.resend': '任务不存在：重新制作', 'a.abandon': '放弃', 'a.look': '查看当前状态',
    shown: '{0} / {1}，已选 {2}', copied: '已复制', show: '列出', play: '播放 {0}', choose: '选择 {0}', face: '人像', voice: '音频',
    gone: '文件不在', changed: '发送后清单有改动', cost: '花费 {0}', credited: '点数 {0}', in: '用时 {0}', first: '前 {0} 个（共 {1} 个）', copy_command: '复制', 'a.review': '观看视频并作出决定', tag: '标签', take: '第几次', review: '决定', 'd.none': '尚未决定', 'd.approved': '通过', 'd.again': '重做', 'd.declined': '不用',
    'd.note': '有备注', approve: '通过', again: '重做', decline: '不用', note: '备注', undo: '撤销', decided_by: '{0}，{1}', decide_keys: '决定', with_prompt: '新提示词：{0}',
    where: '请在实时页面中作出决定：{0}', deciding: '正在决定：{0}', deciding_many: '正在决定：所选的 {0} 个', ask_again: '重做 {0}', ask_note: '{0} 的备注', ask_many: '{0} 个视频',
    prompt: '提示词（不改则沿用）', why: '原因', yes: '确定', no: '取消', stored: '已保存', storing: '正在保存 {0} 项', unstored: '{0} 项决定未能保存：{1}', try_again: '再试',
    gone_server: '与 callsheet review 的连接已断开', refused: '{0}：{1}', moved: '账本已被替换：请重新载入', reload: '重新载入', idle: '没有运行在进行', 'c.pair': '编号', 'c.state': '状态', 'c.length': '时长', 'c.error': '错误', 'c.task': '任务编号',
  };
  const ENGLISH = {
    shown: '{0} of {1}, {2} selected', copied: 'Copied', show: 'Show these', play: 'Play {0}', choose: 'Select {0}', face: 'portrait', voice: 'recording',
    gone: 'not there', unlisted: 'no longer in the manifest', changed: 'changed in the manifest after it was sent', cost: 'cost {0}', credited: 'credits {0}', in: 'took {0}', first: 'The first {0} of {1} pairs', copy_command: 'Copy', 'd.none': 'undecided', 'd.approved': 'approved', 'd.again': 'to be made again', 'd.declined': 'declined', decided_by: '{0}, {1}', with_prompt: 'with: {0}',
    where: 'Decide on the live page: {0}', deciding: 'Decide about {0}', deciding_many: 'Decide about the {0} selected', ask_again: 'Make {0} again', ask_note: 'Note on {0}', ask_many: '{0} videos',
    stored: 'stored', storing: 'storing {0}', unstored: '{0} not stored: {1}', try_again: 'Try again', gone_server: 'No connection to callsheet review', refused: '{0}: {1}',
    moved: 'The ledger was replaced: load this page again', reload: 'Load again', idle: 'No run is under way', 'c.pair': 'Pair', 'c.state': 'State',
    'c.length': 'Length', 'c.error': 'Error', 'c.task': 'Task',
  };
  const isChinese = /^zh\b/i.test(document.documentElement.dataset.lang || navigator.language || '');
  const words = (key, ...values) => {
    const text = (isChinese && CHINESE[key]) || ENGLISH[key] || key;
    return text.replace(/\{(\d)\}/g, (_, place) => values[place]);
  };
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  if (isChinese) {
    document.documentElement.lang = 'zh-Hans';
    for (const element of document.querySelectorAll('[data-t]')) {
      element.textContent = CHINESE[element.dataset.t] || element.textContent;
    }
    for (const element of document.querySelectorAll('[data-t-label]')) {
      element.setAttribute('aria-label', CHINESE[element.dataset.tLabel]);
    }
  }

  const block = byId('data');
  const { states, rows, texts, live } = JSON.parse(block.textContent);
  block.remove();

  // Texts that many rows have are written once; theirs count from 1, for there may be none.
  const shared = (name) => typeof name === 'number' ? texts[name - 1] || '' : name || '';
  const folder = (name) => typeof name === 'number' ? texts[name] : name || '';
  const stateOf = (row) => states[row[STATE] || 0];
  const face = (row) => folder(row[FACE_DIR]) + row[FACE];
  const voice = (row) => folder(row[VOICE_DIR]) + row[VOICE];
  const DECISIONS = ['', 'approved', 'again', 'declined'];
  const decisionOf = (row) => DECISIONS[row[DECISION] || 0];
  const tagsOf = (row) => shared(row[TAGS]).split(',').filter(Boolean);
  // A server finds what belongs to a pair by its id; another task's video has another address.
  const from = (kind, row) => `${kind}/${encodeURIComponent(row[ID])}?${encodeURIComponent(row[TASK] || '')}`;
  const video = (row) => !row[PATH] ? '' : live ? from('video', row) : row[PATH] === 1 ? `videos/${encodeURIComponent(row[ID])}.mp4` : row[PATH];
  const took = (row) => stateOf(row) === 'saved' && row[CREATED] ? row[SINCE] - row[CREATED] : 0;
  const isRemote = (link) => /^https?:\/\//i.test(link);
  const stateName = (state) => isChinese ? CHINESE['s.' + state] : state.replace('_', ' ');
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 6 });
  const time = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'medium', timeStyle: 'short' });
  const seconds = (millis) => millis ? `${(millis / 1000).toFixed(1)} s` : '';

  let hay = null;
  const haystack = (row) => [row[ID], row[TASK], row[FACE], row[VOICE], ...[CODE, ERROR, PROMPT, TAGS, NOTE, ANEW].map((column) => shared(row[column]))]
    .filter(Boolean).join('\n').toLowerCase();

  const isJudged = Boolean(live) || rows.some((row) => row[WHO]);
  let shown = [], chosen = new Set(), current = 0, wanted = new Set(), playing = null;
  const list = byId('list'), seen = byId('seen'), drawn = new Map();

  // A place in the list is a number in `shown`; the page scrolls, and only what is seen is drawn.
  const TALLEST = 1e7;
  let columns = 1, rowHeight = 84, margin = 0;
  const lines = () => Math.ceil(shown.length / columns);
  const whole = () => lines() * rowHeight + margin;
  const tall = () => Math.min(whole(), TALLEST);
  // Browsers cannot draw a page of any height: beyond the tallest, a step of the page is several of the list.
  const ratio = () => {
    const room = tall() - innerHeight;
    return room > 0 ? Math.max(1, (whole() - innerHeight) / room) : 1;
  };

  function measure() {
    const isGrid = byId('look').getAttribute('aria-pressed') === 'true';
    seen.className = [isGrid && 'grid', isJudged && 'judged'].filter(Boolean).join(' ');
    columns = isGrid ? Math.max(1, Math.floor((list.clientWidth + 12) / 252)) : 1;
    seen.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    rowHeight = isGrid ? isJudged ? 406 : 362 : !matchMedia('(max-width: 63rem)').matches ? 84 : isJudged ? 164 : 132;
    margin = isGrid ? 12 : 0;
    list.style.height = `${tall()}px`;
  }

  let resting = 0;
  function draw() {
    const top = Math.max(0, -list.getBoundingClientRect().top);
    const real = top * ratio();
    const first = Math.max(0, Math.floor(real / rowHeight) - 2);
    const last = Math.min(lines(), Math.ceil((real + innerHeight) / rowHeight) + 2);
    const [from, to] = [first * columns, Math.min(shown.length, last * columns)];
    for (const [place, element] of drawn) {
      if (place < from || place >= to) { drop(element); drawn.delete(place); }
    }
    let next = seen.firstChild;
    for (let place = from; place < to; place++) {
      const there = drawn.get(place);
      if (there) { next = there.nextSibling; continue; }
      const element = pair(place);
      seen.insertBefore(element, next);
      drawn.set(place, element);
    }
    seen.style.transform = `translateY(${Math.round(first * rowHeight - real + top)}px)`;
    clearTimeout(resting);
    // What only flies by is not read from the disk.
    resting = setTimeout(() => {
      for (const element of seen.querySelectorAll('video[data-at]')) {
        element.src = element.dataset.at;
        element.removeAttribute('data-at');
      }
    }, 120);
  }

  function drop(element) {
    const film = element.querySelector('video');
    if (film) {
      if (film === playing) playing = null;
      film.removeAttribute('src');
      film.load();
    }
    element.remove();
  }

  function redraw() {
    for (const element of drawn.values()) drop(element);
    drawn.clear();
    measure();
    draw();
  }

  function pair(place) {
    const index = shown[place], row = rows[index], state = stateOf(row);
    const element = make('div', `pair is-${state === 'saved' && row[CODE] ? 'odd' : state}`);
    element.setAttribute('role', 'listitem');
    element.setAttribute('aria-posinset', place + 1);
    element.setAttribute('aria-setsize', shown.length);
    element.tabIndex = place === current ? 0 : -1;
    element.dataset.place = place;
    if (chosen.has(index)) element.dataset.chosen = 'yes';
    element.append(pick(index, row), poster(row), names(row), standing(row, state), numbers(row), links(row));
    if (isJudged) element.append(verdict(row));
    return element;
  }

  function verdict(row) {
    const at = make('div', 'verdict'), decision = decisionOf(row), note = shared(row[NOTE]), anew = shared(row[ANEW]);
    if (decision) at.append(make('b', `is-${decision}`, words(`d.${decision}`)));
    const said = [note, anew && words('with_prompt', anew)].filter(Boolean).join(' · ');
    if (said) at.append(make('span', 'why', said));
    if (row[WHO] && (decision || said)) {
      const when = row[WHEN] ? time.format(row[WHEN]) : '';
      at.append(make('small', '', words('decided_by', shared(row[WHO]), when)));
      at.title = [decision && words(`d.${decision}`), note, anew, `${shared(row[WHO])} ${when}`].filter(Boolean).join('\n');
    }
    return at;
  }

  // What is seen of a row besides what is said of it, however its texts are written.
  const look = (row) => [...[STATE, FLAGS, LENGTH, SINCE, CREATED, TASK, PATH, PLAYS, COST, CREDITS].map((column) => row[column] || 0), face(row), voice(row),
    ...[CODE, ERROR, PROMPT, TAGS].map((column) => shared(row[column]))].join('\n');

  // Something was said of a pair.
  function judge(index) {
    if (hay) hay[index] = haystack(rows[index]);
    for (const [place, element] of drawn) {
      if (shown[place] === index) element.querySelector('.verdict').replaceWith(verdict(rows[index]));
    }
  }

  // A row has changed: what plays goes on.
  function renew(index) {
    if (hay) hay[index] = haystack(rows[index]);
    for (const [place, element] of drawn) {
      if (shown[place] !== index) continue;
      const fresh = pair(place), film = element.querySelector('video'), next = fresh.querySelector('video');
      if (film && next && (film.dataset.at || film.getAttribute('src')) === next.dataset.at) fresh.querySelector('.shown').replaceWith(element.querySelector('.shown'));
      else if (film) { film.removeAttribute('src'); film.load(); }
      const isHere = element.contains(document.activeElement);
      element.replaceWith(fresh);
      drawn.set(place, fresh);
      if (isHere) fresh.focus({ preventScroll: true });
    }
  }

  function pick(index, row) {
    const label = make('label', 'pick'), box = make('input');
    box.type = 'checkbox';
    box.checked = chosen.has(index);
    box.setAttribute('aria-label', words('choose', row[ID]));
    label.append(box);
    return label;
  }

  function poster(row) {
    const link = video(row);
    if (!link) return make('div', 'shown empty');
    const button = make('button', 'shown'), film = make('video');
    button.type = 'button';
    button.setAttribute('aria-label', words('play', row[ID]));
    film.preload = 'metadata';
    film.muted = true;
    film.playsInline = true;
    film.tabIndex = -1;
    film.dataset.at = link;
    film.addEventListener('error', () => {
      if (film.getAttribute('src')) button.replaceChildren(make('span', '', words('gone')));
    });
    button.append(film);
    return button;
  }

  function names(row) {
    const name = make('div', 'name'), id = make('b', '', row[ID]), prompt = shared(row[PROMPT]);
    name.append(id, make('small', '', prompt || row[TASK] || ''));
    name.title = [row[ID], row[TASK], prompt].filter(Boolean).join('\n');
    return name;
  }

  function standing(row, state) {
    const at = make('div', 'state'), isListed = row[FLAGS] & 1, isChanged = row[FLAGS] & 2;
    const why = [!isListed && words('unlisted'), isChanged && words('changed'), shared(row[CODE]), shared(row[ERROR])]
      .filter(Boolean).join(': ');
    at.append(make('b', '', stateName(state)));
    if (why) { at.append(make('span', 'why', why)); at.title = why; }
    return at;
  }

  function numbers(row) {
    const all = make('div', 'numbers');
    const credits = row[CREDITS] && words('credited', number.format(row[CREDITS] / 1e6));
    const cost = row[COST] ? words('cost', number.format(row[COST] / 1e6)) : credits;
    for (const text of [seconds(row[PLAYS] || row[LENGTH]), cost, took(row) && words('in', seconds(took(row)))]) {
      if (text) all.append(make('span', '', text));
    }
    return all;
  }

  function links(row) {
    const all = make('div', 'links');
    for (const [key, link, name] of [['face', face(row), row[FACE]], ['voice', voice(row), row[VOICE]]]) {
      const isHere = !isRemote(link);
      // Without what signed it a link leads nowhere; a server has it whole.
      const leads = live || isHere || !link.endsWith('…');
      const shownAs = make(leads ? 'a' : 'span', key === 'face' ? 'face' : '');
      if (leads) { shownAs.href = live ? from(key, row) : link; shownAs.rel = 'noreferrer noopener'; shownAs.target = '_blank'; }
      if (isHere && key === 'face') {
        const picture = make('img');
        picture.alt = '';
        picture.loading = 'lazy';
        picture.src = live ? from(key, row) : link;
        shownAs.append(picture);
      }
      shownAs.append(words(key));
      shownAs.title = link;
      all.append(shownAs);
    }
    return all;
  }

  const keyOf = {
    order: (row, index) => index,
    id: (row) => row[ID],
    cost: (row) => row[COST] || row[CREDITS] || 0,
    length: (row) => row[PLAYS] || row[LENGTH] || 0,
    took,
    since: (row) => row[SINCE] || 0,
  };

  function refresh() {
    const sought = byId('search').value.trim().toLowerCase(), cause = byId('cause').value;
    const tag = byId('tag').value, review = byId('review').value, take = byId('take').value;
    if (sought && !hay) hay = rows.map(haystack);
    shown = [];
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index];
      if (wanted.size && !wanted.has(stateOf(row))) continue;
      if (cause && causeOf(row) !== cause) continue;
      if (tag && !tagsOf(row).includes(tag)) continue;
      if (take && String(takeOf(row)) !== take) continue;
      if (review && !(review === 'note' ? row[NOTE] : (decisionOf(row) || 'none') === review)) continue;
      if (sought && !hay[index].includes(sought)) continue;
      shown.push(index);
    }
    const by = byId('sort').value;
    if (by !== 'order') {
      const keys = rows.map(keyOf[by]);
      shown.sort((a, b) => keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b);
    }
    if (byId('turn').getAttribute('aria-pressed') === 'true') shown.reverse();
    current = 0;
    redraw();
    say();
  }

  function say() {
    byId('count').textContent = words('shown', number.format(shown.length), number.format(rows.length), number.format(chosen.size));
    for (const id of ['none', 'copy', 'save']) byId(id).disabled = !chosen.size;
    document.dispatchEvent(new Event('chosen'));
    for (const [place, element] of drawn) {
      const isChosen = chosen.has(shown[place]);
      if (isChosen) element.dataset.chosen = 'yes'; else delete element.dataset.chosen;
      element.querySelector('.pick input').checked = isChosen;
    }
  }

  const takeOf = (row) => (row[TAKE] || 0) + 1;
  const causeOf = (row) => row[CODE] ? `${stateOf(row)} ${shared(row[CODE])}` : '';

  function countStates() {
    const counts = new Map();
    for (const row of rows) counts.set(stateOf(row), (counts.get(stateOf(row)) || 0) + 1);
    byId('states').replaceChildren(...states.filter((state) => counts.has(state) || wanted.has(state)).map((state) => {
      const button = make('button', '', `${stateName(state)} ${number.format(counts.get(state) || 0)}`);
      button.type = 'button';
      button.setAttribute('aria-pressed', wanted.has(state));
      button.addEventListener('click', () => {
        if (press(button)) wanted.add(state); else wanted.delete(state);
        refresh();
      });
      return button;
    }));
  }

  function choices() {
    const causes = new Map();
    for (const cause of rows.map(causeOf)) if (cause) causes.set(cause, (causes.get(cause) || 0) + 1);
    countStates();
    const sorted = [...causes].sort((a, b) => b[1] - a[1]).slice(0, 500);
    for (const [cause, count] of sorted) {
      const option = make('option', '', `${cause.replace(' ', ': ')} (${number.format(count)})`);
      option.value = cause;
      byId('cause').append(option);
    }
    byId('cause').parentElement.hidden = !causes.size;
    const tags = new Map();
    for (const tag of rows.flatMap(tagsOf)) tags.set(tag, (tags.get(tag) || 0) + 1);
    for (const [tag, count] of [...tags].sort((a, b) => b[1] - a[1]).slice(0, 500)) {
      const option = make('option', '', `${tag} (${number.format(count)})`);
      option.value = tag;
      byId('tag').append(option);
    }
    byId('tag').parentElement.hidden = !tags.size;
    const takes = new Map();
    for (const take of rows.map(takeOf)) takes.set(take, (takes.get(take) || 0) + 1);
    for (const [take, count] of [...takes].sort((a, b) => a[0] - b[0])) {
      const option = make('option', '', `${take} (${number.format(count)})`);
      option.value = take;
      byId('take').append(option);
    }
    byId('take').parentElement.hidden = takes.size < 2;
    byId('review').parentElement.hidden = !isJudged;
    for (const item of document.querySelectorAll('.causes li')) {
      const cause = `${item.dataset.state} ${item.dataset.code}`;
      if (!causes.has(cause)) continue;
      const button = make('button', '', words('show'));
      button.type = 'button';
      button.addEventListener('click', () => {
        byId('cause').value = cause;
        refresh();
        byId('pairs-head').focus();
      });
      item.append(button);
    }
  }

  function press(button) {
    const isPressed = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', isPressed);
    return isPressed;
  }

  function choose(index, isChosen) {
    if (isChosen) chosen.add(index); else chosen.delete(index);
    say();
  }

  function goTo(place) {
    if (!shown.length) return;
    const before = drawn.get(current);
    if (before) before.tabIndex = -1;
    current = Math.min(Math.max(place, 0), shown.length - 1);
    const start = Math.floor(current / columns) * rowHeight, above = byId('tools').offsetHeight;
    const top = list.getBoundingClientRect().top;
    const real = Math.max(0, -top) * ratio();
    const low = start + rowHeight + margin - innerHeight, high = start - above;
    if (top > above || real > high || real < low) {
      const aim = real < low && top <= above ? low : high;
      scrollTo(0, scrollY + top + aim / ratio());
    }
    draw();
    const element = drawn.get(current);
    if (element) { element.tabIndex = 0; element.focus({ preventScroll: true }); }
    document.dispatchEvent(new Event('chosen'));
  }

  // What the keys of decisions do: in a file they say where they would work.
  let act = (key) => {
    if (!'arxnu'.includes(key)) return false;
    const command = document.querySelector('[data-aim=review] .command');
    byId('hint').textContent = words('where', command ? command.textContent : 'callsheet review MANIFEST');
    byId('hint').hidden = false;
    return true;
  };

  function play(element) {
    const film = element.querySelector('video');
    if (!film) return;
    if (film.dataset.at) { film.src = film.dataset.at; film.removeAttribute('data-at'); }
    if (film.paused || film.muted) {
      if (playing && playing !== film) playing.pause();
      playing = film;
      film.muted = false;
      film.loop = false;
      film.play().catch(() => {});
    } else {
      film.pause();
    }
  }

  const cell = (text) => {
    const safe = String(text === undefined || text === 0 ? '' : text);
    const told = /^[=+\-@\t\r]/.test(safe) ? `'${safe}` : safe;
    return /[",\r\n]/.test(told) ? `"${told.replaceAll('"', '""')}"` : told;
  };

  function csv() {
    const moment = (millis) => millis ? new Date(millis).toISOString() : '';
    const head = 'id,state,task_id,image_url,audio_url,audio_seconds,created_at,video_path,error_code,error,credits,cost,tags,review,note,new_prompt,reviewer';
    const all = [...chosen].sort((a, b) => a - b).map((index) => {
      const row = rows[index];
      return [row[ID], stateOf(row), row[TASK], face(row), voice(row), row[LENGTH] ? row[LENGTH] / 1000 : '', moment(row[CREATED]),
        row[PATH] ? decodeURIComponent(row[PATH] === 1 ? `videos/${row[ID]}.mp4` : row[PATH]) : '', shared(row[CODE]), shared(row[ERROR]), row[CREDITS] ? row[CREDITS] / 1e6 : '',
        row[COST] ? row[COST] / 1e6 : '', shared(row[TAGS]), decisionOf(row), shared(row[NOTE]), shared(row[ANEW]), shared(row[WHO])].map(cell).join(',');
    });
    return [head, ...all].join('\r\n') + '\r\n';
  }

  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    const before = button.textContent;
    if (before === words('copied')) return;
    button.textContent = words('copied');
    setTimeout(() => { button.textContent = before; }, 1500);
  }

  function save() {
    const link = make('a'), file = URL.createObjectURL(new Blob(['\ufeff', csv()], { type: 'text/csv' }));
    link.href = file;
    link.download = 'selection.csv';
    link.click();
    setTimeout(() => URL.revokeObjectURL(file), 10_000);
  }

  const placeOf = (target) => {
    const element = target.closest && target.closest('.pair');
    return element ? Number(element.dataset.place) : -1;
  };

  seen.addEventListener('click', (event) => {
    const place = placeOf(event.target);
    if (place < 0) return;
    const before = drawn.get(current);
    if (before) before.tabIndex = -1;
    current = place;
    drawn.get(place).tabIndex = 0;
    document.dispatchEvent(new Event('chosen'));
    if (event.target.closest('.shown')) play(drawn.get(place));
  });
  seen.addEventListener('change', (event) => {
    if (event.target.matches('.pick input')) choose(shown[placeOf(event.target)], event.target.checked);
  });
  seen.addEventListener('pointerover', (event) => {
    const film = byId('hover').checked && event.target.matches('video') && event.target;
    if (!film || !film.paused) return;
    film.muted = true;
    film.loop = true;
    film.play().catch(() => {});
  });
  seen.addEventListener('pointerout', (event) => {
    if (event.target.matches('video') && event.target.muted) event.target.pause();
  });

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.matches('input[type=search], select, textarea');
    if (event.key === 'Escape' && isTyping) return goTo(current);
    if (isTyping || !byId('keys').checked) return;
    const isFree = !event.target.matches('button, a, summary');
    if (event.key === 'j') goTo(placeOf(event.target) < 0 ? current : current + 1);
    else if (event.key === 'k') goTo(current - 1);
    else if (event.key === '/') byId('search').focus();
    else if (event.key === 'v' && shown.length) choose(shown[current], !chosen.has(shown[current]));
    else if (event.key === 'Enter' && isFree && drawn.has(current)) play(drawn.get(current));
    else if (!act(event.key)) return;
    event.preventDefault();
  });

  let waiting = 0;
  byId('search').addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 80);
  });
  for (const id of ['cause', 'tag', 'take', 'review', 'sort']) byId(id).addEventListener('change', refresh);
  byId('turn').addEventListener('click', () => { press(byId('turn')); refresh(); });
  byId('look').addEventListener('click', () => { press(byId('look')); redraw(); });
  byId('all').addEventListener('click', () => { shown.forEach((index) => chosen.add(index)); say(); });
  byId('none').addEventListener('click', () => { chosen.clear(); say(); });
  byId('copy').addEventListener('click', () => {
    copy([...chosen].sort((a, b) => a - b).map((index) => rows[index][ID]).join('\n'), byId('copy'));
  });
  byId('save').addEventListener('click', save);
  for (const command of document.querySelectorAll('.command')) {
    const button = make('button', '', words('copy_command'));
    button.type = 'button';
    button.addEventListener('click', () => copy(command.textContent, button));
    command.after(button);
  }

  // Paper has no end that one could scroll to.
  addEventListener('beforeprint', () => {
    const table = make('table'), head = make('tr');
    table.id = 'paper';
    table.append(make('caption', '', words('first', number.format(Math.min(shown.length, 1000)), number.format(shown.length))));
    for (const key of ['pair', 'state', 'length', 'task', 'error']) head.append(make('th', '', words(`c.${key}`)));
    table.append(head);
    for (const index of shown.slice(0, 1000)) {
      const row = rows[index], line = make('tr');
      const why = [shared(row[CODE]), shared(row[ERROR])].filter(Boolean).join(': ');
      for (const text of [row[ID], stateName(stateOf(row)), seconds(row[PLAYS] || row[LENGTH]), row[TASK] || '', why]) line.append(make('td', '', text));
      table.append(line);
    }
    byId('pairs').append(table);
  });
  addEventListener('afterprint', () => byId('paper') && byId('paper').remove());

  if (matchMedia('(prefers-reduced-motion: reduce)').matches) byId('hover').parentElement.hidden = true;
  choices();
  byId('tools').hidden = false;
  list.hidden = false;
  refresh();
  let asked = 0;
  const soon = () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(draw); };
  addEventListener('scroll', soon, { passive: true });
  addEventListener('resize', () => { measure(); redraw(); });
  return {
    live, rows, words, byId, make, number, shared, stateOf, stateName, countStates, look, judge, renew, goTo, decisions: DECISIONS,
    columns: { ID, TASK, PROMPT, DECISION, NOTE, ANEW, WHO, WHEN },
    current: () => current,
    currentIndex: () => shown[current],
    chosen: () => [...chosen].sort((a, b) => a - b),
    added: () => { hay = null; refresh(); },
    keys: (to) => { act = to; },
  };
})();
