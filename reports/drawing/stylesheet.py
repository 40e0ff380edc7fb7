"""The look of the pages: one column of cards, system fonts, a light sheet under every plot."""

from __future__ import annotations

CSS = """
:root { --ink:#1f2933; --muted:#5d6975; --line:#e1e6ea; --sheet:#fff; --ground:#f5f6f7; --accent:#2374ab;
  --warn-ink:#7a2e0a; --warn:#fdf0e6; --warn-line:#dd6b2d; }
* { box-sizing: border-box; }
body { margin:0; background:var(--ground); color:var(--ink); font:15px/1.5 system-ui, "Segoe UI", Roboto,
  "Helvetica Neue", Arial, "Noto Sans Thai", sans-serif; -webkit-text-size-adjust:100%; }
main { max-width:1160px; margin:0 auto; padding:36px 24px 64px; }
header { margin-bottom:22px; }
h1 { font-size:26px; line-height:1.2; letter-spacing:-.01em; margin:0 0 6px; overflow-wrap:anywhere; }
h2 { font-size:16px; margin:0; color:var(--ink); }
h2.part { font-size:19px; margin:40px 0 12px; letter-spacing:-.005em; }
p { margin:0; }
.sub, figcaption, .note { color:var(--muted); font-size:13.5px; }
.note { margin-top:8px; }
.sub span + span::before { content:" · "; }
.banner { background:var(--warn); color:var(--warn-ink); border-left:4px solid var(--warn-line);
  border-radius:4px; padding:12px 16px; margin:0 0 20px; }
.banner strong { display:block; }
.banner ul { margin:4px 0 0; padding-left:20px; }
.figures { display:grid; grid-template-columns:repeat(4, 1fr); gap:1px; background:var(--line);
  border:1px solid var(--line); border-radius:10px; overflow:hidden; margin-bottom:20px; }
.figures div { background:var(--sheet); padding:14px 18px 13px; }
.figures .name { font-size:13px; color:var(--muted); }
.figures .value { font-size:27px; font-weight:620; letter-spacing:-.02em; line-height:1.25;
  font-variant-numeric:tabular-nums; white-space:nowrap; }
.figures .value small { font-size:15px; font-weight:500; color:var(--muted); letter-spacing:0; }
.figures .of { font-size:12.5px; color:var(--muted); line-height:1.4; }
.said { margin:0 0 16px; max-width:72ch; }
.plots + .card, .card + .card { margin-top:16px; }
.plots { display:grid; grid-template-columns:repeat(2, minmax(0, 1fr)); gap:16px; }
.plots > figure.full { grid-column:1 / -1; }
figure, .card { margin:0; background:var(--sheet); border:1px solid var(--line); border-radius:10px;
  padding:16px 18px 12px; min-width:0; }
figcaption { margin:0 0 10px; }
figure svg { display:block; width:100%; height:auto; }
figure svg text { font-family:system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif !important; }
.phone { display:none; }
.tables { display:grid; grid-template-columns:repeat(2, minmax(0, 1fr)); gap:16px; align-items:start; }
.tables > .full { grid-column:1 / -1; }
.scroll { overflow-x:auto; }
table { border-collapse:collapse; width:100%; font-size:13.5px; font-variant-numeric:tabular-nums; }
caption { text-align:left; font-weight:620; padding-bottom:6px; }
th, td { text-align:right; padding:5px 0 5px 16px; border-top:1px solid var(--line); white-space:nowrap; }
thead th { color:var(--muted); font-weight:500; border-top:0; }
th:first-child, td:first-child { text-align:left; padding-left:0; font-weight:400; }
td.words, th.words { text-align:left; white-space:normal; overflow-wrap:anywhere; }
.swatch { display:inline-block; width:10px; height:10px; border-radius:2px; margin-right:8px; }
td.best { font-weight:650; }
details.card { margin-top:16px; padding-bottom:14px; }
summary { cursor:pointer; font-weight:620; }
details[open] summary { margin-bottom:8px; }
dl { display:grid; grid-template-columns:minmax(130px, max-content) 1fr; gap:4px 20px; margin:0;
  font-size:13.5px; }
dt { font-family:ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size:12.5px; padding-top:1px;
  overflow-wrap:anywhere; }
dd { margin:0; overflow-wrap:anywhere; }
footer { margin-top:32px; color:var(--muted); font-size:12.5px; }
@media (max-width:860px) {
  .figures { grid-template-columns:repeat(2, 1fr); }
  .plots, .tables { grid-template-columns:minmax(0, 1fr); }
}
@media (max-width:560px) {
  main { padding:22px 12px 40px; }
  h1 { font-size:21px; }
  .figures div { padding:11px 12px 10px; }
  .figures .value { font-size:22px; }
  figure, .card { padding:13px 12px 10px; }
  table { font-size:12.5px; }
  th, td { padding-left:9px; }
  .desk { display:none; }
  .phone { display:block; }
  dl { grid-template-columns:1fr; gap:0; }
  dd { margin-bottom:8px; color:var(--muted); }
}
@media (prefers-color-scheme:dark) {
  :root { --ink:#e6eaee; --muted:#9aa6b2; --line:#2c343c; --sheet:#1a2027; --ground:#12161b;
    --warn-ink:#f6c9a8; --warn:#33221a; }
  figure { background:#fff; color:#1f2933; border-color:#fff; }
  figure figcaption { color:#5d6975; }
  figure h2 { color:#1f2933; }
}
@media print { body { background:#fff; } main { padding:0; } figure, .card { break-inside:avoid; } }
"""
