"""The look of a card in a notebook, whatever its theme."""

# A notebook's theme is not told to what it shows (a dark JupyterLab on a light desktop answers
# prefers-color-scheme with light), so text takes the color around it, lines and grounds are that
# color made faint, and only the badges have colors of their own: white on dark, 4.5:1 or more.
STYLE = """
.isoflop-card{color:var(--jp-ui-font-color1,var(--vscode-editor-foreground,inherit));
font:13px/1.45 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);
max-width:72em;margin:.4em 0;overflow-wrap:anywhere}
.isoflop-card.isoflop-card *{box-sizing:border-box;text-align:left}
.isoflop-card .isf-box{border:1px solid rgba(128,128,128,.4);border-left:5px solid var(--isf);
background:rgba(128,128,128,.09);border-radius:3px;padding:.5em .8em}
.isoflop-card .isf-badge{display:inline-block;background:var(--isf);color:#fff;font-weight:600;
border-radius:3px;padding:0 .5em;margin-right:.6em}
.isoflop-card .isf-good{--isf:#1b6e2c}.isoflop-card .isf-caution{--isf:#8a5000}
.isoflop-card .isf-bad{--isf:#b3161b}.isoflop-card .isf-neutral{--isf:#4a5568}
.isoflop-card.isoflop-card p{margin:.3em 0}
.isoflop-card.isoflop-card ul{margin:.4em 0;padding:0;list-style:none}
.isoflop-card.isoflop-card li{margin:.15em 0;padding-left:3em;text-indent:-3em}
.isoflop-card li>b{display:inline-block;min-width:3em;text-indent:0;padding-right:.5em;
white-space:nowrap}
.isoflop-card.isoflop-card .isf-flags li{padding-left:4.4em;text-indent:-4.4em}
.isoflop-card .isf-flags li>b{min-width:4.4em}
.isoflop-card .isf-no{text-decoration:underline}
.isoflop-card.isoflop-card.isoflop-card code{font-size:12px;background:none;
font-family:var(--jp-code-font-family,ui-monospace,monospace);color:inherit;padding:0}
.isoflop-card .isf-wide{overflow-x:auto;margin:.5em 0}
.isoflop-card.isoflop-card table{border-collapse:collapse;border:0;margin:0;font-size:12px;
color:inherit;width:auto;table-layout:auto;overflow-wrap:normal}
.isoflop-card.isoflop-card caption{caption-side:top;padding:.2em 0;font-weight:600;color:inherit;
white-space:nowrap}
.isoflop-card.isoflop-card.isoflop-card th,.isoflop-card.isoflop-card.isoflop-card td{border:0;
border-bottom:1px solid rgba(128,128,128,.3);color:inherit;padding:.2em 1.1em .2em 0;
vertical-align:top;text-align:left;white-space:nowrap;max-width:32em;background:none}
.isoflop-card.isoflop-card.isoflop-card .isf-l{white-space:normal;min-width:16em;
overflow-wrap:anywhere}
.isoflop-card.isoflop-card th{font-weight:600}
.isoflop-card.isoflop-card tbody tr{background:none}
.isoflop-card.isoflop-card.isoflop-card .isf-r{text-align:right;
font-variant-numeric:tabular-nums}
.isoflop-card .isf-quiet{opacity:.8;font-size:12px}
.isoflop-card.isoflop-card dl{margin:.4em 0}
.isoflop-card.isoflop-card dd{margin:0 0 .4em 1.2em}
.isoflop-card summary{cursor:pointer;margin:.4em 0;font-weight:600}
""".strip().replace("\n", "")
