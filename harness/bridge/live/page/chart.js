// Charts over the run: one drawing a second, as SVG at the size it has on the screen.

const BOTTOM = 22, TOP = 8, RIGHT = 4;

/** Of a character of a label, in pixels: "120 ms" fits where the font is wide. */
const CHARACTER = 7.2;
const MINUTES_A_DAY = 1440;

/** "18.2", "1.04", "940 ms", "2.4 s": what people read. */
export const number = (value, digits = 1) =>
  value === null || value === undefined ? "–"
    : value.toLocaleString("en", { minimumFractionDigits: value < 1000 ? digits : 0, maximumFractionDigits: value < 1000 ? digits : 0 });
export const whole = (value) => number(value, 0);
export const time = (ms) =>
  ms === null || ms === undefined ? "–" : ms < 10 ? `${number(ms)} ms` : ms < 1000 ? `${whole(ms)} ms` : `${number(ms / 1000, ms < 10_000 ? 1 : 0)} s`;

/** The moment of a second of the run: the evening's clock, or minutes and seconds where it has none. */
export function moment(second, clock, exact = false) {
  if (!clock) {
    const passed = Math.max(0, Math.floor(second));
    return `${Math.floor(passed / 60)}:${String(passed % 60).padStart(2, "0")}`;
  }
  const [start, length] = stretch(clock);
  const minute = start + Math.min(1, Math.max(0, second / clock.duration_s)) * length;
  const text = [minute / 60 % 24, minute % 60].map((part) => String(Math.floor(part)).padStart(2, "0"));
  if (exact) text.push(String(Math.floor(minute * 60 % 60)).padStart(2, "0"));
  return text.join(":");
}

function stretch(clock) {
  const [start, end] = [clock.start, clock.end].map((text) => {
    const [hours, minutes] = text.split(":").map(Number);
    return hours * 60 + minutes;
  });
  return [start, (end - start + MINUTES_A_DAY) % MINUTES_A_DAY || MINUTES_A_DAY];
}

/** The smallest of these steps by which a length has no more than `most` parts. */
const step = (length, most, steps) => steps.find((one) => length / one <= most) ?? steps.at(-1);

/** Where the x axis has its labels: seconds of the run. */
function ticks(until, clock, width) {
  const most = Math.max(2, Math.floor(width / 90));
  if (!clock) {
    const every = step(until, most, [5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400]);
    return Array.from({ length: Math.floor(until / every) + 1 }, (_, place) => place * every);
  }
  const [start, length] = stretch(clock);
  const every = step(length, most, [1, 2, 5, 10, 15, 30, 60, 120, 240]);
  const first = Math.ceil(start / every) * every;
  return Array.from({ length: Math.floor((start + length - first) / every) + 1 },
    (_, place) => (first + place * every - start) / length * clock.duration_s);
}

/** Round numbers from 0 to no less than `most`, at least three of them. */
function scale(most) {
  const rough = most / 3, power = 10 ** Math.floor(Math.log10(rough));
  const every = power * [1, 2, 2.5, 4, 5, 10].find((one) => one * power >= rough);
  return Array.from({ length: Math.ceil(most / every - 1e-9) + 1 }, (_, place) => place * every);
}

const at = (value) => value.toFixed(1);

/** A polyline through points, broken where there is none. */
function line(points) {
  let path = "", pen = "M";
  for (const point of points) {
    if (point === null) { pen = "M"; continue; }
    path += `${pen}${at(point[0])} ${at(point[1])}${pen === "M" ? "h0" : ""}`;  // h0: one alone is a dot
    pen = "L";
  }
  return path;
}

const area = (upper, lower) => upper.length < 2 ? "" : `${line(upper)}L${line(lower.toReversed()).slice(1).replace("h0", "")}Z`;

export class Chart {
  /**
   * `series`: of a run, a list of { name, colour, of(bin), kind: "line" | "area" | "stack", text(value) };
   * `least`: the smallest top of its scale; `empty`: what to say where nothing was measured.
   */
  constructor(figure, { title, note, series, text = number, least = 1, height = 170, planned = false, empty = () => "" }) {
    Object.assign(this, { figure, title, series, text, least, height, planned, empty });
    figure.innerHTML = `<figcaption><h2></h2><ul class="legend"></ul>${note ? '<p class="note"></p>' : ""}</figcaption><svg role="img" tabindex="0"></svg>`;
    figure.querySelector("h2").textContent = title;
    if (note) figure.querySelector(".note").textContent = note;
    this.legend = figure.querySelector(".legend");
    this.svg = figure.querySelector("svg");
  }

  retitle(title) {
    this.title = this.figure.querySelector("h2").textContent = title;
  }

