"""How a report looks: on a phone, a desktop and paper, light and dark; colours with a contrast of 4.5 and more."""

STYLE = """
:root { color-scheme: light dark; --text: #1c1e21; --soft: #5a6068; --page: #fff; --card: #f5f6f8; --line: #d5d9de;
  --good: #17692f; --bad: #b3261e; --busy: #8a5300; }
@media screen and (prefers-color-scheme: dark) { :root { --text: #e7e9ec; --soft: #a6adb6; --page: #15171a;
  --card: #1f2226; --line: #363b42; --good: #6fd08c; --bad: #ff8a80; --busy: #f0b65a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.25rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; }
code { font: .9em ui-monospace, monospace; }
code.command { display: inline-block; max-width: 100%; }
time, td > span { white-space: nowrap; }
.kind { margin: 0; color: var(--soft); }
.state { display: inline-block; margin: 0; padding: .2rem .7rem; border: 1px solid currentColor; border-radius: 1rem; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .busy { color: var(--busy); }
.todo { padding: .1rem 1rem .5rem; margin-top: 1.5rem; background: var(--card); border-radius: .5rem; }
.todo h2 { margin-top: .75rem; } .todo ul { margin: 0; padding-left: 1.25rem; } li { margin: .25rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .75rem 1.5rem; margin: 0; }
dt { color: var(--soft); font-size: .875rem; } dd { margin: 0; font-size: .925rem; }
table { width: 100%; border-collapse: collapse; font-size: .925rem; }
th, td { padding: .45rem .75rem .45rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; min-width: 10.5rem; } td.names { min-width: 10rem; } td.text { min-width: 12rem; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .875rem; }
@media screen and (max-width: 60rem) {
  body { padding: 1rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, tbody th, td { display: block; }
  tr { padding: .6rem .75rem; margin-bottom: .6rem; background: var(--card); border-radius: .5rem; }
  th, td, td.names, td.text { border: 0; padding: .1rem 0; min-width: 0; } td:empty { display: none; }
  td::before { content: attr(data-head); display: block; color: var(--soft); font-size: .8rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  h2, tr, .todo { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; }
  .todo { border: 1px solid var(--line); background: none; }
  table { font-size: 8.5pt; } tbody th, td.names, td.text { min-width: 6.5rem; }
}
"""
