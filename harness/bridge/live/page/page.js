// The live page: asks for what it does not know yet once a second, and shows it.

import { Chart, Lanes, moment, number, time, whole } from "./chart.js";
import { showPanel } from "./panel.js";
import { CHARTS, EVENING, ok, streamed } from "./pictures.js";

const EVERY_MS = 1000;

/** The height of the evening's drawing on its own, and what stands above and below it in its card. */
const TALL = 300, ABOVE = 60;

const $ = (id) => document.getElementById(id);

const PHASES = {
  ready: "Ready", waiting: "Starting", playing: "Playing", draining: "Draining",
  reporting: "Making the report", finished: "Finished", failed: "Could not begin",
};

const evening = new Chart($("evening"), EVENING);
const charts = [evening, ...CHARTS.map((spec) => new Chart($("plots").appendChild(figure()), spec))];
const lanes = new Lanes($("breakers"));

function figure() {
  const made = document.createElement("figure");
  made.className = "chart";
  return made;
}

const run = { name: "", about: null, bins: [], width_s: 1, faults: [], workers: [], totals: null };
let pointed = null;
let drawing = 0;
let happened = 0;

/** Take in an answer. */
function take(told) {
  if (told.about) {
    Object.assign(run, { name: told.run, about: told.about, bins: [], totals: null });
    happened = 0;
    $("happenings").replaceChildren();
    introduce(told.about);
  }
  run.bins.length = Math.min(run.bins.length, told.since);
  run.bins.push(...told.bins);
  Object.assign(run, { width_s: told.width_s, elapsed_s: told.elapsed_s, totals: told.totals, now: told.now, workers: told.workers });
  run.live = ["waiting", "playing", "draining"].includes(told.phase);
  run.faults = stretches(told.happenings);
}

/** From when to when a fault was in force. */
function stretches(happenings) {
  const found = [];
  for (const { what, at_s, name, seconds } of happenings) {
    if (what === "fault") found.push({ name, from: at_s, to: at_s + seconds });
    if (what === "clear") for (const fault of found) fault.to = Math.min(fault.to, at_s);
  }
  return found;
}

/** What does not change while the run plays. */
function introduce(about) {
  const { target, schedule, policy } = about;
  $("title").textContent = `${about.scenario} · ${policy.name}`;
  const where = target.bundled ? `bundled mock server, profile ${target.profile}` : target.host;
  $("real").hidden = !target.real;
  $("sub").textContent = [
    where, `${about.workers} worker${about.workers === 1 ? "" : "s"}`, `${about.generator.transport}${about.generator.stream ? ", streams" : ""}`,
    schedule.arrivals === "closed" ? "closed loop" : `${schedule.arrivals} arrivals`, `seed ${about.seed}`, about.run,
  ].join(" · ");
  evening.retitle(schedule.clock ? "The evening" : "The run");
  $("policy-title").textContent = `Policy in force: ${policy.name}`;
  $("policy").replaceChildren(...Object.entries(policy.values).map(([name, value]) => {
    const pair = document.createElement("div");
    pair.append(element("dt", name), element("dd", setting(value)));
    return pair;
  }));
}

const setting = (value) => value === null ? "none" : Array.isArray(value) ? value.join(", ") : String(value);

function element(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  made.textContent = text;
  return made;
}

function draw() {
  drawing = 0;
  if (!run.about || document.hidden) return;
  evening.height = beside() ? $("panel").offsetHeight - ABOVE : TALL;
  for (const chart of charts) chart.draw(run, pointed);
  lanes.draw(run);
}

/** Whether the panel stands beside the evening, which is then as tall. */
const beside = () => !$("panel").hidden && $("panel").offsetTop === $("evening").offsetTop;

const redraw = () => { drawing ||= requestAnimationFrame(draw); };
for (const chart of charts) chart.onPoint((second) => { pointed = second; redraw(); });
new ResizeObserver(redraw).observe(document.documentElement);

