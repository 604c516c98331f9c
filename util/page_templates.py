"""Pages made of templates, in which whatever a user has written is text, never markup."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from util.disk.whole_files import write_text


def load_template(path: Path, *also: Path) -> Template:
    """Load a template of HTML; what it includes lies beside it, or in other folders."""
    environment = Environment(
        loader=FileSystemLoader([path.parent, *also]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(path.name)


def write_page(path: Path, page: str) -> None:
    """Write a page; names of files that are not UTF-8 hold what no page can."""
    write_text(path, page.encode(errors="replace").decode())
