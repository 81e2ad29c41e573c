"""The page in a real browser: it draws, it asks the network for nothing, and the word is seen without scrolling."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from analysis.gate_file import Gate, Margins
from analysis.rehearsal import rehearse, reports
from tests.runs import shop, write_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")

PROBE = """<script>
addEventListener("error", (event) => { document.title += " ERROR " + event.message; });
addEventListener("securitypolicyviolation", (event) => { document.title += " BLOCKED " + event.blockedURI; });
const wait = setInterval(() => {
  if (!document.documentElement.dataset.drawn) return;
  clearInterval(wait);
  const word = document.querySelector(".word").getBoundingClientRect();
  const headline = document.querySelector(".headline").getBoundingClientRect();
  document.body.dataset.probe = JSON.stringify({
    word: word.bottom, headline: headline.bottom, height: innerHeight, width: innerWidth,
    across: document.documentElement.scrollWidth, charts: document.querySelectorAll("figure svg").length,
    requests: performance.getEntriesByType("resource").length, drawn: document.documentElement.dataset.drawn,
  });
}, 20);
</script></body>"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Serves the page on loopback and notes every path that was asked for."""
    asked: list[str] = []
    page = tmp_path / "page.html"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = page.read_bytes() if self.path == "/page.html" else b""
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}/page.html", asked
        found.shutdown()
        thread.join(5)


@pytest.mark.parametrize("size", ["1280,800", "500,800"], ids=["desk", "phone"])
def test_the_page_draws_itself_and_shows_the_word_at_once(
    tmp_path: Path, server: tuple[str, list[str]], size: str
) -> None:
    address, asked = server
    baseline = write_run(tmp_path / "a", shop(1), kind="production")
    candidate = write_run(tmp_path / "b", shop(3, slower={"GET /search": 1.6}, failing={"GET /": 0.04}))
    found = rehearse(baseline, candidate, Gate(slice_s=2.0, margins=Margins(relative=0.2)))
    page = reports(found)["report.html"].decode()
    head, _, tail = page.rpartition("</body>")
    (tmp_path / "page.html").write_text(head + PROBE + tail, encoding="utf-8")
    assert CHROMIUM

    ended = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={size}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    title = re.search(r"<title>(.*?)</title>", ended.stdout)
    assert title
    assert title[1] == "NOT READY – b against a"
    probe = re.search(r'data-probe="([^"]*)"', ended.stdout)
    assert probe
    seen = dict(re.findall(r"&quot;(\w+)&quot;:&?q?u?o?t?;?([\d.]+)", probe[1]))
    assert float(seen["headline"]) < float(seen["height"]) / 2
    assert float(seen["across"]) <= float(seen["width"])
    assert int(seen["charts"]) >= 5
    assert seen["requests"] == "0"
    assert [path for path in asked if path != "/favicon.ico"] == ["/page.html"]
    assert not [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
