// What is drawn of a run, and from which of its figures.

import { number, time, whole } from "./chart.js";

/** In the order in which they are stacked. */
const OUTCOMES = ["ok", "partial", "throttled", "overloaded", "transient", "malformed", "timeout", "deadline", "rejected", "local", "cancelled", "fatal"];

export const ok = (bin) => bin.calls.ok ?? 0;
const failing = (bin) => Object.entries(bin.calls).reduce((sum, [outcome, rate]) => sum + (outcome === "ok" ? 0 : rate), 0);
const seen = (run) => OUTCOMES.filter((outcome) => run.totals.calls[outcome]);
const tried = (run) => OUTCOMES.filter((outcome) => run.totals.attempts[outcome]);
export const streamed = (run) => run.about.generator.stream;
const clients = (run) => run.workers.some((worker) => worker.gates.length) || !run.bins.length;

export const CHARTS = [
  {
    title: "Calls by outcome", least: 1,
    series: (run) => seen(run).map((outcome) => ({ name: outcome, colour: outcome, kind: "stack", of: (bin) => bin.calls[outcome] ?? 0 })),
  },
  {
    title: "Attempts by outcome", least: 1, empty: (run) => clients(run) ? "" : "in the queue's workers",
    series: (run) => tried(run).map((outcome) => ({ name: outcome, colour: outcome, kind: "stack", of: (bin) => bin.attempts[outcome] ?? 0 })),
  },
  {
    title: "Attempts a call", least: 2, text: (value) => number(value, 2), empty: () => "no call has ended yet",
    series: () => [{ name: "attempts", colour: "violet", kind: "line", of: (bin) => bin.attempts_a_call }],
  },
  {
    title: "Permits", least: 4, text: whole, empty: (run) => clients(run) ? "" : "in the queue's workers",
    series: () => [
      { name: "in use", colour: "teal", kind: "area", of: (bin) => bin.held },
      { name: "limit", colour: "limit", kind: "line", thin: true, dashed: true, of: (bin) => bin.limit },
      { name: "waiting", colour: "gold", kind: "line", of: (bin) => bin.waiting },
      { name: "backing off", colour: "storm", kind: "line", thin: true, of: (bin) => bin.held === null ? null : bin.backing_off },
    ],
  },
  {
    title: "Wait for a permit", least: 10, text: time, empty: (run) => clients(run) ? "no attempt has ended yet" : "in the queue's workers",
    series: () => quantiles("wait_ms", "gold", "95 %"),
  },
  {
    title: "Call latency, served calls", least: 100, text: time, empty: () => "no call was served yet",
    series: () => quantiles("latency_ms", "ok", "95 %"),
  },
  {
    title: "Time to first token", least: 100, text: time,
    empty: (run) => streamed(run) ? "no stream has begun yet" : "replies come whole",
    series: () => quantiles("ttft_ms", "teal", "95 %"),
  },
  {
    title: "Schedule lag", least: 10, text: time, empty: () => "no call has ended yet",
    series: () => [
      ...quantiles("lag_ms", "violet", "99 %"),
      { name: "loop lag", colour: "storm", kind: "line", thin: true, of: (bin) => bin.loop_lag_ms },
    ],
  },
];

function quantiles(key, colour, high) {
  return [
    { name: "median", colour, kind: "line", thin: true, dashed: true, of: (bin) => bin[key][0] },
    { name: high, colour, kind: "line", of: (bin) => bin[key][1] },
  ];
}

export const EVENING = {
  title: "The evening", planned: true, least: 1, text: number,
  series: () => [
    { name: "offered", colour: "muted", kind: "line", thin: true, of: (bin) => bin.offered },
    { name: "failing", colour: "storm", kind: "line", of: failing },
    { name: "served", colour: "ok", kind: "line", of: ok },
  ],
};
