// The page asks REST and draws what it hears; it keeps no state but which job is open (in the address, #job=<id>).
'use strict';

const CLUSTER_MS = 2000; // overview, jobs, TaskManagers
const JOB_MS = 1000;     // the open job

const $ = (id) => document.getElementById(id);

// el('td', {class: 'num'}, 'text', child...): never HTML, so names of jobs cannot be markup.
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) { e.addEventListener(name.slice(2), value); } else if (value !== undefined) { e.setAttribute(name, value); }
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

// ---- numbers for people ----

function count(n) {
  if (n < 10000) { return n < 10 && n % 1 !== 0 ? n.toFixed(1) : String(Math.round(n)); }
  const units = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  const [size, unit] = units.find(([s]) => n >= s);
  return (n / size).toFixed(n / size < 100 ? 1 : 0) + ' ' + unit;
}

function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) { n /= 1024; }
  return (i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + ' ' + units[i];
}

function span(ms) {
  if (ms < 0) { return 'none'; }
  if (ms < 1000) { return Math.round(ms) + ' ms'; }
  const s = ms / 1000;
  if (s < 60) { return s.toFixed(1) + ' s'; }
  const whole = Math.floor(s);
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = parts.findIndex(([size]) => whole >= size);
  const high = Math.floor(whole / parts[first][0]);
  if (first + 1 >= parts.length) { return high + ' ' + parts[first][1]; }
  const low = Math.floor(whole % parts[first][0] / parts[first + 1][0]);
  return high + ' ' + parts[first][1] + (low > 0 ? ' ' + low + ' ' + parts[first + 1][1] : '');
}

const when = (ms) => new Date(ms).toLocaleString();
const percent = (share) => Math.round(share * 100) + ' %';
const MAX_WATERMARK = 9.2e18; // the end of time: the input has ended

function watermark(ms, now) {
  if (ms === null) { return el('span', {class: 'quiet'}, 'none yet'); }
  if (ms > MAX_WATERMARK) { return el('span', {class: 'quiet'}, 'end of input'); }
  if (Math.abs(ms) > 8.64e15) { return el('span', {class: 'quiet'}, String(ms)); }
  const behind = now - ms;
  const text = behind >= 0 ? span(behind) + ' behind' : span(-behind) + ' ahead';
  return el('span', {title: when(ms)}, text);
}

// ---- asking ----

const link = {set(ok, why) {
  const e = $('link');
  e.className = 'link ' + (ok ? 'live' : 'lost');
  const text = ok ? 'live' : 'The JobManager does not answer (' + why + '). Trying again.';
  if (e.textContent !== text) { e.textContent = text; }
}};

async function ask(path, options) {
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) { throw new Error((answer.errors || ['status ' + response.status])[0]); }
  return answer;
}

function openJob() {
  const found = /^#job=([0-9a-f]{32})$/.exec(location.hash);
  return found ? found[1] : null;
}

// ---- the cluster ----

function drawNumbers(o) {
  const numbers = [
    ['TaskManagers', o.taskmanagers], ['free of ' + o['slots-total'] + ' slots', o['slots-available']],
    ['running or waiting', o['jobs-running']], ['finished', o['jobs-finished']],
    ['canceled', o['jobs-cancelled']], ['failed', o['jobs-failed']],
  ];
  $('numbers').replaceChildren(...numbers.map(([name, n]) => el('div', {class: 'number'}, el('b', null, String(n)), el('span', null, name))));
  $('version').textContent = o['flink-version'];
}

const ENDED = ['FINISHED', 'FAILED', 'CANCELED'];
let sure = null; // the job whose cancel button was pressed once

async function cancel(id) {
  if (sure !== id) {
    sure = id;
    setTimeout(() => { if (sure === id) { sure = null; refreshCluster(); } }, 4000);
  } else {
    sure = null;
    try { await ask('/jobs/' + id + '?mode=cancel', {method: 'PATCH'}); } catch (e) { alert(e.message); }
  }
  refreshCluster();
}

