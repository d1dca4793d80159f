"""The style sheet of report.html: follows the reader's light or dark, and folds to one column on a narrow screen."""

STYLE = """
:root { color-scheme: light dark; --ground:#fbfaf7; --card:#fff; --ink:#22262a; --soft:#6a7178; --line:#e4e1da;
  --keep:#2f7d74; --drop:#c9622f; --pale:#cfe0dc; --track:#efede7; }
@media (prefers-color-scheme: dark) { :root { --ground:#15181b; --card:#1d2125; --ink:#e7e5e0; --soft:#9aa1a8; --line:#2f353b;
  --keep:#57b5a8; --drop:#e58a57; --pale:#2b4a46; --track:#262b30; } }
* { box-sizing:border-box }
body { margin:0; background:var(--ground); color:var(--ink);
  font:15px/1.55 system-ui,-apple-system,"PingFang SC","Noto Sans CJK SC","Noto Sans SC","Source Han Sans SC",
  "Microsoft YaHei","WenQuanYi Micro Hei",sans-serif }
main { max-width:1060px; margin:0 auto; padding:2rem 1.25rem 4rem }
h1 { font-size:1.7rem; font-weight:650; margin:.2rem 0 1.2rem; letter-spacing:-.01em }
h2 { font-size:1.12rem; font-weight:650; margin:0 0 .2rem }
section { background:var(--card); border:1px solid var(--line); border-radius:12px; padding:1.1rem 1.25rem 1.25rem; margin-top:1.1rem }
.note, .legend, small, figcaption, dt, .cards p { color:var(--soft) }
.note { margin:0 0 .8rem; font-size:.9rem }
.cards { display:grid; grid-template-columns:repeat(4,1fr); gap:.7rem; margin:0 }
.cards div { background:var(--card); border:1px solid var(--line); border-radius:12px; padding:.7rem .8rem }
.cards dt { font-size:.85rem } .cards p { margin:0; font-size:.8rem; line-height:1.35 }
.cards dd { margin:.05rem 0; font-size:1.3rem; font-weight:650; font-variant-numeric:tabular-nums }
.row { display:grid; grid-template-columns:minmax(170px,270px) 1fr 112px; gap:.9rem; align-items:center; padding:.28rem 0 }
.row small { display:block; font-size:.78rem; line-height:1.3 }
.number { text-align:right; font-variant-numeric:tabular-nums }
.track { display:flex; height:16px; background:var(--track); border-radius:4px; overflow:hidden; min-width:60px }
.track i { display:block; height:100%; background:var(--soft) }
i.pale { background:var(--pale) !important } i.keep { background:var(--keep) !important }
i.drop { background:var(--drop) !important } .track i.drop { min-width:2px }
.histogram { display:flex; gap:2px; height:210px }
.histogram > div { flex:1 1 0; min-width:0; display:flex; flex-direction:column }
.bars { flex:1; display:flex; flex-direction:column; justify-content:flex-end; border-bottom:1px solid var(--line) }
.bars i { display:block; border-radius:2px 2px 0 0 } .bars i.drop + i.keep { border-radius:0 }
.histogram small { height:1.5em; font-size:.72rem; text-align:center; white-space:nowrap; overflow:visible }
.legend { margin:.3rem 0 0; font-size:.85rem } .legend i { display:inline-block; width:.75em; height:.75em; border-radius:2px; margin-left:.8em }
.scroll { overflow-x:auto; margin-top:.5rem }
table { border-collapse:collapse; width:100%; font-size:.9rem }
th { text-align:left; font-weight:500; color:var(--soft); font-size:.82rem }
th, td { padding:.32rem .7rem .32rem 0; border-bottom:1px solid var(--line); vertical-align:middle }
td { font-variant-numeric:tabular-nums } .sources td:nth-child(4) { width:130px } .sources .track { height:9px }
.sources th:nth-child(n+2):nth-child(-n+3), .sources td:nth-child(n+2):nth-child(-n+3),
.sources th:nth-child(5), .sources td:nth-child(5), .bad th:nth-child(3), .bad td:nth-child(3),
.overlap th:nth-child(n+2), .overlap td:nth-child(n+2), .calibration th:nth-child(n+3), .calibration td:nth-child(n+3),
.compliance th:nth-child(n+4), .compliance td:nth-child(n+4),
.timings th:nth-child(2), .timings td:nth-child(2), .timings th:nth-child(n+4), .timings td:nth-child(n+4) { text-align:right }
.timings td:nth-child(3) { width:150px } .timings .track { height:9px } .timings td:nth-child(6) .track { height:4px; margin-top:2px }
a { color:var(--keep) }
th:last-child, td:last-child { padding-right:0 }
details { border-top:1px solid var(--line); padding:.5rem 0 } details:first-of-type { margin-top:.5rem }
summary { cursor:pointer; font-weight:550 } summary small { font-weight:400; margin-left:.4em }
figure { margin:.7rem 0 } figcaption { font-size:.8rem; overflow-wrap:anywhere }
blockquote { margin:.2rem 0 0; padding:.5rem .8rem; background:var(--track); border-radius:8px; white-space:pre-wrap;
  overflow-wrap:anywhere; max-height:9.5em; overflow-y:auto; font-size:.9rem }
.pair { display:grid; grid-template-columns:1fr 1fr; gap:.1rem .9rem; padding:.4rem 0 .7rem } .pair p { grid-column:1 / -1; margin:0;
  font-size:.85rem; color:var(--soft) }
.pair + .pair { border-top:1px dashed var(--line) } .pair figure { margin:0; min-width:0 } .pair blockquote { max-height:18em }
.pair em { font-style:normal; font-weight:600; color:var(--ink) }
mark { background:color-mix(in srgb, var(--drop) 30%, transparent); color:inherit; border-radius:3px }
.pair b { font-weight:inherit; background:var(--pale) } .gap { color:var(--soft); font-style:normal; padding:0 .3em }
@media (max-width:640px) { main { padding:1.1rem .8rem 3rem } section { padding:.9rem .9rem 1rem }
  .row { grid-template-columns:1fr auto; gap:.15rem .7rem; padding:.45rem 0 } .row .track { grid-column:1 / -1; grid-row:2 }
  .cards { grid-template-columns:repeat(2,1fr) } .pair { grid-template-columns:1fr } table { min-width:max-content }
  td { max-width:16em; overflow-wrap:anywhere }
  .sources td, .sources th { white-space:nowrap } .sources td:nth-child(4), .sources th:nth-child(4) { display:none }
  .timings :is(td, th):is(:nth-child(3), :nth-child(5)) { display:none } table.timings { min-width:0 }
  .timings :is(td, th) { padding-right:.45rem } .timings td:nth-child(n+2) { white-space:nowrap } .timings .track { min-width:0 }
  .timings td:first-child { overflow-wrap:normal; min-width:6em }
  .histogram { height:150px } .histogram > div:nth-child(4n+3) small { visibility:hidden }
  .number small { display:inline; margin-left:.5em } }
"""
