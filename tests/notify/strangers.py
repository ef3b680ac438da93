"""What strangers may write, where it is shown: in paths, names, errors, licences."""

from hypothesis import strategies as st

from hugflow.notify.escape import to_line

NASTY = (
    "|",
    "\\|",
    "\\",
    "`",
    "``",
    "```",
    "~~~",
    "*",
    "_",
    "**b**",
    "~~s~~",
    "\n",
    "\n\n",
    "\r\n",
    "\n# h\n",
    "\n- i\n",
    "\n> q\n",
    "\n```\n",
    "\n| a | b |\n| --- | --- |\n",
    "-->",
    "<!--",
    "<!-- hugflow:living: -->",
    "@ana",
    "@acme/all",
    "#1",
    "GH-1",
    "acme/requests#1",
    "8a6c8a6c8a6c8a6c8a6c8a6c8a6c8a6c8a6c8a6c",
    ":smile:",
    "https://evil.example",
    "www.evil.example",
    "ana@evil.example",
    "[a](https://evil.example)",
    "![a](https://evil.example/x.png)",
    "[a]: https://evil.example",
    "<https://evil.example>",
    "<img src=x onerror=y>",
    "<script>z</script>",
    "</details>",
    "</code>",
    "</td></table>",
    "&lt;",
    "&#96;",
    "&amp;",
    "$x$",
    "[ ]",
    "<!channel>",
    "<!here|x>",
    "<@U0000001>",
    "<#C0000001|x>",
    "<https://evil.example|ours>",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\x00",
    "\x1b[31m",
    "\x07",
    "\ud800",
    "\U000e0041",
    "é",
    "日本",
    "🦊",
)

# Never nothing at all: then there is no code to be seen either.
words = (
    st.lists(st.sampled_from(NASTY) | st.text(max_size=5), min_size=1, max_size=8)
    .map("".join)
    .filter(lambda text: to_line(text) != "")
)