  /** Have `pointed(second)` told where somebody points: by pointer, or by arrows once it has the focus. */
  onPoint(pointed) {
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect();
      pointed((event.clientX - box.left - this.left) / (box.width - this.left - RIGHT) * this.until);
    });
    for (const end of ["pointerleave", "blur"]) this.svg.addEventListener(end, () => pointed(null));
    this.svg.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") pointed(null);
      if (!by) return;
      event.preventDefault();
      pointed((this.pointed ?? this.told) + by * this.width_s);
    });
  }

  /** Draw the run so far; `pointed` is a second somebody points at, or null. */
  draw(run, pointed) {
    const { bins, width_s, about, elapsed_s, faults } = run;
    const clock = about.schedule.clock, width = Math.max(240, this.svg.clientWidth), height = this.height;
    const until = this.until = Math.max(about.until_s, bins.length * width_s);
    const series = this.series(run);
    const curve = this.planned ? about.schedule.curve ?? [] : [];
    this.width_s = width_s;
    this.told = Math.max(0, bins.length - 0.5) * width_s;
    this.pointed = pointed === null ? null : Math.min(Math.max(pointed, 0), this.told);

    const columns = series.map((one) => bins.map((bin) => one.of(bin) ?? null));
    const stacked = stack(series, columns);
    const most = Math.max(this.least, ...stacked.flat().filter((value) => value !== null), ...curve.map(([, rate]) => rate));
    const marks = scale(most), top = marks.at(-1), labels = marks.map((mark) => mark === 0 ? "0" : this.text(mark).replace(/\.0+(?=$| )/, ""));
    const left = this.left = Math.max(36, 10 + CHARACTER * Math.max(...labels.map((label) => label.length)));
    const x = (second) => left + second / until * (width - left - RIGHT);
    const y = (value) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
    const middle = (place) => x(Math.min((place + 0.5) * width_s, until));

    const nothing = columns.every((column) => column.every((value) => value === null)) ? this.empty(run) : "";
    const parts = faults.map((fault) => this.band(fault, x, until, height));
    if (!nothing) {
      marks.forEach((mark, index) => parts.push(`<path class="grid" d="M${left} ${at(y(mark))}H${width}"/><text x="${left - 8}" y="${at(y(mark) + 4)}" text-anchor="end">${labels[index]}</text>`));
    }
    if (curve.length) {
      const planned = curve.map(([second, rate]) => [x(second), y(rate)]);
      parts.push(`<path d="${area(planned, [[x(0), y(0)], [x(about.until_s), y(0)]])}" fill="var(--offered)" opacity=".55"/>`);
    }
    series.forEach((one, index) => parts.push(layer(one, stacked, index, series, middle, y)));
    const baseline = height - BOTTOM + 16;
    for (const second of ticks(about.until_s, clock, width)) {
      const place = x(second), anchor = place > width - 24 ? "end" : place < left + 14 ? "start" : "middle";
      parts.push(`<text x="${at(anchor === "start" ? left : place)}" y="${baseline}" text-anchor="${anchor}">${moment(second, clock)}</text>`);
    }
    if (run.live && elapsed_s >= 0 && elapsed_s <= until) {
      parts.push(`<path d="M${at(x(elapsed_s))} ${TOP}V${height - BOTTOM}" stroke="var(--muted)" stroke-dasharray="3 3"/>`);
    }
    if (this.pointed !== null && bins.length) parts.push(`<path class="hair" d="M${at(x(this.pointed))} ${TOP}V${height - BOTTOM}"/>`);
    if (nothing) parts.push(`<text class="still" x="${(width + left) / 2}" y="${height / 2}" text-anchor="middle">${nothing}</text>`);

    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("height", height);
    this.svg.innerHTML = parts.join("");
    this.tell(series, columns, width_s, clock);
  }

  /** The time in which an injected fault was in force. */
  band({ from, to, name }, x, until, height) {
    const [start, end] = [x(from), x(Math.min(to, until))];
    const named = this.planned ? `<text x="${at(start + 4)}" y="${TOP + 12}">${name}</text>` : "";
    return `<rect x="${at(start)}" y="${TOP}" width="${at(Math.max(1, end - start))}" height="${height - TOP - BOTTOM}" fill="var(--warn-line)" opacity=".16"/>${named}`;
  }

  /** The legend's values are of the moment somebody points at, else of the last whole one. */
  tell(series, columns, width_s, clock) {
    const place = this.pointed === null ? columns[0]?.length - 1 : Math.min(columns[0]?.length - 1, Math.floor(this.pointed / width_s));
    const values = series.map((one, index) => (one.text ?? this.text)(columns[index][place] ?? null));
    const names = series.map((one) => one.name).join();
    if (this.names !== names) {
      this.names = names;
      this.legend.innerHTML = series.map((one) => `<li><i style="--hue:var(--${one.colour})"${one.dashed ? ' class="dashed"' : ""}></i>${one.name}<b></b></li>`).join("");
    }
    this.legend.querySelectorAll("b").forEach((value, index) => { value.textContent = values[index]; });
    const said = series.map((one, index) => `${one.name} ${values[index]}`).join(", ");
    this.svg.setAttribute("aria-label", `${this.title} at ${moment(Math.max(0, place) * width_s, clock, true)}: ${said || "nothing yet"}`);
  }
}

