"""Python aiohttp: answers to a CSV file, nothing synced. URL PAIRS CONCURRENCY FOLDER."""

import asyncio
import csv
import sys

import aiohttp


async def main(url: str, pairs: int, concurrency: int, folder: str) -> None:
    with open(f"{folder}/aiohttp.csv", "w", newline="") as file:
        rows = csv.writer(file)
        numbers = iter(range(pairs))
        connector = aiohttp.TCPConnector(limit=concurrency)
        headers = {"authorization": "Bearer bench-key-0123456789"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def work() -> None:
                for n in numbers:
                    body = {
                        "model": "omnihuman-1.5",
                        "image_url": f"https://example.com/portraits/{n}.jpg",
                        "audio_url": f"https://example.com/speech/{n}.mp3",
                    }
                    async with session.post(url, json=body) as answer:
                        rows.writerow([n, (await answer.json())["id"]])

            await asyncio.gather(*(work() for _ in range(concurrency)))


url, pairs, concurrency, folder = sys.argv[1:]
asyncio.run(main(url, int(pairs), int(concurrency), folder))
