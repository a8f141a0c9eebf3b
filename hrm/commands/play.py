"""`hrm play`: the page on which models are watched while they think."""

import threading
import webbrowser
from pathlib import Path

import click


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL …]")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    metavar="N",
    help="Of the page's address [default: any that is free].",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the page to a folder instead, for any web server; or to one FILE.html.",
)
def play(models: tuple[str, ...], port: int, no_browser: bool, export: Path | None) -> None:
    """Watch models think in the browser, on puzzles that you draw.

    \b
    hrm play                                 the bundled models
    hrm play runs/demo boardpath-10x10       models of your own
    hrm play --export site                   the same page as files
    hrm play --export think.html             the same page as one file

    MODEL is a bundled model, a model or run folder, or a hub repository. The models run in the
    browser. The page is served to this machine alone; Ctrl-C stops it.
    """
    from hrm.page.export import export_page
    from hrm.page.server import PageServer
    from hrm.page.site import page_files, shown_models

    shown = shown_models(models)
    if export is not None:
        click.echo(f"Page: {export_page(export, shown)}")
        return
    with PageServer(page_files(shown), port) as server:
        click.echo(f"Page: {server.address} (Ctrl-C stops it)")
        if not no_browser:
            threading.Thread(target=webbrowser.open, args=[server.address], daemon=True).start()
        server.serve_forever()