/** Each column of kind "stack" on top of those before it; the others as they are. */
function stack(series, columns) {
  let below = null;
  return columns.map((column, index) => {
    if (series[index].kind !== "stack") return column;
    below = column.map((value, place) => (value ?? 0) + (below?.[place] ?? 0));
    return below;
  });
}

function layer(one, stacked, index, series, middle, y) {
  const points = stacked[index].map((value, place) => value === null ? null : [middle(place), y(value)]);
  if (one.kind === "line") {
    return `<path d="${line(points)}" fill="none" stroke="var(--${one.colour})" stroke-width="${one.thin ? 1.2 : 2}" stroke-linejoin="round" stroke-linecap="round"${one.dashed ? ' stroke-dasharray="5 3"' : ""}/>`;
  }
  const drawn = points.filter((point) => point !== null);
  const under = one.kind === "stack" && series[index - 1]?.kind === "stack"
    ? stacked[index - 1].map((value, place) => [middle(place), y(value)])
    : drawn.map(([place]) => [place, y(0)]);
  return `<path d="${area(drawn, under)}" fill="var(--${one.colour})" opacity="${one.kind === "stack" ? 0.9 : 0.35}"/>`;
}

/** One lane a breaker: a thin line while it is closed, half height while it probes, full height while it is open. */
export class Lanes {
  constructor(figure) {
    figure.innerHTML = `<figcaption><h2>Breakers</h2><ul class="legend">
      <li><i style="--hue:var(--closed)"></i>closed</li><li><i style="--hue:var(--throttled)"></i>half-open</li>
      <li><i style="--hue:var(--timeout)"></i>open</li></ul><p class="note" hidden></p></figcaption><svg role="img"></svg>`;
    this.note = figure.querySelector(".note");
    this.svg = figure.querySelector("svg");
  }

  draw(run) {
    const { about, workers, bins, width_s, elapsed_s } = run;
    const width = Math.max(240, this.svg.clientWidth), left = 92, lane = workers.length > 8 ? 13 : 22;
    const until = Math.max(about.until_s, bins.length * width_s), now = Math.min(Math.max(elapsed_s, 0), until);
    const x = (second) => left + Math.min(Math.max(second, 0), until) / until * (width - left - 4);
    const lanes = workers.flatMap(breakersOf), shown = lanes.slice(0, Lanes.most);
    const parts = [], said = [];
    shown.forEach(({ label, states, state }, index) => {
      const floor = (index + 1) * lane - 3;
      parts.push(`<text x="0" y="${floor - lane / 2 + 7}">${label}</text>`);
      const changes = [[0, "closed"], ...states, [now, null]];
      for (let place = 0; place + 1 < changes.length; place++) {
        const [from, name] = changes[place], [to] = changes[place + 1];
        if (from >= now) continue;
        const tall = { open: 1, half_open: 0.6 }[name] ?? 0.3, high = (lane - 5) * tall;
        const colour = { open: "timeout", half_open: "throttled" }[name] ?? "closed";
        parts.push(`<rect x="${at(x(from))}" y="${at(floor - high)}" width="${at(Math.max(name === "closed" ? 0 : 1.5, x(to) - x(from)))}" height="${at(high)}" fill="var(--${colour})"/>`);
      }
      said.push(`${label} ${state}`);
    });
    this.note.hidden = lanes.length <= shown.length;
    this.note.textContent = `${shown.length} of ${lanes.length}; the table has the others.`;
    const height = Math.max(1, shown.length) * lane;
    if (!shown.length) parts.push('<text x="0" y="14">in the queue\'s workers: see the report</text>');
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("aria-label", `Breakers now: ${said.join(", ") || "none"}`);
    this.svg.innerHTML = parts.join("");
  }
}
Lanes.most = 24;

const breakersOf = ({ worker, gates, states, lost }) => gates.map((gate, route) => ({
  label: `worker ${worker}${route ? " fb" : ""}`,
  state: lost ? "lost" : gate.breaker.replace("_", "-"),
  states: states[route ? "fallback_breaker" : "breaker"] ?? [],
}));
