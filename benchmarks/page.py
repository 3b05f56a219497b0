"""How fast the report page opens where it holds many scenes, against the demo's, in one run.

The demo's page (run `make demo` first), and one of 24 MB: the demo's videos again and again. Each
is opened in a headless Chromium until its first video shows; a page reads a video's pictures when
it is opened. The seconds depend on the machine; the ratio is what counts.

    python benchmarks/page.py
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from pipeline.ground.artefacts import PAGE
from pipeline.stages.report.page import render

ROOT = Path(__file__).parents[1]
LARGE = 24_000_000
ROUNDS = 5


def main() -> None:
    """Open both pages in turns, print the ratio."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("not measured, there is no Chromium here: apt-get install chromium")
        return
    own = ROOT / PAGE
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        large = Path(folder, "large.html")
        large.write_text(enlarged(own.read_text(encoding="utf-8")), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        least = {own: float("inf"), large: float("inf")}
        for _ in range(ROUNDS):
            for path in least:
                least[path] = min(least[path], opened(page, path))
        browser.close()
        for path, seconds in least.items():
            print(f"{path.name:<12}{path.stat().st_size / 1e6:6.1f} MB{seconds:8.2f} s")
    print(f"ratio {least[large] / least[own]:.2f} (the large page: at most 2 s)")


def opened(page: Page, path: Path) -> float:
    """Return the seconds until the first video and the last section show."""
    started = time.perf_counter()
    page.goto(path.as_uri())
    expect(page.locator("#video-title")).not_to_be_empty()
    expect(page.locator("#provenance pre")).to_have_count(1)
    return time.perf_counter() - started


def enlarged(text: str) -> str:
    """Return the page with its videos repeated until it has `LARGE` bytes."""
    data = block_of(text, "data")
    blocks = [block_of(text, f"video-{place}") for place in range(len(data["videos"]))]
    times = round(LARGE / len(text.encode()))
    return render({**data, "videos": data["videos"] * times}, blocks * times)


def block_of(text: str, name: str) -> Any:
    """Return what one of the page's blocks of data holds."""
    return json.loads(text.split(f'id="{name}">')[1].split("</script>")[0])


if __name__ == "__main__":
    main()
