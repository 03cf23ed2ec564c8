// The look of the report: one column on a phone, two or more on a desktop, light or dark as the reader's system is.

export const STYLE = `
:root{color-scheme:light dark;--bg:#f6f6f3;--card:#fff;--text:#1b1c1e;--soft:#5d6066;--edge:#e2e1db;--rule:#ebeae5;--c1:#1f5fd6;--c2:#c2410c;--good:#15803d;--bad:#b42318;--vote:#b9bcc4;--line:#8d8d8d}
@media(prefers-color-scheme:dark){:root{--bg:#121316;--card:#1b1d21;--text:#e9e9e6;--soft:#a3a7ae;--edge:#2f3238;--rule:#292c31;--c1:#7fa8ff;--c2:#ff9f68;--good:#4ade80;--bad:#ff8a7a;--vote:#565b66;--line:#666}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1180px;margin:0 auto;padding:28px 20px 56px}
header p{margin:.3em 0 0;color:var(--soft);max-width:78ch}
h1{font-size:1.7rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2em 0 .7em}
h3{font-size:.95rem;margin:0 0 .6em;overflow-wrap:anywhere;display:flex;flex-wrap:wrap;gap:.2em .6em;align-items:baseline}
small,.words,.none{color:var(--soft);font-size:.85rem;font-weight:400}
.words{margin:.4em 0 0;max-width:90ch}
.tiles,.charts,.pairs{display:grid;gap:14px}
.tiles{grid-template-columns:repeat(auto-fit,minmax(150px,1fr));margin-top:20px}
.charts{grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr))}
.pairs{grid-template-columns:repeat(auto-fill,minmax(min(100%,520px),1fr))}
.tile,.chart,.pair,.sheet,details{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:14px 16px;margin:0;min-width:0}
.tile b{display:block;font-size:1.55rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tile span{display:block;color:var(--soft);font-size:.83rem}
.chart figcaption{font-weight:600}
.legend{list-style:none;margin:.1em 0 .5em;padding:0;display:flex;flex-wrap:wrap;gap:0 1.1em;font-size:.83rem;color:var(--soft)}
.legend b{color:var(--text);font-variant-numeric:tabular-nums}
.legend i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle;background:var(--c)}
.c1{--c:var(--c1)}.c2{--c:var(--c2)}
.chart svg{display:block;width:100%;height:auto}
.rule{stroke:var(--rule);stroke-width:1}
.tick{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
.line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.raw{fill:none;stroke:var(--c);stroke-width:1;opacity:.28;stroke-linejoin:round}
.whisker{stroke:var(--c);stroke-width:1.5;opacity:.5}
circle{fill:var(--c)}
.pictures{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;align-items:start}
.pictures figure{margin:0;min-width:0}
.pictures figcaption{font-size:.8rem;color:var(--soft);line-height:1.35;margin-top:6px}
.pictures figcaption span{white-space:nowrap}
.pictures.steps{grid-template-columns:repeat(3,1fr)}
.ballot{margin-top:8px;font-size:.85rem}.ballot td{vertical-align:middle;padding:4px 12px 4px 0}.ballot .no-grid{width:46px;height:24px}
.grid{display:block;max-width:100%;height:auto;border:1px solid var(--line)}
.lines{fill:none;stroke:#fff;stroke-opacity:.22;stroke-width:.04}
.wrong{fill:#fff;stroke:#000;stroke-width:.1}
.no-grid{width:72px;height:72px;border:1px dashed var(--edge);border-radius:6px;display:grid;place-items:center;color:var(--soft);font-size:.8rem}
.badge{font-size:.75rem;font-weight:600;color:var(--soft);border:1px solid var(--edge);border-radius:99px;padding:0 .7em}
.badge.good,.right{color:var(--good)}.badge.good{border-color:var(--good)}.miss{color:var(--bad)}
.votes{display:flex;gap:2px;height:8px;margin-top:12px;border-radius:4px;overflow:hidden}
.votes i{background:var(--vote);min-width:1px}.votes .right{background:var(--good)}.votes .rest{opacity:.45}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th{text-align:left;font-weight:600;color:var(--soft);font-size:.8rem}
th,td{padding:7px 12px 7px 0;border-bottom:1px solid var(--rule);vertical-align:top}
tbody tr:last-child td{border-bottom:0}
td:last-child,th:last-child{padding-right:0}
td b{min-width:0;overflow-wrap:anywhere}
.number{font-variant-numeric:tabular-nums;white-space:nowrap}.faint{color:var(--soft)}
.sheet ul{margin:0;padding-left:1.2em}.sheet li+li{margin-top:.5em}.sheet li{max-width:95ch}
details{margin-top:14px}
summary{cursor:pointer;font-weight:600}
dl{margin:.8em 0 0;columns:3 300px;column-gap:32px;font-size:.85rem}
dl div{display:flex;justify-content:space-between;gap:1em;border-bottom:1px solid var(--rule);padding:3px 0;break-inside:avoid}
dt{color:var(--soft)}dd{margin:0;text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.studies{display:grid;gap:14px;margin-bottom:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}
.sheet table+p+table,.sheet p+table{margin-top:18px}.sheet ul.notes{margin:.9em 0;font-size:.9rem}.figure{font-variant-numeric:tabular-nums}
.facts td:first-child{color:var(--soft);white-space:nowrap}.facts td{overflow-wrap:anywhere}
@media(max-width:620px){
main{padding:20px 14px 40px}
.tiles{grid-template-columns:1fr 1fr}
.pictures{grid-template-columns:1fr 1fr}
.pictures.steps{grid-template-columns:repeat(3,1fr);gap:12px 8px}
.stacks thead{display:none}
.stacks tr{display:block;padding:10px 0;border-bottom:1px solid var(--edge)}
.stacks tr:last-child{border-bottom:0}
.stacks td{display:flex;gap:.8em;padding:2px 0;border:0;white-space:normal}
.stacks td::before{content:attr(data-of);flex:0 0 7.6em;color:var(--soft)}
.stacks td[data-of=what]::before{display:none}
.facts td{display:block;border:0;padding:0}.facts td:first-child{padding-top:8px;font-size:.8rem}
}
@media print{details,.pair,.chart{break-inside:avoid}}
`
