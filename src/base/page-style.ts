/** The one stylesheet of our pages: light and dark by the reader's system or the switch in the header. */

const LIGHT = `
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d211f; --soft: #5c645f; --line: #dfe2dc; --tint: #f1f2ec;
  --link: #0b5c8a; --good: #12704a; --good-tint: #e2f3ea; --warn: #8a5a00; --warn-tint: #fbf0d6;
  --bad: #a8271d; --bad-tint: #fbe6e3; --mute: #5c645f; --mute-tint: #eceee9;`;
const DARK = `
  --paper: #131614; --card: #1b1f1d; --ink: #e7eae6; --soft: #a0aaa4; --line: #323934; --tint: #232925;
  --link: #7cc0ea; --good: #6ed3a3; --good-tint: #16352a; --warn: #edc067; --warn-tint: #3a2e12;
  --bad: #ff9d92; --bad-tint: #43201c; --mute: #a0aaa4; --mute-tint: #2a302c;`;

export const PAGE_STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
:root:has(#theme-light:checked) { color-scheme: light; ${LIGHT} }
:root:has(#theme-dark:checked) { color-scheme: dark; ${DARK} }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 0 20px 64px; max-width: 1020px; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei",
    "Noto Sans CJK SC", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
code, pre, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.875em; }
pre { margin: 6px 0 0; padding: 8px 12px; background: var(--tint); border-radius: 6px; white-space: pre-wrap; }
a { color: var(--link); text-underline-offset: 2px; text-decoration-thickness: 1px; }
a:focus-visible, summary:focus-visible, input:focus-visible + span { outline: 2px solid var(--link); outline-offset: 2px; }
h1, h2, h3, h4 { line-height: 1.25; text-wrap: pretty; }
h1 { font-size: 1.6rem; margin: 0 0 4px; }
h2 { display: flex; align-items: baseline; font-size: 1.15rem; margin: 40px 0 12px; padding-bottom: 6px; border-bottom: 1px solid var(--line); }
h2 .step { color: var(--soft); font-weight: 500; margin-right: 6px; }
h2 .took { margin-left: auto; color: var(--soft); font-weight: 400; font-size: 0.85rem; }
h3 { font-size: 1.02rem; margin: 24px 0 8px; }
h4 { font-size: 0.8rem; margin: 18px 0 6px; color: var(--soft); letter-spacing: 0.03em; }
p { margin: 6px 0; }
ul { margin: 4px 0; padding-left: 20px; }
.soft { color: var(--soft); }
.small { font-size: 0.86rem; }
.top { display: flex; justify-content: space-between; align-items: center; gap: 16px; padding: 14px 0; color: var(--soft); font-size: 0.86rem; }
.brand { display: flex; gap: 14px; flex-wrap: wrap; align-items: baseline; }
.brand strong { color: var(--ink); font-size: 1rem; }
.theme { border: 1px solid var(--line); border-radius: 8px; margin: 0; padding: 0; display: flex; overflow: hidden; flex: none; }
.theme legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.theme input { position: absolute; opacity: 0; pointer-events: none; }
.theme label > span { display: block; padding: 3px 10px; cursor: pointer; }
.theme label > input:checked + span { background: var(--tint); color: var(--ink); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px; margin: 14px 0; }
.hero { border-left: 6px solid var(--mute); }
.hero.confirmed { border-left-color: var(--good); }
.hero.likely { border-left-color: var(--warn); }
.hero.unverified, .hero.abstained { border-left-color: var(--mute); }
.hero .cause { font-size: 1.32rem; line-height: 1.4; font-weight: 600; margin: 10px 0 6px; text-wrap: pretty; }
.verdict-row { display: flex; gap: 10px 16px; align-items: center; flex-wrap: wrap; }
.badge { display: inline-block; padding: 2px 10px; border-radius: 999px; font-size: 0.82rem; font-weight: 600; background: var(--mute-tint); color: var(--mute); white-space: nowrap; }
.badge.confirmed, .badge.confirm, .badge.complete { background: var(--good-tint); color: var(--good); }
.badge.likely, .badge.inconclusive, .badge.partial, .badge.running, .badge.warning { background: var(--warn-tint); color: var(--warn); }
.badge.refute, .badge.critical, .badge.open { background: var(--bad-tint); color: var(--bad); }
.badge.large { font-size: 1rem; padding: 4px 14px; }
meter { width: 130px; height: 10px; vertical-align: middle; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px 20px; margin: 14px 0 0; }
.facts div { border-top: 1px solid var(--line); padding-top: 6px; }
.facts dt { color: var(--soft); font-size: 0.8rem; }
.facts dd { margin: 0; font-size: 1.08rem; font-weight: 600; text-wrap: balance; }
dl { margin: 0; }
.pairs { display: grid; grid-template-columns: max-content 1fr; gap: 3px 14px; margin: 10px 0; }
.pairs dt { color: var(--soft); }
.pairs dd { margin: 0; }
.more > summary { cursor: pointer; color: var(--link); font-size: 0.9rem; padding: 6px 0; }
.strength { white-space: nowrap; font-size: 0.86rem; color: var(--soft); }
.strength.strong { color: var(--ink); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; font-size: 0.8rem; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
th:last-child, td:last-child { padding-right: 0; }
.nowrap { white-space: nowrap; }
.statement { width: 100%; }
.clusters { min-width: 720px; }
.reports { min-width: 620px; }
.timeline { list-style: none; padding: 0; margin: 0; }
.timeline li { display: grid; grid-template-columns: 7.6em 5.6em 1fr; gap: 10px; padding: 5px 0; border-bottom: 1px solid var(--line); }
.timeline li:last-child { border-bottom: 0; }
.timeline time { color: var(--soft); white-space: nowrap; }
.timeline .onset, .timeline .cause, .timeline .symptom { font-weight: 600; }
.timeline .cause time { color: var(--bad); }
.hypothesis > summary { cursor: pointer; list-style: none; display: grid; grid-template-columns: auto 1fr auto; gap: 4px 12px; align-items: baseline; }
.hypothesis > summary::-webkit-details-marker { display: none; }
.hypothesis > summary .rank { color: var(--soft); }
.hypothesis > summary .rank::before { content: '▸ '; }
.hypothesis[open] > summary .rank::before { content: '▾ '; }
.hypothesis > summary strong { font-weight: 600; }
.hypothesis[open] > summary { padding-bottom: 10px; border-bottom: 1px solid var(--line); }
.probe { border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; margin: 8px 0; }
.probe dl { display: grid; grid-template-columns: 7em 1fr; gap: 3px 12px; margin: 8px 0 0; font-size: 0.9rem; }
.probe dt { color: var(--soft); }
.probe dd { margin: 0; }
.fix { border-left: 3px solid var(--good); padding: 4px 14px; margin: 12px 0 4px; }
.fix ol, .fix ul { margin: 4px 0; padding-left: 20px; }
.answers { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0 24px; margin: 16px 0 4px; }
.answer { border-top: 3px solid var(--line); padding-top: 8px; }
.answer#root-cause { border-top-color: var(--bad); }
.answer#impact { border-top-color: var(--link); }
.answer h2 { margin: 0 0 6px; padding: 0; border: 0; font-size: 0.86rem; color: var(--soft); font-weight: 600; }
.answer ol { margin: 4px 0; padding-left: 20px; }
.answer .pairs { font-size: 0.9rem; }
.answer .pairs dd { font-weight: 600; }
.radii { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 4px 28px; }
.radii h3 { margin: 12px 0 4px; }
.radius { list-style: none; padding: 0; }
.radius li { padding: 4px 0; border-bottom: 1px solid var(--line); }
.radius code { display: block; }
.radius svg { display: inline-block; vertical-align: middle; margin-right: 6px; }
.figures { display: block; }
.hypothesis > summary .reason { grid-column: 2 / -1; }
.hypothesis .hypothesis { background: var(--paper); }
.quiet { border: 1px dashed var(--line); border-radius: 12px; padding: 20px 24px; margin: 14px 0; }
.quiet h2 { margin-top: 0; border: 0; padding: 0; }
.quiet p { margin-top: 14px; }
svg { max-width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg .muted { fill: var(--soft); font-size: 12px; }
svg .node { fill: var(--card); stroke: var(--line); }
svg .node.cause { stroke: var(--bad); stroke-width: 2; fill: var(--bad-tint); }
svg .node.lead { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 5 3; }
svg .node.effect { fill: var(--warn-tint); }
svg .node.impact { stroke: var(--link); stroke-width: 2; }
svg .edge { stroke: var(--soft); fill: none; }
svg .edge.hot { stroke: var(--bad); }
svg .edge.chain { stroke-width: 3; }
svg .bar { fill: var(--bad); }
svg .track { fill: var(--tint); }
svg .band { fill: var(--mute-tint); }
svg .expected { stroke: var(--soft); fill: none; stroke-dasharray: 3 3; }
svg .value { stroke: var(--link); fill: none; stroke-width: 1.6; }
svg .outside { fill: var(--bad); }
svg .onset { stroke: var(--bad); stroke-dasharray: 2 3; }
.picture { margin: 6px 0; }
.pictures { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 12px 24px; }
.pictures > li { border-top: 1px solid var(--line); padding-top: 8px; }
footer { margin-top: 48px; padding-top: 12px; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.8rem; }
@media (max-width: 640px) {
  body { padding: 0 14px 40px; }
  .card { padding: 16px; }
  .top { gap: 8px; }
  .brand { gap: 10px; }
  .theme label > span { padding: 3px 7px; }
  .timeline li { grid-template-columns: 1fr auto; }
  .timeline li > :last-child { grid-column: 1 / -1; }
  .facts { grid-template-columns: 1fr 1fr; }
  .answers { grid-template-columns: 1fr; gap: 14px; }
  .answer .pairs { grid-template-columns: max-content 1fr; gap: 2px 12px; }
  .probe dl, .pairs { grid-template-columns: 1fr; gap: 0; }
  .probe dt, .pairs dt { margin-top: 6px; font-size: 0.8rem; }
  .cards, .cards tbody, .cards tr, .cards td { display: block; min-width: 0; }
  .cards thead { display: none; }
  .cards tr { border: 1px solid var(--line); border-radius: 10px; background: var(--card); padding: 10px 14px; margin: 10px 0; }
  .cards td, .cards td.number { border: 0; padding: 2px 0; text-align: left; }
  .cards td[data-label]::before { content: attr(data-label) ' '; color: var(--soft); font-size: 0.8rem; }
  .cards svg { display: inline-block; }
  .evidence tr { display: grid; grid-template-columns: 1fr auto; padding: 6px 0; border-bottom: 1px solid var(--line); }
  .evidence td { border: 0; padding: 2px 0; }
  .evidence .statement { grid-row: 2; grid-column: 1 / -1; }
  .hero .cause { font-size: 1.15rem; }
  .hypothesis > summary { grid-template-columns: auto 1fr; }
  .hypothesis > summary .badge { grid-column: 2; justify-self: start; }
}
@media print {
  :root { ${LIGHT} }
  body { max-width: none; padding: 0; font-size: 10.5pt; background: #fff; }
  .theme, .no-print { display: none; }
  .card { break-inside: avoid; border-radius: 0; }
  .hypothesis.card { break-inside: auto; }
  .hypothesis::details-content, .more::details-content { content-visibility: visible; height: auto; }
  .probe, tr, .timeline li { break-inside: avoid; }
  a { color: inherit; }
}
`;
