/** The style of the page at /docs. Its hash stands in the page's Content-Security-Policy. */
export const pageStyle = `
:root{color-scheme:light dark;--ink:#1d2330;--soft:#5b6474;--line:#dfe3ea;--ground:#fff;--raised:#f6f7f9;--link:#2456b8}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaf0;--soft:#9aa4b5;--line:#2c3340;--ground:#12151b;--raised:#1a1f28;--link:#8ab0ff}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;display:grid;grid-template-columns:19rem minmax(0,1fr);font:15px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--ground)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem 1.25rem;border-right:1px solid var(--line);background:var(--raised)}
nav h2{font-size:.75rem;text-transform:uppercase;letter-spacing:.06em;color:var(--soft);margin:1.4rem 0 .4rem}
nav ul{list-style:none;margin:0;padding:0}
nav a{display:flex;gap:.5rem;padding:.2rem 0;color:inherit;text-decoration:none}
nav a:hover{text-decoration:underline}
main{padding:2rem clamp(1rem,4vw,3.5rem) 6rem;max-width:70rem}
h1{margin:0;font-size:1.7rem}
h2{margin:3rem 0 .5rem;font-size:1.3rem}
h3{margin:0;font-size:1rem;display:flex;flex-wrap:wrap;gap:.6rem;align-items:baseline;overflow-wrap:anywhere}
h4{margin:1.4rem 0 .4rem;font-size:.9rem}
a{color:var(--link)}
p{margin:.5rem 0}
section.operation{border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.25rem;margin:1rem 0}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}
pre{margin:.4rem 0;padding:.8rem 1rem;overflow:auto;max-height:26rem;background:var(--raised);border:1px solid var(--line);border-radius:8px}
.verb{display:inline-block;min-width:3.6rem;text-align:center;border-radius:5px;padding:0 .4rem;font:600 11px/1.8 ui-monospace,monospace;color:#fff;background:#5b6474}
.get{background:#1f6f4a}.post{background:#2456b8}.patch{background:#8a5a00}.delete{background:#a12b2b}
nav .verb{min-width:3.1rem;flex:none;align-self:start;margin-top:.15rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line);font-weight:400}
thead th{color:var(--soft);font-size:.78rem}
small,.soft{color:var(--soft)}
details{border-top:1px solid var(--line);padding:.5rem 0}
summary{cursor:pointer}
summary b{display:inline-block;min-width:2.6rem}
@media(max-width:56rem){body{display:block}nav{position:static;height:auto;max-height:45vh;border-right:0;border-bottom:1px solid var(--line)}main{padding-top:1.25rem}}
`
