"""The add-on's pages for people: a form that makes an install link, without a line of script.

A page names what it may load (its own style sheet) and where its form may go (here), and nothing else.
"""

from html import escape
from typing import Final

__all__ = ["PAGE_HEADERS", "POSTER", "STYLE", "configure_page", "install_page", "refusal_page"]

PAGE_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}

STYLE: Final = """\
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
body { margin: 3rem auto; max-width: 38rem; padding: 0 1rem }
label { display: block; font-weight: 600; margin-top: 1rem }
input { box-sizing: border-box; font: inherit; padding: .5rem; width: 100% }
button, .install { background: #4a3aff; border: 0; border-radius: .4rem; color: #fff; display: inline-block;
  font: inherit; margin-top: 1rem; padding: .6rem 1.2rem; text-decoration: none }
code { overflow-wrap: anywhere }
.refusal { border-left: .3rem solid #c22; padding-left: .8rem }
"""

POSTER: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 300" width="200" height="300">\
<rect width="200" height="300" fill="#17142e"/>\
<path d="M40 90h120v14H40zm12 14h14v106H52zm82 0h14v106h-14zM66 150h68v14H66zm0 46h68v14H66z" fill="#7d6bff"/>\
</svg>
"""


def configure_page(base: str, *, named: bool) -> str:
    """The form; ``named`` is True when the visitor came with a key that works already."""
    known = "<p>This add-on is installed with a key of its own. A new link replaces nothing: revoke the old key with"
    known += " <code>sluicegate keys revoke</code> when you no longer need it.</p>"
    return _page(
        "Install in Stremio",
        f"""\
{known if named else ""}
<p>Stremio plays what is ready in your library. The link gets a key of its own, which opens the add-on and nothing
else, and which you can revoke at any time.</p>
<form method="post" action="{escape(base)}/install">
<label for="key">Library key (tu_…)</label>
<input id="key" name="key" type="password" autocomplete="off" required maxlength="200">
<label for="label">What the link is for</label>
<input id="label" name="label" maxlength="100" placeholder="Living room">
<button>Make the link</button>
</form>
""",
        base,
    )


def install_page(base: str, url: str) -> str:
    """The new link, shown this once."""
    stremio = "stremio://" + url.partition("://")[2]
    return _page(
        "Your link",
        f"""\
<p><a class="install" href="{escape(stremio)}">Install in Stremio</a></p>
<p>Or paste this address into Stremio's search for add-ons. It holds your key: share it with nobody.</p>
<p><code>{escape(url)}</code></p>
""",
        base,
    )


def refusal_page(base: str, words: str) -> str:
    """Why there is no link."""
    return _page(
        "That did not work",
        f'<p class="refusal">{escape(words)}</p><p><a href="{escape(base)}/configure">Back</a></p>',
        base,
    )


def _page(title: str, content: str, base: str) -> str:
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Sluicegate</title>
<link rel="stylesheet" href="{escape(base)}/style.css">
</head>
<body>
<h1>{escape(title)}</h1>
{content}</body>
</html>
"""
