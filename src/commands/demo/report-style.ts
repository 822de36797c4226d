/** The report's style sheet: no font and no picture from elsewhere, dark where the reader's system is, and fit for paper. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --panel: #f6f7f9; --ink: #14181f; --quiet: #56606e; --rule: #dde1e7; --grid: #e4e8ed; --axis: #98a2af;
  --good: #16703a; --good-ground: #e2f4e8; --bad: #a32b34; --bad-ground: #fbe6e7; --open: #80570b; --open-ground: #fbf0d9;
  --series-0: #2a62d8; --series-1: #c8590a; --series-2: #0b8078; --series-3: #b0307f; --series-4: #6f6a00; --series-5: #6a48c8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --panel: #1a2028; --ink: #eceff3; --quiet: #a5afbc; --rule: #303945; --grid: #2a323d; --axis: #6b7685;
    --good: #6bd394; --good-ground: #153323; --bad: #ff959b; --bad-ground: #3f1c20; --open: #f0c35f; --open-ground: #3a2e12;
    --series-0: #7da8ff; --series-1: #f59a4f; --series-2: #4fc9bf; --series-3: #f083c2; --series-4: #cfc94a; --series-5: #b39bff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 21px; margin: 52px 0 14px; padding-top: 20px; border-top: 1px solid var(--rule); }
h3 { font-size: 16px; margin: 0; }
p { margin: 0 0 12px; }
code { font: 0.88em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.when, .lead, figcaption p, .captions { color: var(--quiet); }
.when { font-size: 14px; margin-bottom: 24px; }
.summary { border-left: 4px solid var(--series-0); background: var(--panel); border-radius: 0 10px 10px 0; padding: 18px 22px; font-size: 18px; }
.summary p:last-child { margin: 0; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 20px; }
figure { margin: 0; background: var(--panel); border-radius: 12px; padding: 18px 18px 10px; break-inside: avoid; min-width: 0; }
figure.panel { max-width: 560px; }
figcaption p { font-size: 14px; line-height: 1.45; margin: 2px 0 10px; }
figure .drawing { overflow-x: auto; }
figure svg { display: block; width: 100%; height: auto; }
figure.wide svg { min-width: 760px; }
svg text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Arial, "DejaVu Sans", sans-serif; fill: var(--ink); }
svg .tick { font-size: 12px; fill: var(--quiet); font-variant-numeric: tabular-nums; }
svg .name { font-size: 12px; fill: var(--quiet); }
svg .figure { font-size: 12px; font-variant-numeric: tabular-nums; }
svg .strong { font-weight: 650; }
svg .topic { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px; }
.axis { stroke: var(--axis); } .grid { stroke: var(--grid); } .lane { stroke: var(--rule); }
.zero { stroke: var(--ink); stroke-width: 1.5; } .margin { stroke: var(--good); stroke-width: 1.5; stroke-dasharray: 5 4; }
.curve { fill: none; stroke: var(--series); stroke-width: 2.4; stroke-linejoin: round; }
.best { fill: var(--series); stroke: var(--panel); stroke-width: 1.5; }
.bar { fill: var(--series); }
.bounds { stroke: var(--series-0); stroke-width: 3; } .estimate { fill: var(--series-0); }
.supporting.bounds { stroke: var(--axis); stroke-width: 2; } .supporting.estimate { fill: var(--axis); }
.stage { fill: var(--series-0); } .event { fill: var(--series-1); stroke: var(--panel); stroke-width: 1.5; }
.series-0 { --series: var(--series-0); } .series-1 { --series: var(--series-1); } .series-2 { --series: var(--series-2); }
.series-3 { --series: var(--series-3); } .series-4 { --series: var(--series-4); } .series-5 { --series: var(--series-5); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 0 0 14px; padding: 0; font-size: 14px; }
.legend svg { vertical-align: middle; margin-right: 6px; }
.legend code { color: var(--quiet); }
.query { margin: 0 0 34px; break-inside: avoid; }
.query h3 { font-size: 19px; margin-bottom: 12px; }
.row { display: grid; grid-template-columns: 92px 1fr; gap: 16px; margin-bottom: 16px; }
.row > header { font-size: 14px; color: var(--quiet); } .row > header b { display: block; font-size: 16px; color: var(--ink); }
.hits { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 14px; }
.hit { font-size: 13px; line-height: 1.35; min-width: 0; }
.hit .square { position: relative; aspect-ratio: 1; border-radius: 10px; background: var(--panel); border: 2px solid var(--rule); overflow: hidden; display: grid; place-items: center; color: var(--quiet); }
.hit.match .square { border: 3px solid var(--good); }
.hit img { width: 100%; height: 100%; object-fit: contain; display: block; }
.hit .mark { position: absolute; top: 6px; right: 6px; width: 24px; height: 24px; border-radius: 50%; color: #fff; font-weight: 700; text-align: center; line-height: 24px; }
.hit.match .mark { background: #16803c; } .hit.miss .mark { background: #b4343c; }
.hit b { display: block; margin-top: 6px; font-variant-numeric: tabular-nums; }
.captions { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; }
.nothing { border: 2px dashed var(--rule); border-radius: 10px; color: var(--quiet); padding: 28px; text-align: center; margin: 0; }
.decisions { list-style: none; margin: 0 0 24px; padding: 0; }
.decisions > li { padding: 12px 0; border-bottom: 1px solid var(--rule); }
.decisions p { margin: 4px 0 0; overflow-wrap: anywhere; }
.state { display: inline-block; border-radius: 999px; padding: 1px 11px; font-size: 13px; font-weight: 650; margin-right: 8px; background: var(--panel); }
.state.promoted { color: var(--good); background: var(--good-ground); }
.state.rejected, .state.reverted { color: var(--bad); background: var(--bad-ground); }
.state.inconclusive { color: var(--open); background: var(--open-ground); }
.note { color: var(--quiet); font-size: 14px; }
.scroll { overflow-x: auto; margin-bottom: 20px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
caption { text-align: left; color: var(--quiet); padding-bottom: 6px; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--quiet); white-space: nowrap; }
.panels .scroll { align-self: center; margin: 0; min-width: 0; } .panels th, .panels td { padding-right: 9px; }
th[scope="row"] { color: var(--ink); }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.lines td:last-child { width: 100%; overflow-wrap: anywhere; }
details summary { cursor: pointer; font-size: 14px; color: var(--quiet); }
footer { margin-top: 48px; color: var(--quiet); font-size: 14px; }
@media (max-width: 640px) {
  main { padding: 24px 14px 40px; }
  h1 { font-size: 24px; }
  .summary { font-size: 16px; padding: 14px 16px; }
  figure { padding: 14px 10px 8px; }
  .row { grid-template-columns: 1fr; gap: 6px; }
  .row > header b { display: inline; margin-right: 8px; }
  figure.panel svg text { font-size: 15px; }
  figure.panel svg .tick, figure.panel svg .name, figure.panel svg .figure { font-size: 14px; }
  figure.wide svg { min-width: 900px; }
  th[scope="row"] { white-space: normal; }
  .hits { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 10px; }
}
@media print {
  :root { color-scheme: light; }
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  figure, .summary { border: 1px solid var(--rule); }
  h2 { break-after: avoid; }
  figure.wide svg { min-width: 0; }
}
`
