"""Opens `report.html` in a real Chromium and uses it as people do.

    pages.py CALLSHEET CHROMIUM [SHOTS]

CALLSHEET is the program, SHOTS a folder for pictures. Needs playwright and axe-playwright-python
from PyPI. Batches are rehearsed here; nothing leaves this machine.
"""

import csv
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import sync_playwright

HOSTILE = "</script><script>window.hostile=1</script><img src=x onerror=window.hostile=1>"
SCENARIO = """
latency: none
work: {elapsed: 300ms}
faults:
  - {fault: status-400, share: 0.02}
  - {fault: close-after-accept, share: 0.003}
failures:
  - {code: generation_timeout, share: 0.03}
  - {code: content_policy_violation, share: 0.01}
"""
CALM = """
latency: none
work: {elapsed: 300ms}
"""


def batch(folder, name, pairs, *options, scenario=SCENARIO):
    """Rehearses so many pairs, and gives the page of the run."""
    (folder / "day.yaml").write_text(scenario)
    with open(folder / f"{name}.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "image", "audio", "prompt", "tags"])
        for n in range(pairs):
            prompt = HOSTILE if n == 1 else f"The person smiles and nods, mood {n % 40}"
            rows.writerow(
                [
                    f"anna-{n:06}",
                    f"https://example.com/portraits/{n % 500}.jpg",
                    f"https://example.com/speech/{n:06}.mp3",
                    prompt,
                    "even" if n % 2 == 0 else "odd, spring" if n % 4 == 1 else "",
                ]
            )
    command = [CALLSHEET, "run", f"{name}.csv", "--mock=day.yaml", "--yes", "-q"]
    command += ["--concurrency", "64", "--max-doubts", "1000", "--keep-going", *options]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert said.returncode in (0, 3, 4, 5), (said.returncode, said.stdout, said.stderr)
    return folder / f"{name}.mock.run" / "report.html"


def take_again(folder, name):
    """Asks for another take of the first video that there is."""
    with open(folder / f"{name}.mock.run" / "tasks.csv", newline="") as file:
        one = next(row["id"] for row in csv.DictReader(file) if row["state"] == "saved")
    command = [CALLSHEET, "redo", f"{name}.csv", one, "--mock=day.yaml", "--yes", "-q"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return one


def check_takes(reader, again):
    takes = reader.page.locator("#take")
    assert takes.is_visible() == (again is not None)
    if again:
        takes.select_option("2")
        assert reader.ids() == [again], reader.ids()
        takes.select_option("")


def until(page, condition):
    """Playwright's own waiting evaluates texts in the page, which its policy forbids."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(condition)


class Reader:
    """A page that is open, and what it asked for."""

    def __init__(self, browser, path, **context):
        context = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **context}
        self.context = browser.new_context(**context)
        self.asked, self.said = [], []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page = self.context.new_page()
        self.page.on("console", lambda line: self.said.append(line.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        began = time.monotonic()
        self.page.goto(path.as_uri())
        if context.get("java_script_enabled", True):
            self.page.wait_for_selector(".pair")
        self.took = time.monotonic() - began

    def close(self):
        left = [url for url in self.asked if not url.startswith(("file:", "blob:", "data:"))]
        assert not left, left
        trouble = [line for line in self.said if "ERR_FILE_NOT_FOUND" not in line]
        assert not trouble, trouble
        self.context.close()

    def ids(self):
        return self.page.locator(".pair .name b").all_inner_texts()

    def shown(self):
        text = self.page.locator("#count").inner_text()
        return int(text.split()[0].replace(",", ""))

    def current(self):
        return self.page.evaluate("document.activeElement.dataset.place")


def check_keys(reader):
    page = reader.page
    page.locator("h1").click()
    for key, place in [("j", "0"), ("j", "1"), ("j", "2"), ("k", "1")]:
        page.keyboard.press(key)
        assert reader.current() == place, (key, place, reader.current())
    page.keyboard.press("v")
    assert page.locator(".pair[data-chosen=yes]").count() == 1
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("jv/")
    assert page.locator("#search").input_value() == "jv/", "keys are letters while one types"
    page.locator("#search").fill("")
    page.keyboard.press("Escape")
    page.wait_for_timeout(200)
    page.locator("#keys").uncheck()
    before = reader.current()
    page.keyboard.press("j")
    assert reader.current() == before, "keys can be switched off"
    page.locator("#keys").check()
    page.locator("#none").click()


def check_filters(reader, pairs):
    page = reader.page
    assert reader.shown() == pairs
    total = 0
    for button in page.locator("#states button").all():
        button.click()
        count = int(button.inner_text().rsplit(" ", 1)[1].replace(",", ""))
        assert reader.shown() == count, button.inner_text()
        total += count
        button.click()
    assert total == pairs
    for option in page.locator("#cause option").all()[1:]:
        page.locator("#cause").select_option(option.get_attribute("value"))
        count = int(option.inner_text().rsplit("(", 1)[1].rstrip(")").replace(",", ""))
        assert reader.shown() == count, option.inner_text()
    if page.locator("#cause").is_visible():
        page.locator("#cause").select_option("")
    page.locator("#search").fill("anna-000001")
    until(page, "document.querySelectorAll('.pair').length === 1")
    assert reader.ids() == ["anna-000001"]
    assert page.evaluate("window.hostile") is None
    assert HOSTILE in page.locator(".pair .name small").inner_text()
    page.locator("#search").fill("")
    until(page, f"parseInt(document.querySelector('#count').textContent.replace(',', '')) === {pairs}")
    for by in ["id", "cost", "length", "took", "since", "order"]:
        page.locator("#sort").select_option(by)
        assert reader.shown() == pairs
    page.locator("#turn").click()
    assert reader.ids()[0] == f"anna-{pairs - 1:06}"
    page.locator("#turn").click()
    page.locator("#look").click()
    assert page.locator("#seen.grid .pair").count() > 3
    page.locator("#look").click()


def check_selection(reader):
    page = reader.page
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for place in (0, 2):
        page.locator(".pair .pick input").nth(place).check()
    page.locator("#copy").click()
    page.wait_for_timeout(100)
    assert page.evaluate("navigator.clipboard.readText()") == "anna-000000\nanna-000002"
    with page.expect_download() as download:
        page.locator("#save").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["id"] for row in rows] == ["anna-000000", "anna-000002"], text
    page.locator("#none").click()
    page.locator("#all").click()
    assert page.locator("#none").is_enabled()
    page.locator("#none").click()


def check_video(reader):
    page = reader.page
    saved = page.locator("#states button", has_text="saved")
    saved.click()
    until(page, "document.querySelector('.shown video').readyState >= 1")
    page.locator(".shown").first.click()
    until(page, "document.querySelector('.shown video').currentTime > 0")
    # Only what is seen is read from the disk.
    films = sum(url.endswith(".mp4") for url in set(reader.asked))
    assert 0 < films < 60, films
    saved.click()


def check_scrolling(reader, pairs):
    page = reader.page
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_timeout(150)
    assert reader.ids()[-1] == f"anna-{pairs - 1:06}", reader.ids()[-1:]
    drawn = page.locator(".pair").count()
    assert drawn < 100, drawn
    slowest = page.evaluate(
        """async () => {
            let slowest = 0;
            for (let step = 0; step < 60; step++) {
                const before = performance.now();
                scrollTo(0, (step * 7919 % 60) / 60 * document.documentElement.scrollHeight);
                await new Promise(requestAnimationFrame);
                await new Promise(requestAnimationFrame);
                slowest = Math.max(slowest, performance.now() - before);
            }
            return slowest;
        }"""
    )
    page.evaluate("scrollTo(0, 0)")
    return slowest


def check_access(reader, axe):
    reader.page.evaluate(axe)
    found = reader.page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
    )
    trouble = [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found["violations"]]
    assert not trouble, trouble


def picture(browser, path, name, width, scheme, **context):
    reader = Reader(browser, path, viewport={"width": width, "height": 1000}, color_scheme=scheme, **context)
    reader.page.wait_for_timeout(400)
    if SHOTS:
        reader.page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}-top.png")
    wide = reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{name} at {width}: {wide} px too wide"
    for look in ("list", "grid"):
        reader.page.evaluate("document.getElementById('pairs').scrollIntoView()")
        reader.page.wait_for_timeout(500)
        if SHOTS:
            reader.page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}-{look}.png")
        check_access(reader, AXE)
        reader.page.locator("#look").click()
    reader.close()


def main():
    folder = Path(tempfile.mkdtemp(prefix="pages-"))
    made = {pairs: batch(folder, f"of-{pairs}", pairs, "--poll-rate", "2000/s", "--downloads", "16") for pairs in (5, 2000)}
    again = {5: take_again(folder, "of-5")}
    made[5] = batch(folder, "of-5", 5)
    made[100_000] = batch(folder, "of-100000", 100_000, "--until", "created")
    assert made[100_000].stat().st_size < 25_000_000
    with sync_playwright() as chromium:
        browser = chromium.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for pairs, path in made.items():
            reader = Reader(browser, path)
            print(f"{pairs} pairs, {path.stat().st_size / 1e6:.1f} MB: opened in {reader.took:.2f} s", flush=True)
            # A second on a machine that does nothing else.
            assert reader.took < 5, reader.took
            check_keys(reader)
            check_filters(reader, pairs)
            check_takes(reader, again.get(pairs))
            check_selection(reader)
            print(f"  a jump takes {check_scrolling(reader, pairs):.0f} ms at most", flush=True)
            if pairs < 100_000:
                check_video(reader)
            check_access(reader, AXE)
            reader.close()
        for scheme in ("light", "dark"):
            for width in (360, 1280, 2560):
                picture(browser, made[2000], "of-2000", width, scheme)
        reader = Reader(browser, made[2000], locale="zh-CN")
        assert reader.page.locator("html").get_attribute("lang") == "zh-Hans"
        assert reader.page.locator("#pairs-head").inner_text() == "列表"
        left = reader.page.evaluate(
            "[...document.querySelectorAll('[data-t]')].filter((e) => !/[\\u4e00-\\u9fff]/.test(e.textContent)).map((e) => e.dataset.t)"
        )
        assert not left, left
        if SHOTS:
            reader.page.screenshot(path=SHOTS / "chinese.png")
        reader.close()
        plain = Reader(browser, made[2000], java_script_enabled=False)
        assert plain.page.locator("table.plain tbody tr").count() == 1000
        assert "1,000 of 2,000" in plain.page.locator("#pairs").inner_text()
        if SHOTS:
            plain.page.screenshot(path=SHOTS / "without-a-script.png")
        plain.close()
        paper = Reader(browser, made[2000])
        pages = paper.page.pdf(path=str(folder / "paper.pdf"))
        assert len(pages) > 50_000, "a thousand pairs are more than a page"
        paper.close()
        browser.close()
    print("all is well")


if __name__ == "__main__":
    CALLSHEET, CHROMIUM = Path(sys.argv[1]).resolve(), sys.argv[2]
    AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
    SHOTS = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    main()