function cancelButton(job) {
  if (ENDED.includes(job.state)) { return null; }
  const asked = sure === job.jid;
  return el('button', {onclick: () => cancel(job.jid), class: asked ? 'sure' : '', disabled: job.state === 'CANCELLING' ? '' : undefined,
    'aria-label': (asked ? 'Really cancel ' : 'Cancel ') + job.name}, asked ? 'Really?' : 'Cancel');
}

function taskWords(tasks) {
  const states = Object.entries(tasks).filter(([state, n]) => state !== 'total' && n > 0);
  return states.map(([state, n]) => n + ' ' + state).join(', ');
}

function drawJobs(jobs) {
  jobs.sort((a, b) => ENDED.includes(a.state) - ENDED.includes(b.state) || b['start-time'] - a['start-time']);
  const open = openJob();
  const rows = jobs.map((job) => el('tr', {class: job.jid === open ? 'chosen' : ''},
    el('td', {class: 'name'},
      el('a', {href: job.jid === open ? '#' : '#job=' + job.jid, title: job.jid}, job.name || job.jid),
      job.waiting ? el('small', {class: 'wait'}, job.waiting) : null,
      job.failure && job.jid !== open ? el('small', {class: 'bad'}, job.failure) : null),
    el('td', null, el('span', {class: 'state ' + job.state}, job.state)),
    el('td', null, when(job['start-time'])),
    el('td', {class: 'num'}, span(job.duration)),
    el('td', null, taskWords(job.tasks)),
    el('td', {class: 'num'}, cancelButton(job))));
  const none = el('tr', null, el('td', {class: 'empty', colspan: 6}, 'No jobs yet. Start one with: wiesel run job.so, job.c or graph.json'));
  $('jobs').replaceChildren(...(rows.length ? rows : [none]));
}

function slots(tm) {
  const all = [];
  for (let i = 0; i < Math.min(tm.slotsNumber, 64); i++) {
    all.push(el('span', {class: 'slot' + (i < tm.slotsNumber - tm.freeSlots ? ' taken' : '')}));
  }
  return el('div', {class: 'slots', role: 'img', 'aria-label': tm.freeSlots + ' of ' + tm.slotsNumber + ' slots free',
    title: tm.freeSlots + ' of ' + tm.slotsNumber + ' free'}, ...all);
}

function usedBar(used, total) {
  const bar = el('div', {class: 'bar', title: bytes(used) + ' of ' + bytes(total)}, el('i', {class: 'used'}));
  bar.firstChild.style.width = (total > 0 ? 100 * used / total : 0) + '%';
  return bar;
}

function drawTaskManagers(list, now) {
  const rows = list.map((tm) => el('tr', null,
    el('td', {class: 'name'}, tm.id, el('small', null, tm.path + ', process ' + tm.pid)),
    el('td', null, slots(tm)),
    el('td', {class: 'num'}, String(tm.assignedTasks)),
    el('td', {class: 'num', title: 'cores busy, of ' + tm.hardware.cpuCores}, tm.cpuLoad.toFixed(2)),
    el('td', {class: 'num'}, bytes(tm.residentMemory)),
    el('td', null, usedBar(tm.networkMemoryUsed, tm.memoryConfiguration.networkMemory)),
    el('td', {class: 'num'}, span(Math.max(0, now - tm.timeSinceLastHeartbeat)) + ' ago')));
  const none = el('tr', null, el('td', {class: 'empty', colspan: 7}, 'No TaskManager has registered. Start one with: wiesel-taskmanager'));
  $('tms').replaceChildren(...(rows.length ? rows : [none]));
}

async function refreshCluster() {
  try {
    const [overview, jobs, tms] = await Promise.all([ask('/overview'), ask('/jobs/overview'), ask('/taskmanagers')]);
    drawNumbers(overview);
    drawJobs(jobs.jobs);
    drawTaskManagers(tms.taskmanagers, tms.now);
    link.set(true);
  } catch (e) {
    link.set(false, e.message);
  }
}

