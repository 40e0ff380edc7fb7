"""What is measured on a page, in the browser's own language."""

from __future__ import annotations

#: How wide the page is, and what stands beyond its edge without a table's scrollbar around it.
WIDTHS = """() => ({
  page: document.documentElement.scrollWidth,
  beyond: [...document.querySelectorAll('body *')].filter(e => {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!e.checkVisibility() || e.closest('.skip')) return false;
    const scrolls = ['auto', 'scroll'].includes(style.overflowX) && e.scrollWidth > e.clientWidth + 1;
    if (scrolls && !e.classList.contains('scroll')) return true;
    const held = e.parentElement.closest('.scroll') || e.closest('svg');
    return box.width > 0 && box.right > innerWidth + 1 && !held;
  }).map(e => e.outerHTML.slice(0, 200)),
})"""

_OWN_TEXT = "[...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())"

#: Every text that is shown, and how large; text in a picture is as large as the picture is drawn.
TEXTS = f"""() => [...document.querySelectorAll('body *')].filter(e =>
    e.checkVisibility() && {_OWN_TEXT} && !e.closest('.skip') && e.getBoundingClientRect().height > 0
  ).map(e => {{
    const matrix = e.closest('svg') ? e.getScreenCTM() : {{a: 1, b: 0}};
    const px = parseFloat(getComputedStyle(e).fontSize) * Math.hypot(matrix.a, matrix.b);
    return {{text: e.textContent.trim().slice(0, 60), px}};
  }})"""

#: Labels of pictures: how many, those over an edge, and pairs that stand on each other.
LABELS = """() => {
  const outside = [], overlapping = [];
  let labels = 0;
  for (const svg of document.querySelectorAll('svg')) {
    if (!svg.checkVisibility()) continue;
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
    const boxes = texts.map(t => t.getBoundingClientRect());
    labels += texts.length;
    texts.forEach((t, i) => {
      const box = boxes[i];
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
          || box.bottom > frame.bottom + 1) outside.push(t.textContent);
      for (let j = 0; j < i; j++) {
        const other = boxes[j];
        const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        const turned = [t, texts[j]].some(e => /rotate\\((?!-?0\\b)/.test(e.getAttribute('transform') || ''));
        if (!turned && across > 2 && down > 4) overlapping.push([texts[j].textContent, t.textContent]);
      }
    });
  }
  return {labels, outside, overlapping};
}"""

_NAME = """const what = e => e.classList.contains('skip') ? 'skip'
  : e.tagName + ':' + (e.getAttribute('aria-label') || e.textContent).slice(0, 60);"""

#: What keys must reach, in the order of the page; and what they are on now.
STOPS = f"""() => {{ {_NAME}
  return [...document.querySelectorAll('a[href], summary, [tabindex="0"]')]
    .filter(e => e.checkVisibility() ).map(what); }}"""
FOCUSED = f"""() => {{ {_NAME}
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  return {{what: what(e), outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth}}; }}"""

_CONTRAST = """
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const ratio = (a, b) => { const [x, y] = [light(parts(a)), light(parts(b))].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05); };
  const ground = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if (parts(c)[3] !== 0) return c; }
    return 'rgb(255, 255, 255)'; };
"""

#: Every text of the page and its contrast to what lies under it; numbers on a heat map lie on tiles.
CONTRASTS = f"""() => {{ {_CONTRAST}
  const tiles = new Set([...document.querySelectorAll('svg')].filter(s => s.querySelector('[id*=QuadMesh]')));
  const texts = [...document.querySelectorAll('body *')].filter(e =>
    e.checkVisibility() && {_OWN_TEXT} && !tiles.has(e.closest('svg')));
  return {{ground: getComputedStyle(document.body).backgroundColor, texts: texts.map(e => {{
    const style = getComputedStyle(e), colour = e.closest('svg') ? style.fill : style.color;
    return {{text: e.textContent.trim().slice(0, 60), colour, ratio: ratio(colour, ground(e))}};
  }})}}; }}"""

#: What paper shows.
PAPER = """() => {
  const body = getComputedStyle(document.body);
  return {ground: body.backgroundColor, ink: body.color,
    links: [...document.querySelectorAll('a')].filter(e => e.checkVisibility()).map(e => e.outerHTML),
    folded: [...document.querySelectorAll('details > :not(summary)')]
      .filter(e => !(e.getBoundingClientRect().height > 0)).map(e => e.outerHTML.slice(0, 80)),
    drawings: [...document.querySelectorAll('figure')].map(
      f => [...f.querySelectorAll('svg')].filter(e => e.checkVisibility()).length),
  }; }"""

#: What the page says of itself to those who cannot see it.
STRUCTURE = """() => ({
  headings: [...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1])),
  language: document.documentElement.lang,
  unnamed: [
    ...[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent.trim()
      || !t.querySelector('thead th[scope=col]')
      || t.querySelector('tbody tr > :first-child:not(th[scope=row])')),
    ...[...document.querySelectorAll('.scroll')].filter(e => e.tabIndex !== 0
      || e.getAttribute('role') !== 'region' || !e.getAttribute('aria-label')),
    ...[...document.querySelectorAll('svg')].filter(e => e.getAttribute('role') !== 'img'
      || (e.getAttribute('aria-label') || '').split(' ').length < 3),
    ...[...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0),
  ].map(e => e.outerHTML.slice(0, 120)),
  broken: [...document.querySelectorAll('a')].filter(a => !document.getElementById(a.hash.slice(1)))
    .map(a => a.outerHTML),
  parts: [...document.querySelectorAll('main > section')].map(e => '#' + e.id),
  contents: [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href')),
})"""
