"""Makes the README's pictures, `docs/report.webp` and `docs/review.webp`, from a rehearsal.

    pictures.py CALLSHEET CHROMIUM FOLDER

Needs what `pages.py` needs.
"""

import base64
import subprocess
import sys
import tempfile
from pathlib import Path

import pages
from playwright.sync_api import sync_playwright
from review import Guest, Server

PEOPLE = ["anna", "ben", "chioma", "diego", "eileen", "farid", "greta", "hiro", "inga", "jonas", "kavya", "liam"]
LANGUAGES = ["ar", "de", "en", "es", "fr", "hi", "ja", "pt", "sw", "zh"]
MOODS = ["speaks calmly to the camera", "smiles and nods once", "explains with her hands", "greets warmly"]
DAY = """
latency: none
work: {elapsed: 2s}
faults:
  - {fault: status-400, share: 0.03}
  - {fault: status-429, share: 0.06}
failures:
  - {code: generation_timeout, share: 0.04}
"""
MANIFEST = "version: 1\nprice_per_second: 0.16\nrate: 8/s\npairs_from: spring.csv\n"


def rehearse(folder):
    rows = ["id,image,audio,prompt,tags"]
    for n, person in enumerate(PEOPLE):
        for m, language in enumerate(LANGUAGES):
            image, audio = f"https://example.com/portraits/{person}.jpg", f"https://example.com/speech/{language}.mp3"
            rows.append(f"{person}-{language},{image},{audio},The person {MOODS[(n + m) % 4]},{language}")
    (folder / "spring.csv").write_text("\n".join(rows) + "\n")
    (folder / "spring.yaml").write_text(MANIFEST)
    (folder / "day.yaml").write_text(DAY)
    command = [pages.CALLSHEET, "run", "spring.yaml", "--mock=day.yaml", "--yes", "-q", "--keep-going"]
    said = subprocess.run([*command, "--concurrency", "6"], cwd=folder, capture_output=True, text=True)
    assert said.returncode in (0, 3), (said.returncode, said.stderr)
    return folder / "spring.mock.run" / "report.html"


def decide(page):
    page.locator("h1").click()
    page.keyboard.press("j")
    for key in "aaxaarax":
        page.keyboard.press(key)
        if key == "r":
            page.locator("#new-prompt").fill("The person speaks slowly, without a smile")
            page.locator("#why").fill("too cheerful for the text")
            page.locator("#yes").click()
            page.keyboard.press("j")


def picture(page, name):
    asked = {"format": "webp", "quality": 85}
    answer = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    data = base64.b64decode(answer["data"])
    (OUT / name).write_bytes(data)
    print(f"{name}: {len(data)} bytes")
    assert len(data) < 150_000


def main():
    folder, size = Path(tempfile.mkdtemp()), {"width": 1280, "height": 800}
    report = rehearse(folder)
    with sync_playwright() as chromium:
        browser = chromium.chromium.launch(executable_path=sys.argv[2], args=["--no-sandbox"])
        reader = pages.Reader(browser, report, viewport={**size, "height": 1300}, color_scheme="light")
        reader.page.wait_for_timeout(500)
        picture(reader.page, "report.webp")
        reader.close()
        server = Server(folder, "spring", "--as", "eileen", ending="yaml")
        guest = Guest(browser, server, viewport=size, color_scheme="light")
        guest.page.locator("#states button", has_text="saved").click()
        decide(guest.page)
        guest.page.evaluate("document.getElementById('pairs').scrollIntoView()")
        guest.page.wait_for_timeout(1500)
        picture(guest.page, "review.webp")
        guest.close()
        server.end()
        browser.close()


if __name__ == "__main__":
    pages.CALLSHEET, OUT = Path(sys.argv[1]).resolve(), Path(sys.argv[3])
    main()
