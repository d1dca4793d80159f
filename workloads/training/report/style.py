"""The look of the training report."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf6; --ink: #22201c; --quiet: #6f6a60; --rule: #e2ddd2; --own: #b23a2a; --good: #3e7d5a; --far: #8b8578; --card: #f3f0e8; }
@media (prefers-color-scheme: dark) { :root { --paper: #17171a; --ink: #e9e6df; --quiet: #9b968b; --rule: #33323a; --own: #ef7a64; --good: #77c197; --far: #8d8a83; --card: #202025; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.25rem; margin: 0 0 .8rem; font-weight: 600; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2.5rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid var(--rule); }
.kind { margin: 0; color: var(--own); font-weight: 600; }
.quiet { color: var(--quiet); font-size: .875em; font-weight: 400; }
.bad { color: var(--own); font-weight: 600; }
code { font: .85em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; color: var(--quiet); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .7rem; margin: 0; }
.cards div { background: var(--card); border-radius: .5rem; padding: .7rem 1rem; display: flex; flex-direction: column; }
.cards dd { margin: 0; font-size: 1.7rem; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; }
.cards dt { color: var(--quiet); font-size: .875rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--rule); font-weight: 400; vertical-align: top; }
thead th { color: var(--quiet); font-size: .875rem; }
.when, .number { white-space: nowrap; } .number { text-align: right; }
.text { overflow-wrap: anywhere; }
.bars .track { width: 35%; min-width: 6rem; vertical-align: middle; }
.bars i { display: block; height: .8rem; border-radius: 2px; min-width: 1px; background: var(--own); } .bars .useful { background: var(--good); }
figure { margin: 0; } figcaption { color: var(--quiet); font-size: .875rem; }
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1.2rem; margin-top: 1.2rem; }
.chart { width: 100%; height: auto; display: block; }
.chart .grid { stroke: var(--rule); }
.chart .axis { fill: var(--quiet); font-size: 13px; font-variant-numeric: tabular-nums; }
.chart polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.chart .train polyline { stroke: var(--far); stroke-width: 1.2; } .chart .train circle { fill: var(--far); }
.chart .heldout polyline { stroke: var(--own); stroke-width: 2.2; } .chart .heldout circle { fill: var(--own); }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0 0 .4rem; font-size: .875rem; color: var(--quiet); }
.key span::before { content: ""; display: inline-block; width: 1rem; height: 3px; margin-right: .4rem; vertical-align: middle; background: var(--far); }
.key .heldout::before { background: var(--own); }
article { background: var(--card); border-radius: .5rem; padding: .6rem 1rem; margin: .8rem 0; } article p { margin: 0; }
article ul { margin: .3rem 0 0; padding-left: 1.2rem; font-size: .875rem; }
details { margin-top: .3rem; } summary { cursor: pointer; color: var(--quiet); font-size: .875rem; }
@media (max-width: 34rem) { .small { grid-template-columns: 1fr; } .chart .axis { font-size: 17px; } }
"""
