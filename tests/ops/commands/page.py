"""A small page, as the folder website/ has it."""

from pathlib import Path

INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Page</title>
<meta name="data" content="data/">
<link rel="stylesheet" href="assets/site.css">
<script type="module" src="assets/app.js"></script>
</html>
"""


def make_page(checkout: Path) -> Path:
    """The folder of a page in a checkout, with a file for its developers beside it."""
    folder = checkout / "website"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX, encoding="utf-8")
    (folder / "assets" / "app.js").write_text('import "./matrix.js";\n', encoding="utf-8")
    (folder / "assets" / "matrix.js").write_text("export {};\n", encoding="utf-8")
    (folder / "assets" / "site.css").write_text("body { margin: 0 }\n", encoding="utf-8")
    (folder / "package.json").write_text("{}", encoding="utf-8")
    return folder