function showMoment(told) {
  const clock = run.about.schedule.clock, left = Math.ceil(run.about.until_s - told.elapsed_s);
  $("clock").replaceChildren(moment(told.elapsed_s, clock), element("small", clock ? ` ${clock.zone}` : " played"));
  $("left").textContent = told.phase === "waiting" ? `in ${Math.ceil(-told.elapsed_s)} s`
    : told.phase === "playing" ? `${left >= 60 ? `${Math.floor(left / 60)} min ` : ""}${left % 60} s left`
      : told.phase === "draining" ? `${whole(told.totals.scheduled - told.totals.ended)} calls under way` : "";
}

function showFigures(told) {
  const { now, totals, about } = { ...told, about: run.about };
  const ended = Object.values(now.calls).reduce((sum, rate) => sum + rate, 0);
  const planned = plannedAt(told.elapsed_s, about.schedule.curve);
  const tokens = totals.prompt_tokens + totals.completion_tokens;
  const lastBin = run.bins.at(-1) ?? { in_flight: 0, waiting: 0 };
  $("figures").setAttribute("aria-label", run.live ? "The last five seconds" : "The whole run");
  show("figures", [
    ["Offered", number(now.offered), "/s", run.live ? planned === null ? "as users come back" : `planned ${number(planned)} /s` : `${whole(totals.scheduled)} calls`],
    ["Served", number(ok(now)), "/s", ended ? `${number(100 * ok(now) / ended)} % of calls` : "none ended just now"],
    ["Attempts a call", number(now.attempts_a_call, 2), "", `${number(totals.attempts_a_call, 2)} since the start`],
    ["In flight", whole(lastBin.in_flight), "", lastBin.waiting === null ? "in the queue or with its workers" : `${whole(lastBin.waiting)} wait for a permit`],
    ["Call latency, 95 %", ...split(now.latency_ms[1]), `median ${time(now.latency_ms[0])}, served`],
    ["First token, 95 %", ...split(now.ttft_ms[1]), streamed(run) ? `median ${time(now.ttft_ms[0])}` : "replies come whole"],
    ["Schedule lag, 99 %", ...split(now.lag_ms[1]), (now.lag_ms[1] ?? 0) < 50 ? "the generator keeps up" : "the generator is late"],
    spent(told.spent, tokens),
  ]);
}

/** Money, else tokens, else requests: of a budget where there is one. */
function spent(spent, tokens) {
  if (!spent) return ["Spent", "–", "", `${whole(tokens)} tokens`];
  const dollars = (usd) => `$${number(usd, 4)}`, most = (limit, text) => limit === null ? "" : `of ${text(limit)}; `;
  const requests = `${whole(spent.requests)} ${most(spent.max_requests, whole).replace("; ", " ")}requests`;
  if (spent.usd !== null) return ["Spent", dollars(spent.usd), "", most(spent.max_usd, dollars) + requests];
  if (spent.tokens !== null) return ["Spent", whole(spent.tokens), "tokens", most(spent.max_tokens, whole) + requests];
  return ["Spent", whole(spent.requests), "requests", most(spent.max_requests, whole) + `${whole(tokens)} tokens`];
}

function split(ms) {
  const [value, unit = ""] = time(ms).split(" ");
  return [value, unit];
}

function plannedAt(second, curve) {
  if (!curve?.length || second > curve.at(-1)[0]) return curve ? 0 : null;
  const next = Math.max(1, curve.findIndex(([at]) => at >= second));
  const [[t0, r0], [t1, r1]] = [curve[next - 1], curve[next] ?? curve[next - 1]];
  return t1 > t0 ? r0 + (r1 - r0) * Math.max(0, second - t0) / (t1 - t0) : r0;
}

