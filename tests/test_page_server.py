"""The page's server, and the copies of the page that need none."""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import called

from hrm import HRM
from hrm.models.hub import bundled_models
from hrm.page.export import export_page
from hrm.page.one_file import joined_modules, one_file
from hrm.page.server import PageServer
from hrm.page.site import STATIC, page_files, shown_models
from hrm.tasks.grid import Grid


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer(page_files(shown_models([])), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def get(server: PageServer, path: str, host: str | None = None) -> tuple[int, bytes]:
    """The status and the body; the path goes out as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read()


def test_it_serves_the_page_and_the_files_of_its_models(server: PageServer):
    assert get(server, "/") == (200, (STATIC / "index.html").read_bytes())
    assert get(server, "/js/main.js?x=1")[0] == 200
    models = json.loads(get(server, "/models.json")[1])
    assert [model["name"] for model in models] == bundled_models()
    for model in models:
        config = json.loads(get(server, f"/{model['folder']}/config.json")[1])
        assert config["model"]["d_model"] == HRM.from_pretrained(model["name"]).config.d_model
        assert get(server, f"/{model['folder']}/model.safetensors")[0] == 200
        assert get(server, f"/{model['folder']}/metrics.jsonl")[0] == 404


TRICKS = (
    "/../site.py",
    "/js/../../site.py",
    "/%2e%2e/site.py",
    "/js/%2e%2e%2f%2e%2e%2fsite.py",
    "/..%5csite.py",
    "/etc/passwd",
    "//etc/passwd",
    "/file:///etc/passwd",
    "/models/0/../../../../../etc/passwd",
    "/index.html%00",
    "/js",
    "/models/0/",
    "/models/999/config.json",
)


@pytest.mark.parametrize("path", TRICKS)
def test_it_serves_nothing_else(server: PageServer, path: str):
    assert get(server, path)[0] == 404


def test_it_answers_to_its_own_name_alone(server: PageServer):
    assert get(server, "/", host=f"localhost:{server.server_port}")[0] == 200
    for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1:1"):
        assert get(server, "/", host=host)[0] == 421


def test_it_listens_on_the_loopback_address_alone(server: PageServer):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/"


def test_no_other_address_stands_in_the_page():
    for file in STATIC.rglob("*"):
        if file.is_file():
            found = set(re.findall(r"https?://[^\s'\"]+", file.read_text(encoding="utf-8")))
            assert found <= {"http://www.w3.org/2000/svg"}, file


def test_ctrl_c_stops_the_command():
    command = [sys.executable, "-m", "hrm", "play", "--no-browser"]
    play = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert play.stdout
    address = re.search(r"http://127\.0\.0\.1:(\d+)/", play.stdout.readline())
    assert address
    connection = http.client.HTTPConnection("127.0.0.1", int(address[1]))
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    play.send_signal(signal.SIGINT)
    _, errors = play.communicate(timeout=30)
    assert (play.returncode, errors.strip()) == (130, "hrm: interrupted")


def test_mistakes_are_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = called("play", "--no-browser", "--port", str(port))
    assert result.code == 2
    assert result.err == f"hrm: --port {port}: is taken; give another one, or 0 for any\n"
    result = called("play", "nosuch")
    assert result.code == 2 and "model nosuch: no such folder or bundled model" in result.err


def test_a_folder_without_weights_is_refused(tmp_path: Path):
    shutil.copy(shown_models([])[0].folder / "config.json", tmp_path)
    with pytest.raises(ValueError, match=r"has no model\.safetensors"):
        shown_models([str(tmp_path)])


def test_a_model_of_a_puzzle_that_the_page_does_not_know_is_refused(tmp_path: Path):
    HRM({"d_model": 8}, Grid(2, 2, 3, 3), {"name": "mine.py:Mine"}).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"mine\.py:Mine, and the page knows .* hrm solve --html"):
        shown_models([str(tmp_path)])


def test_models_that_are_called_alike_have_two_names(tmp_path: Path):
    copy = tmp_path / "boardpath-10x10"
    shutil.copytree(shown_models([])[0].folder, copy)
    names = [model.name for model in shown_models(["boardpath-10x10", str(copy)])]
    assert names == ["boardpath-10x10", str(copy)]


def test_exported_files_are_those_that_are_served(tmp_path: Path):
    models = shown_models(["boardpath-10x10"])
    assert export_page(tmp_path / "site", models) == tmp_path / "site" / "index.html"
    found = {p.relative_to(tmp_path / "site").as_posix() for p in (tmp_path / "site").rglob("*")
             if p.is_file()}  # fmt: skip
    assert found == page_files(models).keys()


def test_the_page_as_one_file_is_whole():
    text = one_file({"models": [{"name": "</script><b>"}]})
    assert '<link rel="stylesheet"' not in text and 'src="js/' not in text
    assert text.count("</script>") == 2, "nothing in the data or the program ends a script"
    assert "\nimport " not in text and "\nexport " not in text


def test_solve_writes_a_page_for_each_board(tmp_path: Path):
    (tmp_path / "boards.txt").write_text("S.\n.E\n\nS#\n#E\n")
    words = ["--boards", str(tmp_path / "boards.txt"), "--html", str(tmp_path / "page.html")]
    result = called("solve", *words, "--segments", "1")
    assert f"Page: {tmp_path / 'page-1.html'}\n" in result.out
    found = [recorded_in(tmp_path / f"page-{number}.html") for number in (1, 2)]
    assert [len(page["frames"]) for page in found] == [6, 6]
    assert found[0]["frames"][-1]["verdict"]["name"] in ("exact", "solved", "longer", "none")
    assert found[1]["frames"][-1]["verdict"]["name"] == "unsolvable"
    assert called("solve", "--html", "page.gif").code == 2


def recorded_in(page: Path) -> dict[str, Any]:
    """The thought that a page holds."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert found
    return json.loads(found[1])["recorded"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js (`node`)")
def test_the_joined_modules_are_a_script(tmp_path: Path):
    program = tmp_path / "program.js"
    program.write_text(joined_modules(), encoding="utf-8")
    done = subprocess.run(["node", "--check", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