// ---- one job ----

function loadBar(v) {
  const parts = [['busy', v.busy], ['backpressured', v.backpressured], ['idle', v.idle]];
  const words = parts.map(([name, share]) => name + ' ' + percent(share)).join(', ');
  const bar = el('div', {class: 'bar', role: 'img', title: words, 'aria-label': words});
  const sum = Math.max(1, v.busy + v.backpressured + v.idle);
  for (const [name, share] of parts) {
    const part = el('i', {class: name});
    part.style.width = 100 * share / sum + '%';
    bar.append(part);
  }
  return bar;
}

function facts(job) {
  const all = [
    ['state', job.state], ['running for', span(job.duration)],
    ['in', count(job['records-in-per-second']) + ' records/s'], ['out', count(job['records-out-per-second']) + ' records/s'],
    ['watermark', job['watermark-lag'] === null ? 'none yet' : span(job['watermark-lag']) + ' behind'],
    ['busiest', job.busiest.name ? job.busiest.name + ' (' + percent(job.busiest.ratio) + ')' : 'none'],
  ];
  if (job.ended) {
    all.splice(1, 5, ['ran for', span(job.duration)], ['in', count(job['records-in']) + ' records'], ['out', count(job['records-out']) + ' records']);
  }
  return all.flatMap(([name, value], i) => [(i > 0 ? ' \u00b7 ' : '') + name + ' ', el('b', null, value)]);
}

function drawJob(job) {
  $('job').hidden = false;
  $('job-title').textContent = job.name || job.id;
  $('job-facts').replaceChildren(...facts(job));
  $('job-note').hidden = !job.failure && !job.waiting;
  $('job-note').className = 'note' + (job.failure ? '' : ' wait');
  $('job-note').textContent = job.failure || (job.waiting ? 'Waits for slots: ' + job.waiting + '.' : '');
  const repeating = job['repeating-sinks'].map((sink) => sink.name + ' (' + sink.connector + ')');
  $('job-repeats').hidden = repeating.length === 0;
  $('job-repeats').textContent = 'After a restart these sinks may write rows again: ' + repeating.join(', ') + '.';
  $('vertices').replaceChildren(...job.vertices.map((v) => el('tr', null,
    el('td', {class: 'name'}, v.name),
    el('td', {class: 'num'}, String(v.parallelism)),
    el('td', null, el('span', {class: 'state ' + v.status}, v.status)),
    el('td', {class: 'num'}, count(v['records-in-per-second'])),
    el('td', {class: 'num'}, count(v['records-out-per-second'])),
    el('td', {class: 'num'}, count(v['records-in'])),
    el('td', {class: 'num'}, count(v['records-out'])),
    el('td', null, v.status === 'RUNNING' ? loadBar(v) : null),
    el('td', null, watermark(v.watermark, job.now)))));
}

async function refreshJob() {
  const id = openJob();
  if (!id) {
    $('job').hidden = true;
    return;
  }
  try {
    const job = await ask('/wiesel/v1/jobs/' + id);
    if (openJob() === id) { drawJob(job); }
  } catch (e) {
    if (openJob() === id) {
      $('job').hidden = false;
      $('job-title').textContent = id;
      $('job-facts').replaceChildren();
      $('job-repeats').hidden = true;
      $('job-note').hidden = false;
      $('job-note').className = 'note';
      $('job-note').textContent = e.message;
      $('vertices').replaceChildren();
    }
  }
}

// One after the other, so that a slow answer never piles up requests; a hidden tab asks nothing.
async function forever(refresh, ms) {
  for (;;) {
    if (!document.hidden) { await refresh(); }
    await new Promise((done) => setTimeout(done, ms));
  }
}

addEventListener('hashchange', () => { refreshJob(); refreshCluster(); });
document.addEventListener('visibilitychange', () => { if (!document.hidden) { refreshJob(); refreshCluster(); } });
forever(refreshCluster, CLUSTER_MS);
forever(refreshJob, JOB_MS);