/** Figures are made once, then only their texts change. */
function show(id, figures) {
  const place = $(id);
  if (place.children.length !== figures.length) {
    place.replaceChildren(...figures.map(() => {
      const made = document.createElement("div");
      made.innerHTML = '<p class="name"></p><p class="value"><span></span> <small></small></p><p class="of"></p>';
      return made;
    }));
  }
  figures.forEach((texts, index) => {
    const parts = place.children[index].querySelectorAll(".name, span, small, .of");
    texts.forEach((text, part) => { if (parts[part].textContent !== text) parts[part].textContent = text; });
  });
}

function showWorkers(workers) {
  $("workers").replaceChildren(...workers.map(({ worker, gates, lost, in_flight, heard_s }) => {
    const row = document.createElement("tr");
    const breaker = document.createElement("td");
    for (const gate of gates) {
      const mark = element("span", "", { className: "state" });
      mark.dataset.state = gate.breaker;
      breaker.append(mark, `${gate.breaker.replace("_", "-")} `);
    }
    if (lost) breaker.replaceChildren(`lost: ${lost}`);
    if (!breaker.hasChildNodes()) breaker.textContent = "–";
    const [gate] = gates;
    const name = element("th", String(worker));
    name.scope = "row";
    row.append(name, breaker,
      element("td", gate ? `${gate.held}${gate.limit === null ? "" : ` of ${gate.limit}`}` : "–"),
      element("td", gate ? whole(gate.waiting) : "–"), element("td", whole(in_flight)),
      element("td", !run.live ? "–" : heard_s === null ? "never" : `${number(heard_s)} s ago`));
    return row;
  }));
}

function showHappenings(happenings) {
  const clock = run.about.schedule.clock;
  for (const one of happenings) {
    if (one.number <= happened) continue;
    happened = one.number;
    const item = document.createElement("li");
    item.append(element("time", moment(one.at_s, clock, true)), words(one));
    item.dataset.at = one.at_s;
    // The newest first; workers tell of theirs a second later or sooner.
    const older = [...$("happenings").children].find(({ dataset }) => Number(dataset.at) <= one.at_s);
    $("happenings").insertBefore(item, older ?? null);
  }
  while ($("happenings").children.length > 200) $("happenings").lastChild.remove();
}

function words({ what, worker, route, state, name, seconds, count }) {
  if (what === "fault") return `injected: ${name}, for ${seconds} s`;
  if (what === "clear") return "injected faults cleared";
  if (what === "untold") return `worker ${worker}: ${count} more changes of its breakers`;
  return `worker ${worker}: ${route.startsWith("fallback") ? "the fallback's " : ""}breaker ${state.replace("_", "-")}`;
}

function showBanner(told) {
  const lines = told.problem ? [told.problem] : told.degraded ?? [];
  $("banner").hidden = !lines.length;
  const text = told.problem ? `The run could not begin: ${told.problem}` : `Not to be trusted as it is: ${lines.join("; ")}`;
  if ($("banner").textContent !== text) $("banner").textContent = text;
}

function showAll(told) {
  $("phase").textContent = PHASES[told.phase];
  $("phase").dataset.phase = told.phase;
  $("report").hidden = !told.report;
  showBanner(told);
  if (!told.run) return;
  take(told);
  $("empty").hidden = true;
  $("run").hidden = false;
  showMoment(told);
  showFigures(told);
  showWorkers(told.workers);
  showHappenings(told.happenings);
  showPanel(told);
  redraw();
}

/** The last bins are asked for again: a worker may have been late. */
const AGAIN = 3;

async function poll() {
  if (!document.hidden) {
    try {
      const since = Math.max(0, run.bins.length - AGAIN);
      const answer = await fetch(`state?run=${encodeURIComponent(run.name)}&since=${since}&width=${run.width_s}`);
      if (!answer.ok) throw new Error(`${answer.status}`);
      showAll(await answer.json());
    } catch {
      $("phase").textContent = "Out of touch";
      $("phase").dataset.phase = "failed";
    }
  }
  setTimeout(poll, EVERY_MS);
}

poll();
