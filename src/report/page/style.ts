/** The page's style sheet: light and dark, from a telephone to a wide screen, and on paper. */
const LIGHT = `--paper:#fff;--soft:#f4f6f8;--line:#d0d7de;--ink:#1f2328;--muted:#57606a;--link:#0550ae;
--red:#b3182b;--red-soft:#ffeceb;--amber:#7a4d00;--amber-soft:#fff6d6;--green:#116329;--green-soft:#e1f9e6;--blue:#0550ae;--mark:#fff3bf`;
const DARK = `--paper:#0f141a;--soft:#1a212a;--line:#3d4650;--ink:#e6edf3;--muted:#a3adb8;--link:#79b8ff;
--red:#ff8f87;--red-soft:#3a1a1c;--amber:#f0c04f;--amber-soft:#332a10;--green:#6cd98a;--green-soft:#12301c;--blue:#79b8ff;--mark:#4a3f10`;

/** What the pictures need; they are used outside the page as well. */
const PICTURE_STYLE = `svg text{font:13px ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif;fill:var(--ink)}
svg .name{font-weight:600}svg .note{fill:var(--muted);font-size:12px}svg .bad{fill:var(--red)}
svg .edge{fill:none;stroke:var(--muted);stroke-width:2}svg .earlier{stroke-dasharray:3 4}
svg .dot{fill:var(--paper);stroke:var(--muted);stroke-width:3}svg .core{fill:var(--muted)}
svg .new .dot{stroke:var(--green)}svg .new .core{fill:var(--green)}svg .edited .dot{stroke:var(--amber)}svg .edited .core{fill:var(--amber)}
svg .deleted .dot{stroke:var(--red);stroke-dasharray:3 2}svg .wrong{fill:none;stroke:var(--red);stroke-width:2}
svg .mark{font-weight:700;font-size:15px;fill:var(--green)}svg .failed .mark{fill:var(--red)}svg .differs .mark{fill:var(--amber)}svg .not-run .mark{fill:var(--muted)}
svg .bar{fill:var(--green)}svg .failed .bar{fill:var(--red)}svg .differs .bar{fill:var(--amber)}
svg .gap,svg .axis{stroke:var(--line);stroke-width:2}svg .gap{stroke-dasharray:4 4}svg .stop{stroke:var(--red);stroke-width:3;fill:none}`;

export const STYLE = `:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
main,header,footer,nav{max-width:60rem;margin:0 auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.3;margin:.4rem 0;overflow-wrap:anywhere}h2{font-size:1.3rem;margin:2.2rem 0 .4rem;overflow-wrap:anywhere}
h3{font-size:1.1rem;margin:1.8rem 0 .5rem}h4{font-size:1rem;margin:0 0 .5rem;overflow-wrap:anywhere}
p,li,dd,dt,td,th{overflow-wrap:anywhere}p{margin:.5rem 0}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em}
p code,li code,h1 code,h4 code,summary code,dd code,caption code{background:var(--soft);padding:.1em .3em;border-radius:4px}
pre{margin:0;padding:.7rem .8rem;white-space:pre;tab-size:4}
a{color:var(--link)}a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-100vw}.skip:focus{position:static;display:inline-block;padding:.5rem 1rem}
.verdict{display:inline-block;margin-top:1.5rem;padding:.15rem .7rem;border-radius:1rem;border:2px solid;font-weight:700}
.pass{color:var(--green);background:var(--green-soft)}.fail,.error{color:var(--red);background:var(--red-soft)}
.warning{color:var(--amber);background:var(--amber-soft)}.notice,.ignored,.old{color:var(--blue);background:var(--soft)}
.tag{display:inline-block;padding:0 .5rem;border-radius:.8rem;border:1px solid;font-size:.85rem;font-weight:600}
.small,.muted{color:var(--muted);font-size:.9rem}
.scroll{overflow-x:auto;background:var(--soft);border:1px solid var(--line);border-radius:6px;margin:.5rem 0;max-width:100%}
.picture{background:var(--paper);padding:.4rem}.picture svg{display:block;max-width:none}
figure{margin:.8rem 0}figcaption{color:var(--muted);font-size:.9rem}
.finding{border:1px solid var(--line);border-left:5px solid var(--muted);border-radius:6px;padding:.8rem 1rem;margin:1rem 0}
.finding.is-error{border-left-color:var(--red)}.finding.is-warning{border-left-color:var(--amber)}.finding.is-notice{border-left-color:var(--blue)}
.excerpt{padding:.4rem 0}.line{display:block;padding-right:.8rem;min-width:max-content}
.number{display:inline-block;width:3.6rem;padding-right:1rem;text-align:right;color:var(--muted);user-select:none}
.marked{background:var(--mark);box-shadow:inset 4px 0 var(--red)}mark{background:none;color:inherit}mark b{text-decoration:underline wavy var(--red)}
.grey{color:var(--muted);font-style:italic;box-shadow:inset 4px 0 var(--line)}
table{border-collapse:collapse;width:100%}th,td{padding:.25rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--muted);font-size:.85rem}.sides td{width:50%}.sides.catalog td{width:40%}.sides code{white-space:pre-wrap;overflow-wrap:anywhere}
.sides th[scope=row]{font-weight:400;color:var(--muted)}.object th{background:var(--paper)}
.removed{background:var(--red-soft)}.added{background:var(--green-soft)}del,ins{text-decoration:none}.none{color:var(--muted)}
summary{cursor:pointer;padding:.3rem 0;font-weight:600}details{margin:.6rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.5rem 0}dt{color:var(--muted)}dd{margin:0}
nav ol{padding-left:1.3rem}footer{margin-top:3rem;padding:1rem;color:var(--muted);font-size:.85rem;border-top:1px solid var(--line)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (max-width:37rem){body{font-size:15px}dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 .4rem}.finding{padding:.6rem .7rem}.number{width:2.6rem;padding-right:.6rem}}
@media print{.scroll{overflow:visible}pre{white-space:pre-wrap}nav,.skip{display:none}}
${PICTURE_STYLE}`;

/** The colours of the pictures where they stand alone. */
export const ALONE_STYLE = `svg{${LIGHT}}@media (prefers-color-scheme:dark){svg{${DARK}}}${PICTURE_STYLE}`;
